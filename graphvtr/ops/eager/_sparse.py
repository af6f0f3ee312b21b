"""The primitives the torch backend is built from: products with a sparse matrix in CSR form.

On a CPU they are PyTorch's own sparse kernels, which read each row of the dense operand where it lies: measured
against ``index_select`` + ``index_add``, ``torch.segment_reduce`` and ``embedding_bag``, these were never slower
and, at 1024 features, 2 to 30 times quicker (docs/ops). On other devices the rows are gathered and reduced by
``torch.segment_reduce``, which has no atomics. Pointers and indices are int64 here.
"""

from __future__ import annotations

import warnings
from bisect import bisect_right
from collections.abc import Callable, Iterator
from itertools import pairwise

import torch
from torch import Tensor

#: Elements of temporaries that the gathering loops handle at a time on a CPU: 2 MiB of float32.
CHUNK_ELEMENTS = 512 * 1024

_AMAX = {"sum": "sum", "mean": "mean", "max": "amax", "min": "amin"}
_HAS_SAMPLED_PRODUCT = torch.backends.mkl.is_available()


def on_cpu(x: Tensor) -> bool:
    """Whether the sparse kernels and the cache-sized loops of a CPU serve ``x``."""
    return x.device.type == "cpu"


def csr(ptr: Tensor, col: Tensor, value: Tensor, width: int) -> Tensor:
    """The sparse matrix [N, width] with ``value`` [E] at (row of ``ptr``, ``col``)."""
    return torch.sparse_csr_tensor(ptr, col, value, (ptr.size(0) - 1, width), check_invariants=False)


with warnings.catch_warnings():  # at its first use, torch says once that sparse CSR is in beta
    warnings.simplefilter("ignore")
    csr(torch.tensor([0, 1]), torch.tensor([0]), torch.ones(1), 1)


def owners(ptr: Tensor, size: int) -> Tensor:
    """The row that owns each element, int64 [size]."""
    return torch.repeat_interleave(ptr.diff(), output_size=size)


def transpose(ptr: Tensor, col: Tensor, width: int) -> tuple[Tensor, Tensor, Tensor]:
    """The transposed matrix: its pointer [width + 1], its columns [E], and where its elements lay before [E]."""
    order = torch.sort(col, stable=True)
    count = torch.searchsorted(order.values, torch.arange(width + 1, device=col.device))
    return count, owners(ptr, col.size(0)).index_select(0, order.indices), order.indices


def spmm(ptr: Tensor, col: Tensor, value: Tensor | None, x: Tensor, reduce: str = "sum") -> Tensor:
    """Reduce ``value_e * x[col_e]`` over each row of the matrix: [N, C]; an empty row gives 0."""
    if on_cpu(x) and ptr.size(0) > 1:
        value = torch.ones(col.size(0), dtype=x.dtype) if value is None else value
        return torch.sparse.mm(csr(ptr, col, value, x.size(0)), x.contiguous(), _AMAX[reduce])
    rows = x.index_select(0, col)
    return reduce_rows(rows if value is None else rows * value.unsqueeze(-1), ptr, reduce)


def reduce_rows(x: Tensor, ptr: Tensor, reduce: str = "sum") -> Tensor:
    """Reduce runs of the rows of ``x`` [E, C]: [N, C]; an empty run gives 0."""
    if on_cpu(x) and ptr.size(0) > 1:
        return spmm(ptr, torch.arange(x.size(0)), None, x, reduce)
    if ptr.size(0) == 1 or x.size(0) == 0:
        return x.new_zeros(ptr.size(0) - 1, x.size(1))
    out = torch.segment_reduce(x, reduce, offsets=ptr, unsafe=True, initial=0 if reduce == "sum" else None)
    return out.masked_fill_((ptr.diff() == 0).unsqueeze(-1), 0)


def sddmm(ptr: Tensor, col: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """The dot products ``<a[row_e], b[col_e]>`` of the pairs in the matrix, [E]."""
    if on_cpu(a) and _HAS_SAMPLED_PRODUCT:
        pattern = csr(ptr, col, a.new_zeros(col.size(0)), b.size(0))
        return torch.sparse.sampled_addmm(pattern, a.contiguous(), b.contiguous().t(), beta=0.0).values()
    dots, owner = a.new_empty(col.size(0)), owners(ptr, col.size(0))
    for part, (rows, others) in chunks(col.size(0), a, 2):
        dots[part] = take(a, owner[part], rows).mul_(take(b, col[part], others)).sum(-1)
    return dots


def chunks(rows: int, like: Tensor, buffers: int) -> Iterator[tuple[slice, list[Tensor]]]:
    """Slices that cover ``rows``, each with ``buffers`` scratch tensors of that many rows as wide as ``like`` [., C].

    On a CPU slices are short enough for the cache and the scratch is used again and again: fresh memory would cost
    more in page faults than the work on it. Elsewhere one slice covers all.
    """
    step = max(1, CHUNK_ELEMENTS // max(1, like.size(1))) if on_cpu(like) else rows
    scratch = [like.new_empty(min(step, rows), like.size(1)) for _ in range(buffers)]
    for begin in range(0, rows, max(1, step)):
        end = min(begin + step, rows)
        yield slice(begin, end), [buffer[: end - begin] for buffer in scratch]


def segment_chunks(ptr: Tensor, like: Tensor) -> Iterator[tuple[slice, slice, Tensor]]:
    """Whole segments at a time: the segments, their rows, and one scratch tensor for the rows, as :func:`chunks`."""
    step = max(1, CHUNK_ELEMENTS // max(1, like.size(1))) if on_cpu(like) else max(1, like.size(0))
    if like.size(0) <= step:
        yield slice(0, ptr.size(0) - 1), slice(0, like.size(0)), torch.empty_like(like)
        return
    begins = ptr.tolist()
    longest = max(end - begin for begin, end in pairwise(begins))
    scratch = like.new_empty(max(step, longest), like.size(1))
    first = 0
    while first < len(begins) - 1:
        last = max(first + 1, bisect_right(begins, begins[first] + step) - 1)
        rows = slice(begins[first], begins[last])
        yield slice(first, last), rows, scratch[: rows.stop - rows.start]
        first = last


def take(x: Tensor, index: Tensor, out: Tensor) -> Tensor:
    """``x[index]``, written to ``out``."""
    return torch.index_select(x, 0, index, out=out)


def sum_rows_of(make_rows: Callable[[slice, list[Tensor]], Tensor], ptr: Tensor, owner: Tensor, like: Tensor) -> Tensor:
    """Sum runs of rows that ``make_rows`` builds a chunk at a time from two scratch tensors: [N, C], as ``like``."""
    if not on_cpu(like) and owner.size(0):
        ((part, scratch),) = chunks(owner.size(0), like, 2)
        return reduce_rows(make_rows(part, scratch), ptr)
    out = like.new_zeros(ptr.size(0) - 1, like.size(1))
    for part, scratch in chunks(owner.size(0), like, 2):
        out.index_add_(0, owner[part], make_rows(part, scratch))
    return out


def add_rows(out: Tensor, index: Tensor, rows: Tensor) -> None:
    """``out[index_e] += rows_e`` in the order of e: on a CPU ``index_add_``, which sorts; elsewhere sorted here."""
    if on_cpu(out):
        out.index_add_(0, index, rows)
    else:
        order = torch.sort(index, stable=True)
        ptr = torch.searchsorted(order.values, torch.arange(out.size(0) + 1, device=out.device))
        out.add_(reduce_rows(rows.index_select(0, order.indices), ptr))


def fold_heads(x: Tensor) -> Tensor:
    """Rows with heads as rows alone: [M, H, D] to [H * M, D], free of charge for one head."""
    return x.transpose(0, 1).reshape(-1, x.size(2))


def unfold_heads(x: Tensor, heads: int) -> Tensor:
    """Undo :func:`fold_heads`: [H * N, D] to [N, H, D]."""
    return x.view(heads, -1, x.size(1)).transpose(0, 1).contiguous()


def repeat_pattern(ptr: Tensor, col: Tensor, width: int, heads: int) -> tuple[Tensor, Tensor]:
    """The pattern that goes with folded heads: ``heads`` copies of the matrix along a diagonal."""
    if heads == 1:
        return ptr, col
    head = torch.arange(heads, device=ptr.device).unsqueeze(1)
    shifted = (ptr[:-1] + head * col.size(0)).flatten()
    return torch.cat([shifted, ptr[-1:] * heads]), (col + head * width).flatten()
