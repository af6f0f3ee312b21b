"""``segment_attention`` in C: a few rows of a segment against all its keys, while those lie in the cache."""

from __future__ import annotations

import torch
from torch import Tensor

from graphvtr.ops._segments import longest
from graphvtr.ops.csr import counts_to_ptr
from graphvtr.ops.native_build import Argument, over_each, ranges

#: Rows of a segment that meet its keys at a time (ROWS of attention.h).
ROWS = 32


def forward(q: Tensor, k: Tensor, v: Tensor, ptr: Tensor, scale: float) -> Tensor:
    """The output [R, H, Dv]."""
    q, k, v = q.contiguous(), k.contiguous(), v.contiguous()
    out = torch.empty_like(v)
    _over("segment_attention_forward", scale, (q, k, v), ptr, (out,))
    return out


def backward(grad: Tensor, q: Tensor, k: Tensor, v: Tensor, ptr: Tensor, scale: float) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of q, k and v, the weights computed again."""
    grad, q, k, v = grad.contiguous(), q.contiguous(), k.contiguous(), v.contiguous()
    found = torch.zeros_like(q), torch.zeros_like(k), torch.zeros_like(v)
    _over("segment_attention_backward", scale, (grad, q, k, v), ptr, found)
    return found


def _over(name: str, scale: float, inputs: tuple[Tensor, ...], ptr: Tensor, results: tuple[Tensor, ...]) -> None:
    """Run a kernel over all segments; each range of them has room of its own for the longest."""
    (_, heads, key), value = inputs[-2].shape, inputs[-1].size(2)
    ptr = ptr.long().contiguous()
    parts = ranges(counts_to_ptr(ptr.diff().square()), heads * (key + value))
    most = -(-longest(ptr) // 8) * 8
    room = inputs[0].new_empty(len(parts), 2 * ROWS * most + (key + value) * (2 * most + ROWS))
    args: tuple[Argument, ...] = (heads, key, value, scale, *inputs, ptr, *results)
    over_each(parts, name, [(*args, room[place]) for place in range(len(parts))])
