"""Triton kernels of ``segment_softmax``: one program a segment and block of columns. Scores are [E, C]."""

from __future__ import annotations

import torch
from torch import Tensor

from graphvtr.ops.triton._launch import accumulator, column_block, tl, triton, warps_for


@triton.jit
def forward_kernel(score, ptr, out, width, ACC: tl.constexpr, BLOCK: tl.constexpr):
    segment = tl.program_id(0).to(tl.int64)
    column = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside = column < width
    begin, end = tl.load(ptr + segment).to(tl.int64), tl.load(ptr + segment + 1).to(tl.int64)
    largest = tl.zeros([BLOCK], ACC) + float("-inf")
    for row in range(begin, end):
        largest = tl.maximum(largest, tl.load(score + row * width + column, mask=inside, other=0.0).to(ACC))
    largest = tl.where(largest == float("-inf"), 0.0, largest)
    total = tl.zeros([BLOCK], ACC)
    for row in range(begin, end):
        total += tl.exp(tl.load(score + row * width + column, mask=inside, other=0.0).to(ACC) - largest)
    total = tl.where(total == 0, 1.0, total)
    for row in range(begin, end):
        value = tl.load(score + row * width + column, mask=inside, other=0.0).to(ACC)
        tl.store(out + row * width + column, tl.exp(value - largest) / total, mask=inside)


@triton.jit
def backward_kernel(grad, weight, ptr, result, width, ACC: tl.constexpr, BLOCK: tl.constexpr):
    segment = tl.program_id(0).to(tl.int64)
    column = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside = column < width
    begin, end = tl.load(ptr + segment).to(tl.int64), tl.load(ptr + segment + 1).to(tl.int64)
    mean = tl.zeros([BLOCK], ACC)
    for row in range(begin, end):
        one = tl.load(grad + row * width + column, mask=inside, other=0.0).to(ACC)
        mean += one * tl.load(weight + row * width + column, mask=inside, other=0.0).to(ACC)
    for row in range(begin, end):
        one = tl.load(grad + row * width + column, mask=inside, other=0.0).to(ACC)
        alpha = tl.load(weight + row * width + column, mask=inside, other=0.0).to(ACC)
        tl.store(result + row * width + column, (one - mean) * alpha, mask=inside)


def forward(score: Tensor, ptr: Tensor) -> Tensor:
    """Shift by the largest, exponentiate, divide by the sum."""
    score, ptr = score.contiguous(), ptr.contiguous()
    out = torch.empty_like(score)
    if out.numel():
        block = column_block(score.size(1), ptr.size(0) - 1)
        grid = (ptr.size(0) - 1, triton.cdiv(score.size(1), block))
        forward_kernel[grid](
            score, ptr, out, score.size(1), accumulator(score.dtype), block, num_warps=warps_for(block)
        )
    return out


def backward(grad: Tensor, weight: Tensor, ptr: Tensor) -> Tensor:
    """The gradient less its weighted mean, times the weight."""
    grad, weight, ptr = grad.contiguous(), weight.contiguous(), ptr.contiguous()
    result = torch.empty_like(weight)
    if result.numel():
        block = column_block(weight.size(1), ptr.size(0) - 1)
        grid = (ptr.size(0) - 1, triton.cdiv(weight.size(1), block))
        backward_kernel[grid](
            grad, weight, ptr, result, weight.size(1), accumulator(weight.dtype), block, num_warps=warps_for(block)
        )
    return result
