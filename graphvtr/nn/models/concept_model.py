"""What models that predict concepts share: their vocabulary, labels of a batch, and tags of a clip."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from graphvtr.errors import DataError
from graphvtr.graphs import RoleGraph, num_graphs
from graphvtr.nn.levels import LevelEmbeddings
from graphvtr.nn.models.base import RetrievalModel
from graphvtr.text.concepts import LEVELS, ConceptVocabulary

LABELS, VIDEO_LABELS = "labels", "video_labels"
"""What the captions of a training batch carry beside the levels, [Nt, K] of 0 and 1: the concepts of each, and those of
all captions of its video."""


class ConceptModel(RetrievalModel):
    """A retrieval model with heads that predict the entities, actions and relationships of videos and captions.

    The concept vocabulary is part of :attr:`config`, so that a checkpoint carries it. In training, captions have nodes
    ``concept`` and ``video_concept`` with the ids of their concepts and of their video's
    (:func:`graphvtr.tasks.prepare.prepare_training` hangs them on); the text encoder hands them on as :data:`LABELS`
    and :data:`VIDEO_LABELS`. Captions without are fine anywhere else.

    Attributes:
        concepts: the concepts that the heads predict.
        concept_levels: their levels, those of :data:`graphvtr.text.concepts.LEVELS` that the model has.
    """

    concepts: ConceptVocabulary
    concept_levels: tuple[str, ...] = LEVELS

    @abstractmethod
    def concept_probabilities(self, video: LevelEmbeddings) -> dict[str, Tensor]:
        """How likely each concept is in each video: level -> [Nv, concepts of the level], by the model's heads."""

    def labels_of(self, text: LevelEmbeddings) -> tuple[Tensor, Tensor]:
        """The concepts of the captions of a batch, and those of their videos, [Nt, K] each.

        Raises:
            DataError: the captions carried none.
        """
        if LABELS not in text or VIDEO_LABELS not in text:
            raise DataError(
                "concepts of the captions",
                "missing, which the loss of this model needs",
                "prepare the training split with graphvtr.tasks.prepare.prepare_training",
            )
        return text[LABELS].x, text[VIDEO_LABELS].x

    def with_labels(self, text: LevelEmbeddings, graph: RoleGraph) -> LevelEmbeddings:
        """The embeddings of captions, and their labels where they carry concepts."""
        if "concept" not in graph.node_types:
            return text
        labels = {
            name: self._multi_hot(graph, node) for name, node in ((LABELS, "concept"), (VIDEO_LABELS, "video_concept"))
        }
        return LevelEmbeddings(**dict(text.items()), **labels)

    def _multi_hot(self, graph: RoleGraph, node: str) -> Tensor:
        store = graph[node]
        if store.id.device.type == "cpu" and store.id.numel() and int(store.id.max()) >= len(self.concepts):
            raise DataError(
                f"{node}.id",
                f"has id {int(store.id.max())} for {len(self.concepts)} concepts",
                "label the captions with the model's own vocabulary (prepare_training does)",
            )
        owner = store.batch if "batch" in store else torch.zeros_like(store.id)
        labels = torch.zeros(num_graphs(graph), len(self.concepts), device=store.id.device)
        labels[owner, store.id] = 1.0
        return labels


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
