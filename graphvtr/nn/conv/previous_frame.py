"""One directed step of the random walk in time: from the regions of a frame to those of the next one of its clip."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from graphvtr.nn.ragged import Layout


def walk_from_previous(
    query: Tensor,
    key: Tensor,
    x: Tensor,
    layout: Layout,
    clip: Tensor | None,
    transition: Callable[[Tensor, Tensor, Tensor], Tensor],
) -> Tensor:
    """Every node walks to the nodes of the graph before its own, [R, d]; 0 in the first frame of a clip.

    Args:
        query: [R, dk], of the nodes that walk.
        key: [R, dk], of the nodes walked to.
        x: [R, d], what is found there.
        layout: where the rows of each graph are, frame by frame.
        clip: [B], the clip of each graph; None when all are of one.
        transition: from scores [B - 1, n, n] and which rows and columns are nodes, to probabilities.
    """
    now, before, nodes = (layout.pad(value) for value in (query, key, x))
    mask = torch.ones_like(nodes[..., 0], dtype=torch.bool) if layout.mask is None else layout.mask
    columns = mask[:-1] if clip is None else mask[:-1] & (clip[1:] == clip[:-1])[:, None]
    matrix = transition(now[1:] @ before[:-1].mT, mask[1:], columns)  # frame b from frame b - 1
    return layout.unpad(F.pad(matrix.to(x.dtype) @ nodes[:-1], (0, 0, 0, 0, 1, 0))[: layout.graphs])


def edges_from_previous(ptr: Tensor, clip: Tensor | None) -> Tensor:
    """The edges of that step, [2, E]: from every node of a graph to every node of the next one of its clip."""
    count = ptr.diff()
    before = F.pad(count[:-1], (1, 0))
    if clip is not None:
        before[1:] = torch.where(clip[1:] == clip[:-1], before[1:], 0)
    degree = torch.repeat_interleave(before, count)  # [R] edges into each node
    begin = torch.repeat_interleave(F.pad(ptr[:-2], (1, 0)), count)
    target = torch.repeat_interleave(degree)
    within = torch.arange(target.numel(), device=ptr.device) - (degree.cumsum(0) - degree)[target]
    return torch.stack([begin[target] + within, target])
