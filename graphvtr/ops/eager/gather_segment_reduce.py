"""``gather_segment_reduce`` on the torch backend.

Rows are ``x`` [M, H, D] here and weights [E, H] or None: one weight serves D neighbouring features. ``index`` and
``ptr`` are the columns and the pointer of a sparse matrix [N, M]; heads become further blocks on its diagonal.
"""

from __future__ import annotations

import torch
from torch import Tensor

from graphvtr.ops._segments import accumulate_dtype, counts_of
from graphvtr.ops.eager._sparse import (
    chunks,
    fold_heads,
    owners,
    repeat_pattern,
    sddmm,
    spmm,
    sum_rows_of,
    take,
    transpose,
    unfold_heads,
)


def forward(x: Tensor, index: Tensor, ptr: Tensor, weight: Tensor | None, reduce: str) -> Tensor:
    """Reduce the gathered rows: [N, H, D]."""
    heads, dtype = x.size(1), accumulate_dtype(x.dtype)
    ptr, index = repeat_pattern(ptr.long(), index.long(), x.size(0), heads)
    value = None if weight is None else weight.to(dtype).t().flatten()
    return unfold_heads(spmm(ptr, index, value, fold_heads(x.to(dtype)), reduce), heads).to(x.dtype)


def backward(
    grad: Tensor, x: Tensor, index: Tensor, ptr: Tensor, weight: Tensor | None, reduce: str
) -> tuple[Tensor, Tensor]:
    """Gradients of ``x`` and of ``weight`` (empty where there is none); extremes are reduced again."""
    heads, dtype = x.size(1), accumulate_dtype(x.dtype)
    ptr, index = repeat_pattern(ptr.long(), index.long(), x.size(0), heads)
    wide, flat = fold_heads(grad.to(dtype)), fold_heads(x.to(dtype))
    value = None if weight is None else weight.to(dtype).t().flatten()
    if reduce in ("max", "min"):
        best = spmm(ptr, index, value, flat, reduce)
        grad_x, grad_value = _extreme_backward(wide, flat, index, ptr, value, best)
    else:
        if reduce == "mean":
            wide = wide / counts_of(ptr, 2, dtype)
        ptr_t, row, order = transpose(ptr, index, flat.size(0))
        grad_x = spmm(ptr_t, row, None if value is None else value.index_select(0, order), wide)
        grad_value = wide.new_zeros(0) if value is None else sddmm(ptr, index, wide, flat)
    grad_weight = grad_value if weight is None else grad_value.view(heads, -1).t().contiguous()
    return unfold_heads(grad_x, heads).to(x.dtype), grad_weight.to(x.dtype)


def _extreme_backward(
    grad: Tensor, x: Tensor, index: Tensor, ptr: Tensor, value: Tensor | None, best: Tensor
) -> tuple[Tensor, Tensor]:
    """Rows that attain the extreme share its gradient; a chunk of gathered rows is compared at a time."""
    owner = owners(ptr, index.size(0))

    def attains(edges: Tensor | slice, scratch: list[Tensor]) -> Tensor:
        rows, others = scratch
        take(x, index[edges], rows)
        if value is not None:
            rows.mul_(value[edges].unsqueeze(1))
        return torch.eq(rows, take(best, owner[edges], others), out=rows)

    def share_of(edges: Tensor | slice, scratch: list[Tensor]) -> Tensor:
        return attains(edges, scratch).mul_(take(share, owner[edges], scratch[1]))

    share = grad / sum_rows_of(attains, ptr, owner, grad).clamp_(min=1)
    ptr_t, _, order = transpose(ptr, index, x.size(0))

    def gradient(part: slice, scratch: list[Tensor]) -> Tensor:
        rows = share_of(order[part], scratch)
        return rows if value is None else rows.mul_(value[order[part]].unsqueeze(1))

    grad_x = sum_rows_of(gradient, ptr_t, index.index_select(0, order), x)
    if value is None:
        return grad_x, x.new_zeros(0)
    grad_value = torch.empty_like(value)
    for part, scratch in chunks(index.size(0), x, 2):
        grad_value[part] = share_of(part, scratch).mul_(take(x, index[part], scratch[1])).sum(1)
    return grad_x, grad_value
