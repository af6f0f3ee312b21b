"""Retrieval without training: phrases of a role graph matched to frames and regions in a CLIP-like model's space."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor, nn
from torch.nn.functional import normalize

from graphvtr.errors import DataError
from graphvtr.graphs import RoleGraph, VideoGraph, node_ptr
from graphvtr.nn.encoders.phrases import PhraseEncoder
from graphvtr.nn.frames_and_regions import frames_and_regions
from graphvtr.nn.levels import Level, LevelEmbeddings
from graphvtr.nn.match import CosineMatch, LocalAttentiveMatch
from graphvtr.nn.models.base import RetrievalModel
from graphvtr.nn.node_features import node_features
from graphvtr.ops import segment_reduce


class ZeroShot(RetrievalModel):
    r"""A CLIP-like model's own cosine of caption and mean frame, and of each phrase and what it looks at.

    .. math:: s = \frac{s_{event} + w\, \tfrac12 (s_{action} + s_{entity})}{1 + w}

    Actions attend over frames, entities over frames and, where the clip has them, regions. Nothing is trained and no
    caption is needed, so that it is no registered model: there is nothing to save. Features come from ``graphvtr
    extract --backbone DIRECTORY`` with the same directory.

    Args:
        directory: local Hugging Face directory of CLIP, SigLIP or their like.
        phrase_weight: w; 0 leaves the model's own cosine.

    Raises:
        DataError: the directory holds no such model.
        MissingExtraError: ``transformers`` is not installed.
    """

    levels = ("event", "action", "entity")

    def __init__(self, directory: str | Path, phrase_weight: float = 0.5) -> None:
        super().__init__()
        self.config = {"directory": str(directory), "phrase_weight": phrase_weight}
        if phrase_weight < 0:
            raise DataError("phrase_weight", f"is {phrase_weight}", "give 0 or more")
        self.phrases = PhraseEncoder(directory)
        self.matchers = nn.ModuleDict({"event": CosineMatch()})
        for level in self.levels[1:]:
            self.matchers[level] = LocalAttentiveMatch(fusion="sim", norm="clipped", node_reduce="mean")

    def encode_video(self, graph: VideoGraph) -> LevelEmbeddings:
        """``event`` [N, D], ragged ``action`` (frames) and ``entity`` (frames and regions).

        Raises:
            DataError: features of another width than the directory's model has.
        """
        width = self.phrases.out_channels
        frames = normalize(node_features(graph, "frame", width, "directory").float(), dim=1)
        ptr = node_ptr(graph, "frame").to(frames.device)
        entity = Level(frames, ptr)
        if "region" in graph.node_types:
            regions = normalize(node_features(graph, "region", width, "directory").float(), dim=1)
            entity = frames_and_regions(graph, frames, regions)
        return LevelEmbeddings(event=segment_reduce(frames, ptr, "mean"), action=Level(frames, ptr), entity=entity)

    def encode_text(self, graph: RoleGraph) -> LevelEmbeddings:
        """``event`` [N, D], the ragged actions and entities.

        Raises:
            DataError: the captions have not passed through :meth:`transform_text`.
        """
        return self.phrases(graph)  # type: ignore[no-any-return]

    def transform_text(self, graph: RoleGraph) -> RoleGraph:
        """The captions with the pieces of their phrases."""
        return self.phrases.tokenize(graph)

    def fuse(self, level_scores: Tensor) -> Tensor:
        """The formula above."""
        weight = float(self.config["phrase_weight"])
        return (level_scores[0] + weight * level_scores[1:].mean(0)) / (1 + weight)

    def loss(self, video: LevelEmbeddings, text: LevelEmbeddings, video_of_text: Tensor) -> dict[str, Tensor]:
        """There is none.

        Raises:
            DataError: always.
        """
        raise DataError("zero_shot", "has nothing to train", "train graphvtr with text set to the same directory")
