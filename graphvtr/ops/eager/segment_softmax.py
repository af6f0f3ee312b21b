"""``segment_softmax`` on the torch backend. Scores are flat here: [E, C]."""

from __future__ import annotations

import torch
from torch import Tensor

from graphvtr.ops._segments import accumulate_dtype
from graphvtr.ops.eager._sparse import owners, reduce_rows, segment_chunks, take


def forward(score: Tensor, ptr: Tensor) -> Tensor:
    """Shift by the largest, exponentiate, divide by the sum."""
    ptr = ptr.long()
    return softmax(score.to(accumulate_dtype(score.dtype)), ptr, owners(ptr, score.size(0))).to(score.dtype)


def softmax(score: Tensor, ptr: Tensor, owner: Tensor) -> Tensor:
    """The softmax of float32 or float64 scores whose owners are known."""
    result = torch.empty_like(score, memory_format=torch.contiguous_format)
    for segments, rows, scratch in segment_chunks(ptr, score):
        part, own = _local(ptr, owner, segments, rows)
        largest = reduce_rows(score[rows], part, "max")
        largest.masked_fill_(largest == -torch.inf, 0.0)
        weight = torch.sub(score[rows], take(largest, own, scratch), out=result[rows]).exp_()
        total = reduce_rows(weight, part, "sum")
        total.masked_fill_(total == 0, 1.0)
        weight.div_(take(total, own, scratch))
    return result


def backward(grad: Tensor, weight: Tensor, ptr: Tensor) -> Tensor:
    """The gradient less its weighted mean over the segment, times the weight."""
    ptr, dtype = ptr.long(), accumulate_dtype(grad.dtype)
    return softmax_backward(grad.to(dtype), weight.to(dtype), ptr, owners(ptr, grad.size(0))).to(grad.dtype)


def softmax_backward(grad: Tensor, weight: Tensor, ptr: Tensor, owner: Tensor) -> Tensor:
    """The gradient of the scores, in the dtype of the weights."""
    result = torch.empty_like(weight)
    for segments, rows, scratch in segment_chunks(ptr, weight):
        part, own = _local(ptr, owner, segments, rows)
        mean = reduce_rows(torch.mul(grad[rows], weight[rows], out=scratch), part, "sum")
        torch.sub(grad[rows], take(mean, own, scratch), out=result[rows]).mul_(weight[rows])
    return result


def _local(ptr: Tensor, owner: Tensor, segments: slice, rows: slice) -> tuple[Tensor, Tensor]:
    """The pointer and the owners within a chunk that begins at ``segments.start``."""
    return ptr[segments.start : segments.stop + 1] - rows.start, owner[rows] - segments.start
