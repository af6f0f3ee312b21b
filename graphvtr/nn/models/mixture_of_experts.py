"""Collaborative experts, of the features that a store has."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from graphvtr.errors import DataError
from graphvtr.graphs import RoleGraph, VideoGraph
from graphvtr.nn.lazy_linear import Linear
from graphvtr.nn.levels import Level, LevelEmbeddings
from graphvtr.nn.match.indexed import Side
from graphvtr.nn.models.vse import VSE
from graphvtr.nn.precision import match_in_float32
from graphvtr.nn.registered import MODELS
from graphvtr.ops.local_match import normalize_rows


class DotMatch(nn.Module):
    """The inner product of all pairs: vectors are weighted, so their length counts."""

    exact_keys = True

    @match_in_float32
    def forward(self, video: Level, text: Level) -> Tensor:
        """[Nv, Nt]."""
        return video.x @ text.x.T

    def item_keys(self, level: Level, side: Side) -> list[Tensor]:
        """See :class:`graphvtr.nn.match.IndexedMatch`."""
        return [level.x]

    query_keys = item_keys


class GatedUnit(nn.Module):
    r"""A gated embedding unit, :math:`\operatorname{l2}(z \odot \sigma(W_2 z + b_2)), z = W_1 x + b_1` ."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.into, self.gate = Linear(in_channels, out_channels), Linear(out_channels, out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """[N, in_channels] -> unit vectors [N, out_channels]."""
        z = self.into(x)
        return normalize_rows(z * torch.sigmoid(self.gate(z)))


@MODELS.register("ce")
class MixtureOfExperts(VSE):
    r"""After `"Use What You Have: Video Retrieval Using Representations from Collaborative Experts" (Liu, Albanie,
    Nagrani, Zisserman; BMVC 2019) <https://arxiv.org/abs/1907.13487>`_: each kind of features is an expert with a space
    of its own, a caption says how much each counts, and experts gate each other.

    .. math:: s(v, c) = \sum_i w_i(c) \langle v_i, c_i \rangle

    Experts are the appearance and the motion part of the frame features. Left out: the experts that a store does not
    have (face, speech, audio, scene, OCR; concatenate them and widen ``experts``), NetVLAD over frames and words (their
    mean and a GRU instead), and BERT unless ``text`` names it.

    Args:
        vocab_size: number of words, ``len(vocabulary)``.
        video_dim: width of the frame features.
        experts: widths of the kinds of features that stand side by side in ``frame.x``; None for one expert.
        hidden: D, width of each expert's space.
        word_dim: width of the word embedding.
        max_frames: evenly spaced frames of a clip, see :func:`graphvtr.graphs.sample_frames`; None for all.
        margin: of the loss, over all negatives.
        text: see :class:`VSE`.

    Raises:
        DataError: ``experts`` do not add up to ``video_dim``.
    """

    def __init__(
        self,
        vocab_size: int,
        video_dim: int,
        experts: list[int] | None = None,
        hidden: int = 768,
        word_dim: int = 300,
        max_frames: int | None = None,
        margin: float = 0.2,
        text: str | None = None,
    ) -> None:
        super().__init__(vocab_size, video_dim, hidden, word_dim, max_frames, margin, "all", "mean", text)
        self.widths = experts or [video_dim]
        if sum(self.widths) != video_dim or min(self.widths) < 1:
            raise DataError("experts", f"are {self.widths} of {video_dim}", f"give widths that sum to {video_dim}")
        del self.video_map
        self.matchers = nn.ModuleDict({"event": DotMatch()})
        count = len(self.widths)
        self.projections = nn.ModuleList(Linear(width, hidden) for width in self.widths)
        self.collaborate = Linear(hidden, hidden)
        self.video_units = nn.ModuleList(GatedUnit(hidden, hidden) for _ in self.widths)
        self.text_units = nn.ModuleList(GatedUnit(hidden, hidden) for _ in self.widths)
        self.weigh = Linear(hidden, count)

    def encode_video(self, graph: VideoGraph) -> LevelEmbeddings:
        """``event`` [N, experts D], a unit vector an expert."""
        parts = self.mean_frames(graph).split(self.widths, 1)
        seen = [project(part) for project, part in zip(self.projections, parts, strict=True)]
        every = torch.stack([self.collaborate(one) for one in seen]).sum(0)
        gated = [one * torch.sigmoid(every) for one in seen]
        return LevelEmbeddings(event=torch.cat([unit(x) for unit, x in zip(self.video_units, gated, strict=True)], 1))

    def encode_text(self, graph: RoleGraph) -> LevelEmbeddings:
        """``event`` [N, experts D], a vector an expert, as long as the caption weighs it."""
        state = self.last_state(*self.word_vectors(graph))
        weights = self.weigh(state).softmax(1)
        parts = [weights[:, i : i + 1] * unit(state) for i, unit in enumerate(self.text_units)]
        return LevelEmbeddings(event=torch.cat(parts, 1))
