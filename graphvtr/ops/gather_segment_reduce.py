"""Gather rows by index, weigh them, and reduce runs of them: the sparse-dense product of message passing."""

from __future__ import annotations

from torch import Tensor

from graphvtr.errors import DataError
from graphvtr.ops._segments import (
    accumulate_dtype,
    check_float,
    check_index,
    check_index_values,
    check_ptr,
    check_ptr_values,
)
from graphvtr.ops.segment_reduce import Reduce, check_reduce, segment_reduce_reference


def gather_segment_reduce(
    x: Tensor, index: Tensor, ptr: Tensor, reduce: Reduce = "sum", weight: Tensor | None = None
) -> Tensor:
    r"""Reduce the rows of ``x`` that each segment of ``index`` names, without building the gathered ``[E, ...]``.

    .. math:: y_n = \bigoplus_{e = \mathrm{ptr}_n}^{\mathrm{ptr}_{n+1} - 1} w_e \, x_{\mathrm{index}_e}

    Args:
        x: ``[M, ...]``, floating.
        index: ``[E]`` int32 or int64, rows of ``x``; a row may appear any number of times, or never.
        ptr: ``[N + 1]`` int32 or int64, rising from 0 to E.
        reduce: ``"sum"``, ``"mean"`` (divides by the number of elements, not by the weights), ``"max"`` or ``"min"``.
        weight: ``[E]``, or ``[E, ...]`` that broadcasts to the gathered rows; 1 when None.

    Returns:
        ``[N, ...]`` in the dtype of ``x``; 0 for an empty segment.

    Raises:
        DataError: a wrong dtype or shape, an unknown reduction, or (on a CPU) an index or pointer that does not fit.

    Example:
        >>> import torch
        >>> x = torch.tensor([[1.0], [10.0]])
        >>> gather_segment_reduce(x, torch.tensor([0, 1, 1]), torch.tensor([0, 2, 3])).tolist()
        [[11.0], [10.0]]
    """
    check_reduce(reduce)
    check_float("x", x)
    check_index("index", index)
    check_ptr("ptr", ptr)
    check_weight(x, index, weight)
    check_ptr_values("ptr", ptr, index.size(0))
    check_index_values("index", index, x.size(0))
    return gather_segment_reduce_reference(x, index, ptr, reduce, weight)


def check_weight(x: Tensor, index: Tensor, weight: Tensor | None) -> None:
    """Raise DataError unless ``weight`` is None, [E], or [E, ...] that broadcasts to the gathered rows."""
    if weight is None:
        return
    check_float("weight", weight)
    gathered = (index.size(0), *x.shape[1:])
    trailing = weight.shape[1:] if weight.dim() > 1 else (1,) * (x.dim() - 1)
    fits = weight.dim() >= 1 and weight.size(0) == gathered[0] and len(trailing) == x.dim() - 1
    if not fits or any(have not in (1, want) for have, want in zip(trailing, gathered[1:], strict=True)):
        raise DataError(
            "weight", f"has shape {list(weight.shape)}", f"give [{gathered[0]}] or a shape that widens to {[*gathered]}"
        )


def gather_segment_reduce_reference(
    x: Tensor, index: Tensor, ptr: Tensor, reduce: str = "sum", weight: Tensor | None = None
) -> Tensor:
    """The plain form of :func:`gather_segment_reduce`: gather, weigh, :func:`segment_reduce`."""
    dtype = accumulate_dtype(x.dtype)
    rows = x.index_select(0, index).to(dtype)
    if weight is not None:
        weight = weight.to(dtype)
        rows = rows * (weight.view(-1, *[1] * (x.dim() - 1)) if weight.dim() == 1 else weight)
    return segment_reduce_reference(rows, ptr, reduce).to(x.dtype)
