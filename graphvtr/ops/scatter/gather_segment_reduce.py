"""``gather_segment_reduce`` with torch-scatter: it has no fused gather, so the gathered rows are built."""

from __future__ import annotations

from torch import Tensor

from graphvtr._optional import optional_import
from graphvtr.ops._segments import accumulate_dtype, counts_of
from graphvtr.ops.eager import gather_segment_reduce as eager
from graphvtr.ops.eager._sparse import transpose

torch_scatter = optional_import("torch_scatter", "scatter", "the torch_scatter backend")


def forward(x: Tensor, index: Tensor, ptr: Tensor, weight: Tensor | None, reduce: str) -> Tensor:
    """Reduce the gathered rows: [N, H, D]."""
    if reduce in ("max", "min"):  # it lets NaN fall under the table
        return eager.forward(x, index, ptr, weight, reduce)
    return _reduce(x.to(accumulate_dtype(x.dtype)), index.long(), ptr.long(), weight, reduce).to(x.dtype)


def _reduce(x: Tensor, index: Tensor, ptr: Tensor, weight: Tensor | None, reduce: str) -> Tensor:
    rows = x.index_select(0, index)
    rows = rows if weight is None else rows.mul_(weight.to(x.dtype).unsqueeze(-1))
    out: Tensor = torch_scatter.segment_csr(rows, ptr, reduce=reduce)
    return out


def backward(
    grad: Tensor, x: Tensor, index: Tensor, ptr: Tensor, weight: Tensor | None, reduce: str
) -> tuple[Tensor, Tensor]:
    """Gradients of ``x`` and of ``weight`` (empty where there is none)."""
    if reduce in ("max", "min"):
        return eager.backward(grad, x, index, ptr, weight, reduce)
    ptr, index, dtype = ptr.long(), index.long(), accumulate_dtype(x.dtype)
    wide = grad.to(dtype)
    if reduce == "mean":
        wide = wide / counts_of(ptr, 3, dtype)
    ptr_t, row, order = transpose(ptr, index, x.size(0))
    grad_x = _reduce(wide, row, ptr_t, None if weight is None else weight.index_select(0, order), "sum")
    if weight is None:
        return grad_x.to(x.dtype), x.new_zeros(0)
    edges = torch_scatter.gather_csr(wide.contiguous(), ptr)
    grad_weight = edges.mul_(x.index_select(0, index)).sum(-1)
    return grad_x.to(x.dtype), grad_weight.to(x.dtype)
