"""Frames to one vector a video: the video side of Dual Encoding."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from graphvtr.errors import DataError
from graphvtr.graphs import VideoGraph, node_ptr
from graphvtr.nn.encoders.dual_levels import CommonSpace, SequenceLevels
from graphvtr.nn.node_features import node_features
from graphvtr.nn.ragged import first_rows
from graphvtr.ops import segment_reduce


class DualVideoEncoder(nn.Module):
    r"""The video encoder of `"Dual Encoding for Zero-Example Video Retrieval" <https://arxiv.org/abs/1809.06181>`_.

    Three levels side by side, mapped into the common space: the mean of the frames, the mean of a bidirectional GRU
    over them, and convolutions over its outputs (:class:`SequenceLevels`, :class:`CommonSpace`).

    Args:
        video_dim: width of the frame features.
        hidden: D, width of the common space.
        rnn: width of each direction of the GRU.
        kernels: widths of the convolutions.
        filters: of each convolution.
        first_level: False leaves out the mean of the frames.
        dropout: of the GRU's and the convolutions' level and after the mapping.
        packed: False fills short videos up with zeros as the released code does: they enter the GRU's backward
            direction and the convolutions, so that a video's vector depends on the longest one beside it.
        rnn_frames: the GRU and the convolutions see this many first frames, the mean all; None for all (the released
            code: 64).

    Shapes:
        - **input:** a video graph or a packed batch of N; or frames ``[F, video_dim]`` and ``ptr`` ``[N + 1]``
        - **output:** ``[N, hidden]`` of length 1

    Raises:
        DataError: frame features of another width.

    Example:
        >>> encoder = DualVideoEncoder(16, 8, rnn=4, filters=3).eval()
        >>> encoder(VideoGraph.build(torch.randn(5, 16))).shape
        torch.Size([1, 8])
    """

    def __init__(
        self,
        video_dim: int,
        hidden: int = 2048,
        *,
        rnn: int = 1024,
        kernels: Sequence[int] = (2, 3, 4, 5),
        filters: int = 512,
        first_level: bool = True,
        dropout: float = 0.2,
        packed: bool = True,
        rnn_frames: int | None = None,
    ) -> None:
        super().__init__()
        if rnn_frames is not None and rnn_frames < 1:
            raise DataError("rnn_frames", f"is {rnn_frames}", "give 1 or more, or None for all")
        self.video_dim, self.packed, self.rnn_frames, self.first_level = video_dim, packed, rnn_frames, first_level
        self.levels = SequenceLevels(video_dim, rnn, kernels, filters, dropout)
        self.mapping = CommonSpace(self.levels.out_channels + video_dim * first_level, hidden, dropout=dropout)

    def forward(self, graph: VideoGraph) -> Tensor:
        """Encode the frame features of a video graph or a packed batch."""
        x = node_features(graph, "frame", self.video_dim, "video_dim")
        return self.encode(x, node_ptr(graph, "frame").to(x.device))

    def encode(self, x: Tensor, ptr: Tensor) -> Tensor:
        """Encode frames [F, video_dim] of videos that begin at ``ptr`` [N + 1]."""
        x = x.to(self.mapping.linear.weight.dtype)
        seen, seen_ptr = x, ptr
        if self.rnn_frames is not None:
            rows, seen_ptr = first_rows(ptr, self.rnn_frames)
            seen = x.index_select(0, rows)
        levels = self.levels(seen, seen_ptr, padded_rnn=not self.packed, padded_windows=not self.packed)
        first = [segment_reduce(x, ptr, "mean")] if self.first_level else []
        return self.mapping(torch.cat([levels, *first], 1))  # type: ignore[no-any-return]
