"""What a model sees in a clip: its likeliest entities, actions and relationships; and clips filtered by them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from graphvtr.errors import DataError
from graphvtr.nn import ConceptModel, LevelEmbeddings, RetrievalModel
from graphvtr.nn.feeding import Mismatch
from graphvtr.tasks.checkpoint import load
from graphvtr.video import FeatureStore

AT_LEAST = 0.5


@dataclass(frozen=True)
class Tag:
    """A concept that a model sees in a clip.

    Args:
        level: ``"entity"``, ``"action"`` or ``"relationship"``.
        concept: for instance ``"dog"`` or ``"man ride horse"``.
        probability: by the model's head.
        captions: training captions that name it.
    """

    level: str
    concept: str
    probability: float
    captions: int


@dataclass(frozen=True)
class ConceptFilter:
    """Clips must show a concept.

    Args:
        level: ``"entity"``, ``"action"`` or ``"relationship"``.
        concept: one of the model's.
        at_least: its probability.

    Raises:
        DataError: a probability outside 0..1.
    """

    level: str
    concept: str
    at_least: float = AT_LEAST

    def __post_init__(self) -> None:
        if not 0.0 <= self.at_least <= 1.0:
            raise DataError("at_least", f"is {self.at_least}", "give a probability from 0 to 1")


def concept_model(model: RetrievalModel, where: object = "model") -> ConceptModel:
    """The model, if it predicts concepts.

    Raises:
        DataError: it does not, or was trained without any.
    """
    if not isinstance(model, ConceptModel):
        raise DataError(where, f"is of {type(model).__name__}, which predicts no concepts", "train mcsan or hanet")
    if not len(model.concepts):
        raise DataError(where, "was trained without concepts", "train on captions with nouns or verbs")
    return model


def tag_videos(
    model: ConceptModel, video: LevelEmbeddings, top: int = 5, at_least: float = 0.0
) -> list[dict[str, list[Tag]]]:
    """The likeliest concepts of every video, level by level, likeliest first.

    Args:
        model: predicts concepts.
        video: embedded by the model.
        top: concepts of each level; fewer where the level has fewer.
        at_least: leave out less likely ones.

    Raises:
        DataError: ``top`` is below 1.
    """
    if top < 1:
        raise DataError("top", f"is {top}", "give 1 or more")
    found: list[dict[str, list[Tag]]] = [{} for _ in range(video.num_items)]
    for level, probabilities in model.concept_probabilities(video).items():
        names, counts = model.concepts.concepts[level], model.concepts.counts[level]
        best = torch.sort(probabilities, dim=1, descending=True, stable=True)
        for tags, values, ids in zip(found, best.values[:, :top].tolist(), best.indices[:, :top].tolist(), strict=True):
            tags[level] = [
                Tag(level, names[i], p, counts[i]) for p, i in zip(values, ids, strict=True) if p >= at_least
            ]
    return found


class ClipTagger:
    """Tags clips by a trained model.

    Args:
        checkpoint: of a model that predicts concepts.
        store: feature store written by ``graphvtr extract``; clips are then names in it, else video files, described
            as in the model's training.
        mismatch: see :meth:`graphvtr.nn.RetrievalModel.check`.

    Raises:
        DataError: the checkpoint or the store cannot be read, the checkpoint predicts no concepts, or the store's
            features are not those it was trained with.
    """

    def __init__(
        self, checkpoint: str | Path, store: str | Path | None = None, *, mismatch: Mismatch = "error"
    ) -> None:
        self.model = concept_model(load(checkpoint), checkpoint)
        self.store = None if store is None else FeatureStore.open(store)
        if self.store is not None:
            self.model.check(self.store, mismatch=mismatch)

    def tag(self, clip: str | Path, top: int = 5, at_least: float = 0.0) -> dict[str, list[Tag]]:
        """The likeliest concepts of one clip, see :func:`tag_videos`.

        Raises:
            DataError: the clip cannot be read, or has other features than the model was trained with.
        """
        given: Any = [clip] if self.store is None else [self.store.video_graph(str(clip))]
        with torch.inference_mode():
            return tag_videos(self.model, self.model.encode_video(given), top, at_least)[0]


def format_tags(tags: dict[str, list[Tag]]) -> str:
    """A line a concept: probability, a bar, the concept, and how many training captions name it."""
    lines: list[str] = []
    width = max((len(tag.concept) for found in tags.values() for tag in found), default=0)
    for level, found in tags.items():
        lines.append({"entity": "entities", "action": "actions", "relationship": "relationships"}[level])
        if not found:
            lines.append("  none")
        for tag in found:
            bar = "#" * round(20 * tag.probability)
            lines.append(f"  {tag.probability:5.3f}  {tag.concept:<{width}}  {bar:<20}  {tag.captions} captions")
    return "\n".join(line.rstrip() for line in lines)
