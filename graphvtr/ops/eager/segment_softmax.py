"""``segment_softmax`` on the torch backend. Scores are flat here: [E, C]."""

from __future__ import annotations

import torch
from torch import Tensor

from graphvtr.ops._segments import accumulate_dtype
from graphvtr.ops.eager._sparse import owners, reduce_rows


def forward(score: Tensor, ptr: Tensor) -> Tensor:
    """Shift by the largest, exponentiate, divide by the sum."""
    ptr = ptr.long()
    return softmax(score.to(accumulate_dtype(score.dtype)), ptr, owners(ptr, score.size(0))).to(score.dtype)


def softmax(score: Tensor, ptr: Tensor, owner: Tensor) -> Tensor:
    """The softmax of float32 or float64 scores whose owners are known."""
    largest = reduce_rows(score, ptr, "max")
    largest.masked_fill_(largest == -torch.inf, 0.0)
    weight = (score - largest.index_select(0, owner)).exp_()
    total = reduce_rows(weight, ptr, "sum")
    total.masked_fill_(total == 0, 1.0)
    return weight.div_(total.index_select(0, owner))


def backward(grad: Tensor, weight: Tensor, ptr: Tensor) -> Tensor:
    """:math:`\\partial s_e = \\alpha_e (g_e - \\sum_f \\alpha_f g_f)`."""
    ptr, dtype = ptr.long(), accumulate_dtype(grad.dtype)
    return softmax_backward(grad.to(dtype), weight.to(dtype), ptr, owners(ptr, grad.size(0))).to(grad.dtype)


def softmax_backward(grad: Tensor, weight: Tensor, ptr: Tensor, owner: Tensor) -> Tensor:
    """The gradient of the scores, in the dtype of the weights."""
    mean = reduce_rows(grad * weight, ptr, "sum")
    return (grad - mean.index_select(0, owner)).mul_(weight)
