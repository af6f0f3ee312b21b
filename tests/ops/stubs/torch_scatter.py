"""The two functions of torch-scatter that the library calls, in plain PyTorch, with its quirks: empty segments give 0,
extremes are reduced by comparison (NaN is lost)."""

from __future__ import annotations

import torch
from torch import Tensor


def segment_csr(src: Tensor, indptr: Tensor, out: Tensor | None = None, reduce: str = "sum") -> Tensor:
    assert src.is_contiguous()
    assert indptr.dtype == torch.int64
    result = src.new_zeros(indptr.numel() - 1, *src.shape[1:])
    for place, (begin, end) in enumerate(zip(indptr[:-1].tolist(), indptr[1:].tolist(), strict=True)):
        if begin == end:
            continue
        rows = src[begin:end]
        if reduce in ("max", "min"):
            lowest = -torch.inf if reduce == "max" else torch.inf
            result[place] = getattr(rows.nan_to_num(lowest, torch.inf, -torch.inf), f"a{reduce}")(0)
        else:
            result[place] = getattr(rows, reduce)(0)
    return result


def gather_csr(src: Tensor, indptr: Tensor, out: Tensor | None = None) -> Tensor:
    assert src.is_contiguous()
    assert indptr.dtype == torch.int64
    return src.index_select(0, torch.repeat_interleave(indptr.diff()))
