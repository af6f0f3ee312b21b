"""``segment_reduce`` with torch-scatter."""

from __future__ import annotations

from torch import Tensor

from graphvtr._optional import optional_import
from graphvtr.ops._segments import accumulate_dtype, counts_of
from graphvtr.ops.eager import segment_reduce as eager

torch_scatter = optional_import("torch_scatter", "scatter", "the torch_scatter backend")


def forward(x: Tensor, ptr: Tensor, reduce: str) -> Tensor:
    """Reduce each run of rows."""
    if reduce in ("max", "min"):  # it lets NaN fall under the table
        return eager.forward(x, ptr, reduce)
    wide = x.to(accumulate_dtype(x.dtype)).contiguous()
    out: Tensor = torch_scatter.segment_csr(wide, ptr.long(), reduce=reduce)
    return out.to(x.dtype)


def backward(grad: Tensor, x: Tensor, ptr: Tensor, out: Tensor, reduce: str) -> Tensor:
    """Spread the gradient of each run over its rows."""
    if reduce in ("max", "min"):
        return eager.backward(grad, x, ptr, out, reduce)
    if reduce == "mean":
        wide = grad.to(accumulate_dtype(grad.dtype))
        grad = (wide / counts_of(ptr, 2, wide.dtype)).to(grad.dtype)
    result: Tensor = torch_scatter.gather_csr(grad.contiguous(), ptr.long())
    return result.view(x.shape)  # it forgets the rows of a tensor without columns
