"""Softmax over consecutive rows."""

from __future__ import annotations

import torch
from torch import Tensor

from graphvtr.ops._segments import accumulate_dtype, check_float, check_ptr, check_ptr_values, segment_of
from graphvtr.ops.segment_reduce import segment_reduce_reference


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
    check_float("score", score)
    check_ptr("ptr", ptr)
    check_ptr_values("ptr", ptr, score.size(0))
    return segment_softmax_reference(score, ptr)


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
