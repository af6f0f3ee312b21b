"""Gather rows by index, weigh them, and reduce runs of them: the sparse-dense product of message passing."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from graphvtr.errors import DataError
from graphvtr.ops import _message_passing
from graphvtr.ops._backend import requested_backend, run
from graphvtr.ops._segments import (
    accumulate_dtype,
    check_float,
    check_index,
    check_index_values,
    check_ptr,
    check_ptr_values,
    promote,
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
    passes = requested_backend() == "message_passing"
    check_float("x", x, forward_mode=passes)
    check_index("index", index)
    check_ptr("ptr", ptr)
    check_weight(x, index, weight, forward_mode=passes)
    if passes:
        return _message_passing.gather_segment_reduce(x, index, ptr, reduce, weight)
    if weight is not None:
        x, weight = x.to(promote(x, weight)), weight.to(promote(x, weight))
        weight, heads = _weight_heads(x, weight)
        rows = x.reshape(x.size(0), heads, math.prod(x.shape[1:]) // max(1, heads))
    else:
        rows = x.reshape(x.size(0), 1, math.prod(x.shape[1:]))
    out = _gather_segment_reduce(rows, index, ptr, weight, reduce, requested_backend())
    return out.view(ptr.size(0) - 1, *x.shape[1:])


def _weight_heads(x: Tensor, weight: Tensor) -> tuple[Tensor, int]:
    """The weights as ``[E, H]``: one for each run of ``C / H`` neighbouring features, and H."""
    if weight.dim() == 1:
        return weight.unsqueeze(1), 1
    shared = weight.dim()
    while shared > 1 and weight.size(shared - 1) == 1:
        shared -= 1
    leading = x.shape[1:shared]
    weight = weight.reshape(weight.shape[:shared]).expand(-1, *leading)
    return weight.reshape(weight.size(0), math.prod(leading)), math.prod(leading)


def check_weight(x: Tensor, index: Tensor, weight: Tensor | None, *, forward_mode: bool = False) -> None:
    """Raise DataError unless ``weight`` is None, [E], or [E, ...] that broadcasts to the gathered rows."""
    if weight is None:
        return
    check_float("weight", weight, forward_mode=forward_mode)
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


@torch.library.custom_op("graphvtr::gather_segment_reduce", mutates_args=())
def _gather_segment_reduce(
    x: Tensor, index: Tensor, ptr: Tensor, weight: Tensor | None, reduce: str, backend: str
) -> Tensor:
    check_ptr_values("ptr", ptr, index.size(0))
    check_index_values("index", index, x.size(0))
    out: Tensor = run("gather_segment_reduce", "forward", backend, x, x, index, ptr, weight, reduce)
    return out


@torch.library.custom_op("graphvtr::gather_segment_reduce_backward", mutates_args=())
def _gather_segment_reduce_backward(
    grad: Tensor, x: Tensor, index: Tensor, ptr: Tensor, weight: Tensor | None, reduce: str, backend: str
) -> tuple[Tensor, Tensor]:
    grad_x, grad_weight = run("gather_segment_reduce", "backward", backend, x, grad, x, index, ptr, weight, reduce)
    return grad_x, grad_weight


@_gather_segment_reduce.register_fake
def _(x: Tensor, index: Tensor, ptr: Tensor, weight: Tensor | None, reduce: str, backend: str) -> Tensor:
    return x.new_empty(ptr.size(0) - 1, *x.shape[1:])


@_gather_segment_reduce_backward.register_fake
def _(grad: Tensor, x: Tensor, index: Tensor, ptr: Tensor, weight: Tensor | None, *rest: Any) -> tuple[Tensor, Tensor]:
    grad_weight = x.new_empty(0) if weight is None else x.new_empty(weight.shape)
    return torch.empty_like(x, memory_format=torch.contiguous_format), grad_weight


def _save(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    x, index, ptr, weight, ctx.reduce, ctx.backend = inputs
    ctx.save_for_backward(x, index, ptr, weight)


def _gradients(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    x, index, ptr, weight = ctx.saved_tensors
    grad_x, grad_weight = _gather_segment_reduce_backward(grad, x, index, ptr, weight, ctx.reduce, ctx.backend)
    return grad_x, None, None, None if weight is None else grad_weight, None, None


_gather_segment_reduce.register_autograd(_gradients, setup_context=_save)
