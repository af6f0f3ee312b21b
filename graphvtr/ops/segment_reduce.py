"""Sum, mean, maximum or minimum over consecutive rows."""

from __future__ import annotations

import math
from typing import Any, Literal

import torch
from torch import Tensor

from graphvtr.errors import DataError
from graphvtr.ops import _message_passing
from graphvtr.ops._backend import requested_backend, run
from graphvtr.ops._segments import (
    accumulate_dtype,
    check_float,
    check_ptr,
    check_ptr_values,
    counts_of,
    segment_of,
)

Reduce = Literal["sum", "mean", "max", "min"]
REDUCTIONS = ("sum", "mean", "max", "min")


def check_reduce(reduce: str) -> None:
    """Raise DataError unless ``reduce`` is a known reduction."""
    if reduce not in REDUCTIONS:
        raise DataError("reduce", f"is '{reduce}'", f"use one of {', '.join(REDUCTIONS)}")


def segment_reduce(x: Tensor, ptr: Tensor, reduce: Reduce = "sum") -> Tensor:
    r"""Reduce each run of rows ``x[ptr[n]:ptr[n + 1]]`` to one row.

    .. math:: y_n = \bigoplus_{e = \mathrm{ptr}_n}^{\mathrm{ptr}_{n+1} - 1} x_e, \qquad y_n = 0 \text{ if empty}

    Args:
        x: ``[E, ...]``, floating; sums of float16 and bfloat16 are kept in float32.
        ptr: ``[N + 1]`` int32 or int64, rising from 0 to E; equal neighbours are empty segments.
        reduce: ``"sum"``, ``"mean"``, ``"max"`` or ``"min"``. The gradient of an extreme that several rows
            share is split equally between them.

    Returns:
        ``[N, ...]`` in the dtype of ``x``; 0 for an empty segment, whatever the reduction.

    Raises:
        DataError: a wrong dtype or shape, an unknown reduction, or (on a CPU) a pointer that does not fit.

    Example:
        >>> import torch
        >>> segment_reduce(torch.tensor([1.0, 2.0, 4.0]), torch.tensor([0, 2, 2, 3]), "mean").tolist()
        [1.5, 0.0, 4.0]
    """
    check_reduce(reduce)
    passes = requested_backend() == "message_passing"
    check_float("x", x, forward_mode=passes)
    check_ptr("ptr", ptr)
    if passes:
        return _message_passing.segment_reduce(x, ptr, reduce)
    out = _segment_reduce(flatten_rows(x), ptr, reduce, requested_backend())
    return out.view(ptr.size(0) - 1, *x.shape[1:])


def flatten_rows(x: Tensor) -> Tensor:
    """``[E, ...]`` as ``[E, C]``; a vector as one column."""
    return x.reshape(x.size(0), math.prod(x.shape[1:]))


def segment_reduce_reference(x: Tensor, ptr: Tensor, reduce: str = "sum") -> Tensor:
    """The plain form of :func:`segment_reduce`: one scatter over the owner of each row."""
    count, dtype = ptr.size(0) - 1, accumulate_dtype(x.dtype)
    owner = segment_of(ptr, x.size(0))
    out = x.new_zeros((count, *x.shape[1:]), dtype=dtype)
    if reduce in ("sum", "mean"):
        out = out.index_add(0, owner, x.to(dtype))
        return (out / counts_of(ptr, x.dim(), dtype) if reduce == "mean" else out).to(x.dtype)
    owner = owner.view(-1, *[1] * (x.dim() - 1)).expand_as(x)
    return out.scatter_reduce(0, owner, x.to(dtype), f"a{reduce}", include_self=False).to(x.dtype)


@torch.library.custom_op("graphvtr::segment_reduce", mutates_args=())
def _segment_reduce(x: Tensor, ptr: Tensor, reduce: str, backend: str) -> Tensor:
    check_ptr_values("ptr", ptr, x.size(0))
    out: Tensor = run("segment_reduce", "forward", backend, x, x, ptr, reduce)
    return out


@torch.library.custom_op("graphvtr::segment_reduce_backward", mutates_args=())
def _segment_reduce_backward(grad: Tensor, x: Tensor, ptr: Tensor, out: Tensor, reduce: str, backend: str) -> Tensor:
    result: Tensor = run("segment_reduce", "backward", backend, x, grad, x, ptr, out, reduce)
    return result


@_segment_reduce.register_fake
def _(x: Tensor, ptr: Tensor, reduce: str, backend: str) -> Tensor:
    return x.new_empty(ptr.size(0) - 1, x.size(1))


@_segment_reduce_backward.register_fake
def _(grad: Tensor, x: Tensor, ptr: Tensor, out: Tensor, reduce: str, backend: str) -> Tensor:
    return torch.empty_like(x, memory_format=torch.contiguous_format)


def _save(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    x, ptr, ctx.reduce, ctx.backend = inputs
    ctx.save_for_backward(x, ptr, output)


def _gradients(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    x, ptr, out = ctx.saved_tensors
    return _segment_reduce_backward(grad, x, ptr, out, ctx.reduce, ctx.backend), None, None, None


_segment_reduce.register_autograd(_gradients, setup_context=_save)
