"""``segment_softmax`` with torch-scatter."""

from __future__ import annotations

import torch
from torch import Tensor

from graphvtr._optional import optional_import
from graphvtr.ops._segments import accumulate_dtype

torch_scatter = optional_import("torch_scatter", "scatter", "the torch_scatter backend")


def forward(score: Tensor, ptr: Tensor) -> Tensor:
    """Shift by the largest, exponentiate, divide by the sum."""
    ptr, wide = ptr.long(), score.to(accumulate_dtype(score.dtype)).contiguous()
    largest = torch_scatter.segment_csr(wide, ptr, reduce="max")
    weight = (wide - torch_scatter.gather_csr(largest.masked_fill_(largest == -torch.inf, 0.0), ptr)).exp_()
    total = torch_scatter.segment_csr(weight, ptr, reduce="sum")
    result: Tensor = weight.div_(torch_scatter.gather_csr(total.masked_fill_(total == 0, 1.0), ptr)).to(score.dtype)
    return result


def backward(grad: Tensor, weight: Tensor, ptr: Tensor) -> Tensor:
    """The gradient less its weighted mean, times the weight."""
    ptr, dtype = ptr.long(), accumulate_dtype(grad.dtype)
    wide, weight = grad.to(dtype).contiguous(), weight.to(dtype)
    mean = torch_scatter.segment_csr(wide * weight, ptr, reduce="sum")
    result: Tensor = (wide - torch_scatter.gather_csr(mean, ptr)).mul_(weight).to(grad.dtype)
    return result
