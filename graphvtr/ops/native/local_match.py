"""``local_match`` with its arithmetic in C: all passes over a video's frames while they lie in the cache."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from graphvtr.ops._segments import NORM_EPS, SIMILARITY_EPS
from graphvtr.ops.eager import local_match as eager
from graphvtr.ops.eager._match_math import Options, Run
from graphvtr.ops.native_build import Argument, over_each, ranges

#: Nodes of a video that are taken at a time (COLUMNS of match.h).
COLUMNS = 64
#: An element costs about as much as so many of a plain sum.
_WEIGHT = 8


def forward(nodes: Tensor, node_ptr: Tensor, frames: Tensor, frame_ptr: Tensor, *options: Any) -> Tensor:
    """The scores [Nv, Nt]."""
    return eager.forward(nodes, node_ptr, frames, frame_ptr, *options, math=_Native)


def backward(
    grad: Tensor, nodes: Tensor, node_ptr: Tensor, frames: Tensor, frame_ptr: Tensor, *options: Any
) -> tuple[Tensor, Tensor]:
    """Gradients of nodes and frames."""
    return eager.backward(grad, nodes, node_ptr, frames, frame_ptr, *options, math=_Native)


class _Native:
    """The functions of :mod:`graphvtr.ops.eager._match_math`."""

    #: Larger than those of the torch backend: what is between the products passes over a block once, not a dozen times.
    CPU_BLOCK = (1280, 1 << 20)

    @staticmethod
    def node_scores(s: Tensor, run: Run, options: Options) -> Tensor:
        """What each node scores with each video, [B, n]."""
        out = s.new_empty(s.size(0), s.size(2))
        _over("match_scores", s, run, options, 2 * s.size(1), (s,), (out,))
        return out

    @staticmethod
    def node_gradients(s: Tensor, grad: Tensor, run: Run, options: Options) -> Tensor:
        """The gradient of the similarities, in their place; adds to the gradients in ``run``."""
        rows = 3 * s.size(1) + -(-s.size(1) // 8) * 8
        _over("match_gradients", s, run, options, rows, (grad.contiguous(),), (s, run.grad_norm, run.grad_gram))
        return s


def _over(
    name: str,
    s: Tensor,
    run: Run,
    options: Options,
    rows: int,
    before: tuple[Tensor, ...],
    after: tuple[Tensor, ...],
) -> None:
    """Run a kernel over all videos of ``s`` [B, T, n]; each range of them has room of its own, [rows, COLUMNS]."""
    videos, frames, nodes = s.shape
    parts = ranges(torch.arange(videos + 1) * (frames * nodes), _WEIGHT)
    room = s.new_empty(len(parts), rows * COLUMNS)
    flags = (int(options.norm == "clipped"), int(options.fusion == "embed"))
    numbers = (float(options.temperature), SIMILARITY_EPS, NORM_EPS**2)
    args: tuple[Argument, ...] = (frames, nodes, *flags, *numbers, *before, run.norm, run.gram, *after)
    over_each(parts, name, [(*args, room[place]) for place in range(len(parts))])
