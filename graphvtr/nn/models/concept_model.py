"""What models that predict concepts share: their vocabulary, labels of a batch, and tags of a clip."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from graphvtr.errors import DataError
from graphvtr.graphs import RoleGraph, VideoGraph, num_graphs
from graphvtr.nn.levels import LevelEmbeddings
from graphvtr.nn.models.base import RetrievalModel
from graphvtr.text.concepts import LEVELS, ConceptVocabulary

LABELS = "labels"
"""What the embeddings of a training batch carry beside the levels: the concepts of each item, [N, K] of 0 and 1."""


class ConceptModel(RetrievalModel):
    """A retrieval model with heads that predict the entities, actions and relationships of videos and captions.

    The concept vocabulary is part of :attr:`config`, so that a checkpoint carries it. In training, graphs have nodes
    ``concept`` with the ids of their concepts (:func:`graphvtr.tasks.prepare.prepare_training` hangs them on); the
    encoders hand them on as :data:`LABELS`. Graphs without are fine anywhere else.

    Attributes:
        concepts: the concepts that the heads predict.
        concept_levels: their levels, those of :data:`graphvtr.text.concepts.LEVELS` that the model has.
    """

    concepts: ConceptVocabulary
    concept_levels: tuple[str, ...] = LEVELS

    @abstractmethod
    def concept_probabilities(self, video: LevelEmbeddings) -> dict[str, Tensor]:
        """How likely each concept is in each video: level -> [Nv, concepts of the level], by the model's heads."""

    def labels_of(self, embeddings: LevelEmbeddings, side: str) -> Tensor:
        """The labels of a batch, [N, K].

        Raises:
            DataError: its graphs carried none.
        """
        if LABELS not in embeddings:
            raise DataError(
                f"concepts of the {side} batch", "missing, which the loss of this model needs",
                "prepare the training split with graphvtr.tasks.prepare.prepare_training",
            )  # fmt: skip
        return embeddings[LABELS].x

    def with_labels(self, embeddings: LevelEmbeddings, graph: VideoGraph | RoleGraph) -> LevelEmbeddings:
        """The embeddings, and the labels of their graphs where these carry concepts."""
        if "concept" not in graph.node_types:
            return embeddings
        store = graph["concept"]
        owner = store.batch if "batch" in store else torch.zeros_like(store.id)
        if store.id.device.type == "cpu" and store.id.numel() and int(store.id.max()) >= len(self.concepts):
            raise DataError(
                "concept.id", f"has id {int(store.id.max())} for {len(self.concepts)} concepts",
                "label the graphs with the model's own vocabulary (prepare_training does)",
            )  # fmt: skip
        labels = torch.zeros(num_graphs(graph), len(self.concepts), device=store.id.device)
        labels[owner, store.id] = 1.0
        return LevelEmbeddings(**dict(embeddings.items()), **{LABELS: labels})


def read_concepts(values: Mapping[str, Any] | ConceptVocabulary | None, levels: tuple[str, ...]) -> ConceptVocabulary:
    """The vocabulary a constructor was given, with the concepts of ``levels`` only.

    Raises:
        DataError: it is no concept vocabulary.
    """
    if values is None:
        return ConceptVocabulary()
    vocabulary = values if isinstance(values, ConceptVocabulary) else ConceptVocabulary.from_dict(values)
    return ConceptVocabulary(
        **{level: list(zip(vocabulary.concepts[level], vocabulary.counts[level], strict=True)) for level in levels}
    )
