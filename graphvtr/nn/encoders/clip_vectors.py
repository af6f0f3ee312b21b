"""One vector a clip of what was given: frames, the regions in them, and what changes over time; nothing is learned."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from graphvtr.errors import DataError
from graphvtr.graphs import VideoGraph, node_ptr
from graphvtr.nn.node_features import node_features
from graphvtr.nn.pool import dct_pool
from graphvtr.nn.ragged import batch_to_ptr
from graphvtr.ops import segment_reduce


class ClipVectors(nn.Module):
    """Mean frame and changes over time (:func:`graphvtr.nn.pool.dct_pool`) of each clip.

    Args:
        video_dim: width of the frame features.
        region_dim: width of the region features, whose mean stands beside each frame; None leaves them out.
        dct: coefficients over time; 1 is the mean alone.

    Shapes:
        - **input:** a video graph or a packed batch of N
        - **output:** ``[N, out_channels]``

    Raises:
        DataError: ``dct`` under 1; clips without what is read, or features of another width.

    Example:
        >>> clip = VideoGraph.build(torch.randn(3, 4), region_x=torch.randn(2, 5), region_frame=torch.tensor([0, 2]))
        >>> ClipVectors(4, region_dim=5, dct=2)(clip).shape
        torch.Size([1, 18])
    """

    def __init__(self, video_dim: int, region_dim: int | None = None, dct: int = 1) -> None:
        super().__init__()
        if dct < 1:
            raise DataError("dct", f"is {dct}", "give 1 or more, 1 for the mean alone")
        self.video_dim, self.region_dim, self.dct = video_dim, region_dim, dct
        self.out_channels = dct * (video_dim + (region_dim or 0))

    def forward(self, graph: VideoGraph, dtype: torch.dtype = torch.float32) -> Tensor:
        """A vector a clip, of features in ``dtype``."""
        x = node_features(graph, "frame", self.video_dim, "video_dim").to(dtype)
        if self.region_dim is not None:
            regions = node_features(graph, "region", self.region_dim, "region_dim").to(dtype)
            of_frame = batch_to_ptr(graph["region"].frame, x.size(0)).to(x.device)
            x = torch.cat([x, segment_reduce(regions, of_frame, "mean")], 1)
        return dct_pool(x, node_ptr(graph, "frame").to(x.device), self.dct)

    def extra_repr(self) -> str:
        return f"{self.video_dim}, region_dim={self.region_dim}, dct={self.dct}"
