"""Softmax over consecutive rows."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from graphvtr.ops import _message_passing
from graphvtr.ops._backend import requested_backend, run
from graphvtr.ops._segments import accumulate_dtype, check_float, check_ptr, check_ptr_values, segment_of
from graphvtr.ops.segment_reduce import flatten_rows, segment_reduce_reference


def segment_softmax(score: Tensor, ptr: Tensor) -> Tensor:
    r"""Softmax within each run ``score[ptr[n]:ptr[n + 1]]``, separately for every trailing index.

    .. math:: \alpha_e = \frac{\exp(s_e - m_n)}{\sum_{f \in n} \exp(s_f - m_n)}, \qquad m_n = \max_{f \in n} s_f

    Args:
        score: ``[E, ...]``, floating. A segment whose scores are all -inf gets weights 0.
        ptr: ``[N + 1]`` int32 or int64, rising from 0 to E.

    Returns:
        ``[E, ...]`` in the dtype of ``score``; the weights of a segment that is not empty sum to 1.

    Raises:
        DataError: a wrong dtype or shape, or (on a CPU) a pointer that does not fit.

    Example:
        >>> import torch
        >>> segment_softmax(torch.tensor([0.0, 0.0, 7.0]), torch.tensor([0, 2, 3])).tolist()
        [0.5, 0.5, 1.0]
    """
    passes = requested_backend() == "message_passing"
    check_float("score", score, forward_mode=passes)
    check_ptr("ptr", ptr)
    if passes:
        return _message_passing.segment_softmax(score, ptr)
    return _segment_softmax(flatten_rows(score), ptr, requested_backend()).view(score.shape)


def segment_softmax_reference(score: Tensor, ptr: Tensor) -> Tensor:
    """The plain form of :func:`segment_softmax`: shift by the maximum, exponentiate, divide by the sum."""
    dtype, owner = accumulate_dtype(score.dtype), segment_of(ptr, score.size(0))
    shifted = score.to(dtype)
    largest = segment_reduce_reference(shifted.detach(), ptr, "max")
    largest = largest.masked_fill(largest == -torch.inf, 0.0)
    weight = (shifted - largest.index_select(0, owner)).exp()
    total = segment_reduce_reference(weight, ptr, "sum")
    total = torch.where(total == 0, 1.0, total)
    return (weight / total.index_select(0, owner)).to(score.dtype)


@torch.library.custom_op("graphvtr::segment_softmax", mutates_args=())
def _segment_softmax(score: Tensor, ptr: Tensor, backend: str) -> Tensor:
    check_ptr_values("ptr", ptr, score.size(0))
    weight: Tensor = run("segment_softmax", "forward", backend, score, score, ptr)
    return weight


@torch.library.custom_op("graphvtr::segment_softmax_backward", mutates_args=())
def _segment_softmax_backward(grad: Tensor, weight: Tensor, ptr: Tensor, backend: str) -> Tensor:
    result: Tensor = run("segment_softmax", "backward", backend, weight, grad, weight, ptr)
    return result


@_segment_softmax.register_fake
def _(score: Tensor, ptr: Tensor, backend: str) -> Tensor:
    return torch.empty_like(score, memory_format=torch.contiguous_format)


@_segment_softmax_backward.register_fake
def _(grad: Tensor, weight: Tensor, ptr: Tensor, backend: str) -> Tensor:
    return torch.empty_like(weight)


def _save(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    _, ptr, ctx.backend = inputs
    ctx.save_for_backward(output, ptr)


def _gradients(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    weight, ptr = ctx.saved_tensors
    return _segment_softmax_backward(grad, weight, ptr, ctx.backend), None, None


_segment_softmax.register_autograd(_gradients, setup_context=_save)
