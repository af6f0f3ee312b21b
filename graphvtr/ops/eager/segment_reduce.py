"""``segment_reduce`` on the torch backend. Rows are flat here: ``x`` [E, C], ``out`` and ``grad`` [N, C]."""

from __future__ import annotations

import torch
from torch import Tensor

from graphvtr.ops._segments import accumulate_dtype, counts_of
from graphvtr.ops.eager._sparse import chunks, owners, reduce_rows, sum_rows_of, take


def forward(x: Tensor, ptr: Tensor, reduce: str) -> Tensor:
    """Reduce each run of rows."""
    return reduce_rows(x.to(accumulate_dtype(x.dtype)), ptr.long(), reduce).to(x.dtype)


def backward(grad: Tensor, x: Tensor, ptr: Tensor, out: Tensor, reduce: str) -> Tensor:
    """Spread the gradient of each run over its rows; that of an extreme over the rows that attain it."""
    ptr = ptr.long()
    owner = owners(ptr, x.size(0))
    if reduce == "sum":
        return grad.index_select(0, owner)
    wide = grad.to(accumulate_dtype(grad.dtype))
    if reduce == "mean":
        return (wide / counts_of(ptr, 2, wide.dtype)).to(grad.dtype).index_select(0, owner)

    def attains(part: slice, scratch: list[Tensor]) -> Tensor:
        best = take(wide_out, owner[part], scratch[0])
        return torch.eq(best, x[part], out=best)

    wide_out = out.to(wide.dtype)
    wide = wide / sum_rows_of(attains, ptr, owner, wide).clamp_(min=1)
    result = torch.empty_like(x)
    for part, scratch in chunks(x.size(0), wide, 2):
        result[part] = attains(part, scratch).mul_(take(wide, owner[part], scratch[1]))
    return result
