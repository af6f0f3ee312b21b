"""``segment_reduce`` on the torch backend. Rows are flat here: ``x`` [E, C], ``out`` and ``grad`` [N, C]."""

from __future__ import annotations

import torch
from torch import Tensor

from graphvtr.ops._segments import accumulate_dtype, counts_of
from graphvtr.ops.eager._sparse import chunks, owners, reduce_rows, sum_rows_of


def forward(x: Tensor, ptr: Tensor, reduce: str) -> Tensor:
    """Reduce each run of rows."""
    return reduce_rows(x.to(accumulate_dtype(x.dtype)), ptr.long(), reduce).to(x.dtype)


def backward(grad: Tensor, x: Tensor, ptr: Tensor, out: Tensor, reduce: str) -> Tensor:
    """Spread the gradient of each run over its rows; that of an extreme over the rows that attain it."""
    ptr = ptr.long()
    owner = owners(ptr, x.size(0))
    wide = grad.to(accumulate_dtype(grad.dtype))
    if reduce in ("max", "min"):
        wide = wide / sum_rows_of(lambda part: (x[part] == out[owner[part]]).to(wide.dtype), ptr, owner, wide).clamp(
            min=1
        )
    elif reduce == "mean":
        wide = wide / counts_of(ptr, 2, wide.dtype)
    result = torch.empty_like(x)
    for part in chunks(x.size(0), x.size(1), x.device):
        share = wide.index_select(0, owner[part])
        result[part] = share * (x[part] == out[owner[part]]) if reduce in ("max", "min") else share
    return result
