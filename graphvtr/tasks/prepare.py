"""Datasets and models brought together."""

from __future__ import annotations

import copy
import inspect
from typing import Any

from graphvtr.datasets import RetrievalDataset
from graphvtr.errors import DataError
from graphvtr.nn.models import MODELS, RetrievalModel
from graphvtr.nn.models.concept_model import ConceptModel
from graphvtr.tasks.concepts import concept_vocabulary, label
from graphvtr.text import Vocabulary

DATA_ARGUMENTS = ("vocab_size", "video_dim", "region_dim", "concepts")
"""Constructor arguments of models that follow from the data."""


def prepare(dataset: RetrievalDataset, model: RetrievalModel, vocabulary: Vocabulary | None = None) -> RetrievalDataset:
    """A copy of the dataset as the model wants it: its graphs through the model's transforms, words encoded, no regions
    where it looks at frames alone.

    Args:
        dataset: a split.
        model: its transforms are applied.
        vocabulary: of the words; the model's own by default.
    """
    if not model.reads_regions and "region" in dataset.video_graphs.nodes:
        frames = dataset.video_graphs.without("region")
        dataset = copy.copy(dataset)
        dataset.video_graphs = frames
    prepared = dataset.transformed(model.transform_video, model.transform_text)
    prepared.encode_words(vocabulary or model.require_vocabulary())
    return prepared


def prepare_training(dataset: RetrievalDataset, model: RetrievalModel, vocabulary: Vocabulary) -> RetrievalDataset:
    """:func:`prepare`, and for models that predict concepts the labels of every caption and video.

    Raises:
        MissingExtraError: the model predicts concepts, and spaCy is not installed.
    """
    prepared = prepare(dataset, model, vocabulary)
    if isinstance(model, ConceptModel) and len(model.concepts):
        label(prepared, dataset, model.concepts, bool(model.config.get("prepositions")))
    return prepared


def make_vocabulary(dataset: RetrievalDataset, min_count: int = 1) -> Vocabulary:
    """The vocabulary that comes with a dataset, or one of the words of its captions."""
    return dataset.vocabulary or Vocabulary.from_captions(dataset.words(), min_count)


def build_model(
    name: str, dataset: RetrievalDataset, vocabulary: Vocabulary, options: dict[str, Any] | None = None
) -> RetrievalModel:
    """A registered model whose sizes fit the data.

    Args:
        name: registered name, or ``FILE.py:NAME``.
        dataset: its features set ``video_dim`` and, for models with regions, ``region_dim``; its captions the
            ``concepts`` of models that predict them.
        vocabulary: its length sets ``vocab_size``.
        options: the other constructor arguments.

    Raises:
        DataError: unknown model or option, or a model with regions on a dataset without.
    """
    model_class = MODELS.find(name)
    accepted = inspect.signature(model_class).parameters
    values: dict[str, Any] = {"vocab_size": len(vocabulary), "video_dim": dataset.video_dim}
    if "region_dim" in accepted:
        region = dataset.video_graphs.nodes.get("region")
        if region is not None:
            values["region_dim"] = int(region.tensors["x"].size(1))
        elif accepted["region_dim"].default is not None:  # None: the model says itself whether it can do without
            raise DataError(
                f"dataset '{dataset.name}'",
                f"has no regions, which {name} needs",
                "run graphvtr extract with --detector",
            )
    for option in options or {}:
        if option not in accepted:
            raise DataError(f"option '{option}' of {name}", "unknown", f"known: {', '.join(accepted)}")
    if "concepts" in accepted:
        wanted = (options or {}).get("concept_sizes", accepted["concept_sizes"].default)
        values["concepts"] = concept_vocabulary(
            dataset, wanted, prepositions=bool((options or {}).get("prepositions"))
        ).to_dict()
    sizes = {key: value for key, value in values.items() if key in accepted}
    return model_class(**{**sizes, **(options or {})})
