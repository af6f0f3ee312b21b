"""ViSERN (Feng, Zeng, Luo, Yang, Feng; IJCAI 2020)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from graphvtr.graphs import RoleGraph, VideoGraph, node_ptr, num_nodes
from graphvtr.nn.conv.random_walk_conv import Normalization
from graphvtr.nn.conv.random_walk_gcn import RandomWalkGCN
from graphvtr.nn.encoders.dual_text import DualTextEncoder
from graphvtr.nn.encoders.dual_video import DualVideoEncoder
from graphvtr.nn.levels import LevelEmbeddings
from graphvtr.nn.losses.triplet import Mining, Reduction
from graphvtr.nn.models.one_vector import OneVectorModel
from graphvtr.nn.models.released import Ablated
from graphvtr.nn.node_features import node_features
from graphvtr.nn.ragged import batch_to_ptr
from graphvtr.nn.region_attention import attention_map
from graphvtr.nn.registered import MODELS
from graphvtr.ops import segment_reduce
from graphvtr.ops.transition import DEGREE_EPS, Affinity

PRESETS: dict[str, dict[str, Any]] = {
    "no_reasoning": {"normalization": "none"},
    "row": {"normalization": "row"},
    "symmetric": {"normalization": "symmetric"},
    "random_walk": {"normalization": "random_walk"},
}
"""The rows of Table 3; ``affinity="dot"`` besides for Eq 1 as printed."""


@MODELS.register("visern")
class ViSERN(Ablated, OneVectorModel):
    r"""`"Exploiting Visual Semantic Reasoning for Video-Text Retrieval" <https://arxiv.org/abs/2006.08889>`_.

    The regions of each frame are a complete graph and reason over it by random walks (:class:`RandomWalkGCN`); their
    mean is the frame's feature. Frames and words then pass through the encoders of Dual Encoding into the common
    space, under the hinge loss with the hardest negatives (Eq 13).

    A frame without regions has the feature 0. Frame features (``frame.x``) are not used, as in the paper.

    Args:
        vocab_size: number of words, ``len(vocabulary)``.
        region_dim: d, width of the region features.
        hidden: D, width of the common space.
        normalization: ``"random_walk"``, ``"symmetric"``, ``"row"`` or ``"none"``: Table 3's rows (:meth:`preset`).
        affinity: ``"softplus"``, ``"exp"`` or ``"dot"`` (Eq 1 as printed), see :class:`RandomWalkGCNConv`.
        num_layers: reasoning layers.
        num_steps: steps of the walk in each.
        key_channels: width of :math:`\phi` and :math:`\theta`; ``region_dim`` when None.
        batch_norm: BatchNorm of what a layer adds.
        zero_init: layers start as the identity.
        location: boxes speak in the region graph.
        temporal: regions hear those of the frame before.
        eps: bound on degrees under ``"dot"``.
        word_dim: width of the word embedding.
        video_rnn, text_rnn, video_kernels, text_kernels, filters, video_filters, text_filters: see
            :class:`DualEncoding`.
        first_level, bow_size, boundaries, dropout, packed, text: see :class:`DualEncoding`.
        max_frames: evenly spaced frames of a clip, see :func:`graphvtr.graphs.sample_frames`; None for all.
        max_regions: regions of the highest score of a frame, see :func:`graphvtr.graphs.top_regions`; None for all.
        margin: :math:`\alpha` of the loss.
        mining: ``"hardest"``, ``"all"`` or the ``"mean"`` of all negatives.
        reduction: ``"mean"`` or ``"sum"`` over the pairs of a batch.

    Raises:
        DataError: sizes that do not go together, or an unknown option.

    Example:
        >>> sizes = {"hidden": 8, "word_dim": 5, "video_rnn": 4, "text_rnn": 4, "filters": 3}
        >>> model = ViSERN(vocab_size=10, region_dim=6, **sizes).eval()
        >>> clip = VideoGraph.build(
        ...     torch.zeros(3, 1), region_x=torch.randn(5, 6), region_frame=torch.tensor([0, 0, 0, 2, 2]))
        >>> model.encode_video(clip)["event"].x.shape
        torch.Size([1, 8])
        >>> model.attention_map(clip).shape
        torch.Size([5])
    """

    presets = PRESETS

    def __init__(
        self,
        vocab_size: int,
        region_dim: int = 2048,
        hidden: int = 2048,
        normalization: Normalization = "random_walk",
        affinity: Affinity = "softplus",
        num_layers: int = 1,
        num_steps: int = 1,
        key_channels: int | None = None,
        batch_norm: bool = False,
        zero_init: bool = False,
        location: bool = False,
        temporal: bool = False,
        eps: float = DEGREE_EPS,
        word_dim: int = 500,
        video_rnn: int = 1024,
        text_rnn: int = 512,
        video_kernels: Sequence[int] = (2, 3, 4, 5),
        text_kernels: Sequence[int] = (2, 3, 4),
        filters: int = 512,
        video_filters: int | None = None,
        text_filters: int | None = None,
        first_level: bool = True,
        bow_size: int | None = None,
        boundaries: bool = False,
        dropout: float = 0.2,
        packed: bool = True,
        max_frames: int | None = None,
        max_regions: int | None = None,
        margin: float = 0.2,
        mining: Mining = "hardest",
        reduction: Reduction = "mean",
        text: str | None = None,
    ) -> None:
        super().__init__(margin, mining, reduction)
        self.region_dim, self.location, self.temporal = region_dim, location, temporal
        self.reasoning = RandomWalkGCN(
            region_dim,
            num_layers,
            key_channels,
            normalization=normalization,
            affinity=affinity,
            num_steps=num_steps,
            batch_norm=batch_norm,
            zero_init=zero_init,
            location=location,
            temporal=temporal,
            eps=eps,
        )
        self.video_encoder = DualVideoEncoder(
            region_dim,
            hidden,
            rnn=video_rnn,
            kernels=video_kernels,
            filters=filters if video_filters is None else video_filters,
            first_level=first_level,
            dropout=dropout,
            packed=packed,
        )
        self.text_encoder = DualTextEncoder(
            vocab_size,
            word_dim,
            hidden,
            rnn=text_rnn,
            kernels=text_kernels,
            filters=filters if text_filters is None else text_filters,
            first_level=first_level,
            bow_size=bow_size,
            boundaries=boundaries,
            dropout=dropout,
            packed=packed,
            text=text,
        )

    def encode_video(self, graph: VideoGraph) -> LevelEmbeddings:
        """``event`` [N, D].

        Raises:
            DataError: the graph has no regions, or ``region.x`` is not ``region_dim`` wide.
        """
        z, ptr = self._reason(graph)
        frames = segment_reduce(z, ptr, "mean")  # [F, d]
        return LevelEmbeddings(event=self.video_encoder.encode(frames, node_ptr(graph, "frame").to(z.device)))

    def encode_text(self, graph: RoleGraph) -> LevelEmbeddings:
        """``event`` [N, D].

        Raises:
            DataError: ``word.id`` is missing or outside the vocabulary.
        """
        return LevelEmbeddings(event=self.text_encoder(graph))

    def reason(self, graph: VideoGraph) -> Tensor:
        """Z, the regions after reasoning [R, d]."""
        return self._reason(graph)[0]

    def attention_map(self, graph: VideoGraph) -> Tensor:
        """The scores of section 4.5 for every region, [R]; see :func:`graphvtr.nn.attention_map`."""
        with torch.no_grad():
            return attention_map(self.reason(graph), graph["region"].frame)

    def _reason(self, graph: VideoGraph) -> tuple[Tensor, Tensor]:
        """Z [R, d], and where each frame's regions begin [F + 1]."""
        x = node_features(graph, "region", self.region_dim, "region_dim")
        region = graph["region"]
        frames = num_nodes(graph, "frame")
        ptr = batch_to_ptr(region.frame, frames)
        clip = None
        if self.temporal and "batch" in graph["frame"]:
            clip = graph["frame"].batch
        x = x.to(self.video_encoder.mapping.linear.weight.dtype)
        return self.reasoning(x, ptr=ptr, box=region.box if self.location else None, clip=clip), ptr
