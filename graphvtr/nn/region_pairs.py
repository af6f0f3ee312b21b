"""Pairs of regions in a frame, and what their boxes do: who is where, who moves towards whom."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from graphvtr.graphs import VideoGraph, node_ptr, num_nodes
from graphvtr.graphs.truncate import best_first
from graphvtr.nn.frames_and_regions import clip_of_frame
from graphvtr.nn.ragged import Layout, batch_to_ptr, first_rows
from graphvtr.ops.csr import complete_edges, counts_to_ptr

GEOMETRY = 16
"""Numbers that describe a pair, see :class:`RegionPairs`."""
MOTION_SCALE, PLACE_SCALE = 16.0, 4.0
"""Bring motion between frames, a few hundredths of the frame, and places to the size of other features."""


@dataclass(frozen=True)
class RegionPairs:
    """All ordered pairs (i, j) of regions in a frame, i = j included, clip by clip.

    Args:
        source: i, [P].
        target: j, [P].
        geometry: [P, 16]. Of :math:`d = c_j - c_i` between the centres and of the motions m: how fast i and j move
            along d and across it, both speeds, how fast the two part, and :math:`m_i \\cdot m_j`; then d, its length,
            both widths and heights, and whether i = j.
        time: [P, 3], the place t of the frame in its clip, 0 to 1, and the sine and cosine of :math:`\\pi t`.
        ptr: [N + 1], where each clip's pairs begin.
    """

    source: Tensor
    target: Tensor
    geometry: Tensor
    time: Tensor
    ptr: Tensor


@torch.no_grad()
def region_motion(graph: VideoGraph) -> Tensor:
    """How far each region has moved since the frame before, [R, 2], in widths and heights of the frame.

    A region is the same as the one of the frame before whose box (centre, width, height) is nearest to its own, if
    it is that one's nearest too; 0 where there is none. No tracks are needed.

    Example:
        >>> box = torch.tensor([[0.0, 0.0, 0.2, 0.2], [0.6, 0.6, 0.9, 0.9], [0.1, 0.0, 0.3, 0.2]])
        >>> regions = {"region_x": torch.randn(3, 4), "region_box": box, "region_frame": torch.tensor([0, 0, 1])}
        >>> graph = VideoGraph.build(torch.randn(2, 4), **regions)
        >>> region_motion(graph).mul(100).round().tolist()
        [[0.0, 0.0], [0.0, 0.0], [10.0, 0.0]]
    """
    box, clip = graph["region"].box, clip_of_frame(graph)
    layout = Layout.from_ptr(box, batch_to_ptr(graph["region"].frame, len(clip)))
    if not box.size(0):
        return box[:, :2]
    now = layout.pad(torch.cat(_centre_and_size(box), 1))  # [F, n, 4]
    here = layout.mask if layout.mask is not None else torch.ones_like(now[..., 0], dtype=torch.bool)
    goes_on = clip == clip.roll(1)
    goes_on[0] = False
    before, there = now.roll(1, 0), here.roll(1, 0) & goes_on[:, None]
    both = here[:, :, None] & there[:, None, :]
    far = torch.cdist(now, before).masked_fill(~both, torch.inf)
    nearest, back = far.argmin(2), far.argmin(1)  # [F, n] each
    mutual = back.gather(1, nearest) == torch.arange(now.size(1), device=box.device)
    mutual &= both.any(2)
    then = before[..., :2].gather(1, nearest[..., None].expand(-1, -1, 2))
    return layout.unpad(torch.where(mutual[..., None], now[..., :2] - then, 0))


@torch.no_grad()
def region_pairs(graph: VideoGraph, most: int) -> RegionPairs:
    """The pairs of each frame's regions.

    Args:
        graph: a video graph with regions, or a packed batch of N.
        most: regions of a frame, those with the highest scores.

    Example:
        >>> box = torch.tensor([[0.0, 0.0, 0.2, 0.2], [0.6, 0.0, 0.8, 0.2]])
        >>> regions = {"region_x": torch.randn(2, 4), "region_box": box, "region_frame": torch.tensor([0, 0])}
        >>> pairs = region_pairs(VideoGraph.build(torch.randn(2, 4), **regions), 6)
        >>> pairs.source.tolist(), pairs.target.tolist(), pairs.ptr.tolist()
        ([0, 1, 0, 1], [0, 0, 1, 1], [0, 4])
    """
    region, frames = graph["region"], num_nodes(graph, "frame")
    of_frame = batch_to_ptr(region.frame, frames)
    rows, ptr = first_rows(of_frame, most)
    if "score" in region:
        rows = best_first(region.frame, region.score)[rows]
    edge_ptr, col = complete_edges(ptr)
    row = torch.repeat_interleave(edge_ptr.diff(), output_size=col.size(0))
    source, target = rows[col], rows[row]
    frame_ptr = node_ptr(graph, "frame").to(ptr.device)
    clip_ptr = counts_to_ptr(ptr.diff().square())[frame_ptr]
    frame = region.frame[target]
    clip = clip_of_frame(graph)[frame]
    last = (frame_ptr.diff() - 1).clamp(min=1)
    t = ((frame - frame_ptr[clip]) / last[clip])[:, None]
    time = torch.cat([t, torch.sin(math.pi * t), torch.cos(math.pi * t)], 1).to(region.box.dtype)
    return RegionPairs(source, target, _geometry(region.box, region_motion(graph), source, target), time, clip_ptr)


def _geometry(box: Tensor, motion: Tensor, source: Tensor, target: Tensor) -> Tensor:
    centre, size = _centre_and_size(box)
    way = centre[target] - centre[source]
    length = way.norm(dim=1, keepdim=True)
    direction = way / length.clamp(min=0.02)
    mine, its = motion[source], motion[target]
    moves = [
        _along(mine, direction),
        _along(its, direction),
        _across(mine, direction),
        _across(its, direction),
        mine.norm(dim=1, keepdim=True),
        its.norm(dim=1, keepdim=True),
        _along(its - mine, direction),
        10 * _along(mine, its),
    ]
    same = (source == target)[:, None].to(box.dtype)
    places = [way, length, size[source], size[target], same]
    return torch.cat([MOTION_SCALE * torch.cat(moves, 1) / 2, PLACE_SCALE * torch.cat(places, 1)], 1)


def _along(motion: Tensor, direction: Tensor) -> Tensor:
    return (motion * direction).sum(1, keepdim=True)


def _across(motion: Tensor, direction: Tensor) -> Tensor:
    return (motion[:, :1] * direction[:, 1:] - motion[:, 1:] * direction[:, :1]).abs()


def _centre_and_size(box: Tensor) -> tuple[Tensor, Tensor]:
    return (box[:, :2] + box[:, 2:]) / 2, box[:, 2:] - box[:, :2]
