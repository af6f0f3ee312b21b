"""Triton kernels of ``segment_reduce``: one program a segment and block of columns. ``x`` is [E, C]."""

from __future__ import annotations

import torch
from torch import Tensor

from graphvtr.ops.triton._launch import accumulator, column_block, tl, triton, warps_for


@triton.jit
def forward_kernel(x, ptr, out, width, REDUCE: tl.constexpr, ACC: tl.constexpr, BLOCK: tl.constexpr):
    segment = tl.program_id(0).to(tl.int64)
    column = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside = column < width
    begin, end = tl.load(ptr + segment).to(tl.int64), tl.load(ptr + segment + 1).to(tl.int64)
    total = tl.zeros([BLOCK], ACC)
    if REDUCE == "max":
        total += float("-inf")
    if REDUCE == "min":
        total += float("inf")
    for row in range(begin, end):
        value = tl.load(x + row * width + column, mask=inside, other=0.0).to(ACC)
        if REDUCE == "max":
            total = tl.maximum(total, value, propagate_nan=tl.PropagateNan.ALL)
        elif REDUCE == "min":
            total = tl.minimum(total, value, propagate_nan=tl.PropagateNan.ALL)
        else:
            total += value
    if REDUCE == "mean":
        total = total / tl.maximum(end - begin, 1).to(ACC)
    total = tl.where(begin < end, total, 0.0)
    tl.store(out + segment * width + column, total, mask=inside)


@triton.jit
def backward_kernel(grad, x, ptr, out, result, width, REDUCE: tl.constexpr, ACC: tl.constexpr, BLOCK: tl.constexpr):
    segment = tl.program_id(0).to(tl.int64)
    column = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside = column < width
    begin, end = tl.load(ptr + segment).to(tl.int64), tl.load(ptr + segment + 1).to(tl.int64)
    share = tl.load(grad + segment * width + column, mask=inside, other=0.0).to(ACC)
    best = tl.load(out + segment * width + column, mask=inside, other=0.0)
    if REDUCE == "mean":
        share = share / tl.maximum(end - begin, 1).to(ACC)
    if REDUCE == "max" or REDUCE == "min":
        ties = tl.zeros([BLOCK], ACC)
        for row in range(begin, end):
            ties += tl.where(tl.load(x + row * width + column, mask=inside, other=0.0) == best, 1.0, 0.0).to(ACC)
        share = share / tl.maximum(ties, 1.0)
    for row in range(begin, end):
        value = share
        if REDUCE == "max" or REDUCE == "min":
            value = tl.where(tl.load(x + row * width + column, mask=inside, other=0.0) == best, share, 0.0)
        tl.store(result + row * width + column, value, mask=inside)


def forward(x: Tensor, ptr: Tensor, reduce: str) -> Tensor:
    """Reduce each run of rows."""
    x, ptr = x.contiguous(), ptr.contiguous()
    out = x.new_empty(ptr.size(0) - 1, x.size(1))
    if out.numel():
        block = column_block(x.size(1), out.size(0))
        grid = (out.size(0), triton.cdiv(x.size(1), block))
        forward_kernel[grid](x, ptr, out, x.size(1), reduce, accumulator(x.dtype), block, num_warps=warps_for(block))
    return out


def backward(grad: Tensor, x: Tensor, ptr: Tensor, out: Tensor, reduce: str) -> Tensor:
    """Spread the gradient of each run over its rows; that of an extreme over the rows that attain it."""
    grad, x, ptr = grad.contiguous(), x.contiguous(), ptr.contiguous()
    result = torch.empty_like(x)
    if result.numel():
        block = column_block(x.size(1), out.size(0))
        grid = (out.size(0), triton.cdiv(x.size(1), block))
        backward_kernel[grid](
            grad, x, ptr, out, result, x.size(1), reduce, accumulator(x.dtype), block, num_warps=warps_for(block)
        )
    return result
