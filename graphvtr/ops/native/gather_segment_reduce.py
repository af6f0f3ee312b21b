"""``gather_segment_reduce`` in C: sums and means; extremes run on the torch backend."""

from __future__ import annotations

import torch
from torch import Tensor

from graphvtr.ops._segments import counts_of
from graphvtr.ops.eager import gather_segment_reduce as eager
from graphvtr.ops.eager._sparse import transpose
from graphvtr.ops.native_build import over, ranges


def forward(x: Tensor, index: Tensor, ptr: Tensor, weight: Tensor | None, reduce: str) -> Tensor:
    """Reduce the gathered rows: [N, H, D]."""
    if reduce in ("max", "min"):
        return eager.forward(x, index, ptr, weight, reduce)
    index, ptr = index.long().contiguous(), ptr.long().contiguous()
    out = _sums(x.contiguous(), ptr, index, None, None if weight is None else weight.contiguous())
    return out.div_(counts_of(ptr, 3, x.dtype)) if reduce == "mean" else out


def backward(
    grad: Tensor, x: Tensor, index: Tensor, ptr: Tensor, weight: Tensor | None, reduce: str
) -> tuple[Tensor, Tensor]:
    """Gradients of ``x`` and of ``weight`` (empty where there is none)."""
    if reduce in ("max", "min"):
        return eager.backward(grad, x, index, ptr, weight, reduce)
    index, ptr = index.long().contiguous(), ptr.long().contiguous()
    grad, x = grad.contiguous(), x.contiguous()
    if reduce == "mean":
        grad = grad / counts_of(ptr, 3, x.dtype)
    ptr_t, row, edge = transpose(ptr, index, x.size(0))
    if weight is None:
        return _sums(grad, ptr_t, row, None, None), x.new_zeros(0)
    weight = weight.contiguous()
    grad_weight = torch.empty_like(weight)
    heads, width = x.size(1), x.size(2)
    over(ranges(ptr, heads * width), "gather_dot", heads, width, grad, x, ptr, index, grad_weight)
    return _sums(grad, ptr_t, row, edge, weight), grad_weight


def _sums(x: Tensor, ptr: Tensor, index: Tensor, edge: Tensor | None, weight: Tensor | None) -> Tensor:
    heads, width = x.size(1), x.size(2)
    out = x.new_empty(ptr.size(0) - 1, heads, width)
    over(ranges(ptr, heads * width), "gather_sum", heads, width, x, ptr, index, edge, weight, out)
    return out
