"""What a model sees in a clip: its likeliest entities, actions and relationships; and clips filtered by them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from graphvtr.datasets import DataSource
from graphvtr.errors import DataError
from graphvtr.graphs import VideoGraph
from graphvtr.nn import ConceptModel, LevelEmbeddings, RetrievalModel
from graphvtr.tasks.checkpoint import check_features, load_checkpoint
from graphvtr.tasks.prepare import featurizer_name
from graphvtr.video import ClipPipeline, FeatureStore, build_featurizer

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


def keeps(model: ConceptModel, video: LevelEmbeddings, filters: Sequence[ConceptFilter]) -> Tensor:
    """Which videos show all concepts, bool [Nv].

    Raises:
        DataError: a level or concept that the model does not know; near ones are named.
    """
    kept = torch.ones(video.num_items, dtype=torch.bool)
    probabilities = model.concept_probabilities(video) if filters else {}
    for wanted in filters:
        column = model.concepts.find(wanted.level, wanted.concept) - model.concepts.columns(wanted.level).start
        kept &= probabilities[wanted.level][:, column].cpu() >= wanted.at_least
    return kept


class ClipTagger:
    """Tags clips by a trained model.

    Args:
        checkpoint: of a model that predicts concepts.
        store: feature store written by ``graphvtr extract``; clips are then names in it, else video files.

    Raises:
        DataError: the checkpoint or the store cannot be read, the checkpoint predicts no concepts, or the store's
            features are not those it was trained with.
    """

    def __init__(self, checkpoint: str | Path, store: str | Path | None = None) -> None:
        model, _, self.info = load_checkpoint(checkpoint)
        self.checkpoint, self.model = checkpoint, concept_model(model, checkpoint)
        self.store = None if store is None else FeatureStore.open(store)
        if self.store is not None and store is not None:
            made_by = featurizer_name(DataSource(store=Path(store)))
            check_features(checkpoint, self.info, store, width=self.store.widths["frame_x"], featurizer=made_by)

    def tag(self, clip: str | Path, top: int = 5, at_least: float = 0.0) -> dict[str, list[Tag]]:
        """The likeliest concepts of one clip, see :func:`tag_videos`.

        Raises:
            DataError: the clip cannot be read, or has other features than the model was trained with.
        """
        if self.store is not None:
            graph = self.store.video_graph(str(clip))
        else:
            graph = read_clip(clip, self.info.featurizer, where=self.checkpoint)
            check_features(self.checkpoint, self.info, clip, width=int(graph["frame"].x.size(1)))
        with torch.inference_mode():
            video = self.model.encode_video(self.model.transform_video(graph))
            return tag_videos(self.model, video, top, at_least)[0]


def read_clip(clip: str | Path, featurizer: str, *, where: object = "checkpoint") -> VideoGraph:
    """The frames of a video file, described as for training.

    Raises:
        DataError: no such file, nothing of it decodes, or nobody knows how the features were made.
    """
    path = Path(clip)
    if not path.is_file():
        raise DataError(path, "no such file", "give a video file, or --store STORE and the name of a clip in it")
    if not featurizer:
        raise DataError(where, "does not say what made its features", "extract the clip and pass --store")
    fields, _ = ClipPipeline(build_featurizer(featurizer))(path)
    return VideoGraph.build(fields["frame_x"].float(), fields["frame_time"], name=path.stem)


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
