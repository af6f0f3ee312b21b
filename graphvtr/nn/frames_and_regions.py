"""The frames of each clip and the regions in them as one set of vectors a clip."""

from __future__ import annotations

import torch
from torch import Tensor

from graphvtr.graphs import VideoGraph, node_ptr
from graphvtr.nn.levels import Level


def clip_of_frame(graph: VideoGraph) -> Tensor:
    """The clip of each frame of a packed batch [F]; zeros for a single graph."""
    frame = graph["frame"]
    return frame.batch if "batch" in frame else torch.zeros_like(frame.x[:, 0], dtype=torch.long)


def frames_and_regions(graph: VideoGraph, frames: Tensor, regions: Tensor) -> Level:
    """The frames of each clip, then its regions, see :attr:`graphvtr.nn.RetrievalModel.frame_levels`.

    Args:
        graph: a video graph with regions or a packed batch of N.
        frames: [F, D].
        regions: [R, D].

    Returns:
        [F + R, D], ragged over the clips.
    """
    clip = clip_of_frame(graph)
    order = torch.sort(torch.cat([clip, clip[graph["region"].frame]]), stable=True).indices
    ptr = node_ptr(graph, "frame") + node_ptr(graph, "region")
    return Level(torch.cat([frames, regions])[order], ptr.to(frames.device))
