"""Order embeddings: a caption is more general than what it describes."""

from __future__ import annotations

from torch import nn

from graphvtr.graphs import RoleGraph, VideoGraph
from graphvtr.nn.levels import LevelEmbeddings
from graphvtr.nn.match.order import OrderMatch
from graphvtr.nn.models.vse import VSE
from graphvtr.nn.registered import MODELS
from graphvtr.ops.local_match import normalize_rows


@MODELS.register("order")
class OrderEmbeddings(VSE):
    r"""`"Order-Embeddings of Images and Language" (Vendrov, Kiros, Fidler, Urtasun; ICLR 2016)
    <https://arxiv.org/abs/1511.06361>`_: :class:`VSE` with absolute values of unit length on both sides and the order
    violation as score (:class:`graphvtr.nn.match.OrderMatch`), margin 0.05, all negatives.

    Args:
        vocab_size: number of words, ``len(vocabulary)``.
        video_dim: width of the frame features.
        hidden: D, width of the joint space and of the GRU.
        word_dim: width of the word embedding.
        max_frames: evenly spaced frames of a clip, see :func:`graphvtr.graphs.sample_frames`; None for all.
        margin: of the loss.
        text: see :class:`VSE`.
    """

    def __init__(
        self,
        vocab_size: int,
        video_dim: int,
        hidden: int = 1024,
        word_dim: int = 300,
        max_frames: int | None = None,
        margin: float = 0.05,
        text: str | None = None,
    ) -> None:
        super().__init__(vocab_size, video_dim, hidden, word_dim, max_frames, margin, "all", "sum", text)
        self.matchers = nn.ModuleDict({"event": OrderMatch()})

    def encode_video(self, graph: VideoGraph) -> LevelEmbeddings:
        """``event`` [N, D], no entry below 0."""
        return LevelEmbeddings(event=normalize_rows(super().encode_video(graph)["event"].x.abs()))

    def encode_text(self, graph: RoleGraph) -> LevelEmbeddings:
        """``event`` [N, D], no entry below 0."""
        return LevelEmbeddings(event=normalize_rows(super().encode_text(graph)["event"].x.abs()))
