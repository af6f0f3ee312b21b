"""Triton kernels of ``gather_segment_reduce``: one program a segment and block of columns.

Rows are [M, H * D] and weights [E, H]: column c has the weight of head c // D. The gradient of the rows is the same
kernel over the transposed edges; that of the weights is one dot product an edge and head.
"""

from __future__ import annotations

import torch
from torch import Tensor

from graphvtr.ops._segments import counts_of
from graphvtr.ops.eager._sparse import owners, transpose
from graphvtr.ops.triton._launch import accumulator, block_of, column_block, tl, triton, warps_for


@triton.jit
def forward_kernel(
    x, index, ptr, weight, out, width, depth, heads,
    WEIGHTED: tl.constexpr, REDUCE: tl.constexpr, ACC: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    segment = tl.program_id(0).to(tl.int64)
    column = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside, head = column < width, column // depth
    begin, end = tl.load(ptr + segment).to(tl.int64), tl.load(ptr + segment + 1).to(tl.int64)
    total = tl.zeros([BLOCK], ACC)
    if REDUCE == "max":
        total += float("-inf")
    if REDUCE == "min":
        total += float("inf")
    for edge in range(begin, end):
        row = tl.load(index + edge).to(tl.int64)
        value = tl.load(x + row * width + column, mask=inside, other=0.0).to(ACC)
        if WEIGHTED:
            value *= tl.load(weight + edge * heads + head, mask=inside, other=0.0).to(ACC)
        if REDUCE == "max":
            total = tl.maximum(total, value, propagate_nan=tl.PropagateNan.ALL)
        elif REDUCE == "min":
            total = tl.minimum(total, value, propagate_nan=tl.PropagateNan.ALL)
        else:
            total += value
    if REDUCE == "mean":
        total = total / tl.maximum(end - begin, 1).to(ACC)
    tl.store(out + segment * width + column, tl.where(begin < end, total, 0.0), mask=inside)


@triton.jit
def share_kernel(
    grad, x, index, ptr, weight, best, out, width, depth, heads,
    WEIGHTED: tl.constexpr, ACC: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """The gradient of an extreme over the number of edges that attain it."""
    segment = tl.program_id(0).to(tl.int64)
    column = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside, head = column < width, column // depth
    begin, end = tl.load(ptr + segment).to(tl.int64), tl.load(ptr + segment + 1).to(tl.int64)
    extreme = tl.load(best + segment * width + column, mask=inside, other=0.0)
    ties = tl.zeros([BLOCK], ACC)
    for edge in range(begin, end):
        row = tl.load(index + edge).to(tl.int64)
        value = tl.load(x + row * width + column, mask=inside, other=0.0).to(ACC)
        if WEIGHTED:
            value *= tl.load(weight + edge * heads + head, mask=inside, other=0.0).to(ACC)
        ties += tl.where(value == extreme, 1.0, 0.0).to(ACC)
    share = tl.load(grad + segment * width + column, mask=inside, other=0.0).to(ACC) / tl.maximum(ties, 1.0)
    tl.store(out + segment * width + column, share, mask=inside)


@triton.jit
def row_gradient_kernel(
    share, x, segment_of, order, ptr, weight, best, out, width, depth, heads,
    WEIGHTED: tl.constexpr, EXTREME: tl.constexpr, ACC: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Sum what flows back to a row over the edges that gathered it, in their order."""
    row = tl.program_id(0).to(tl.int64)
    column = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside, head = column < width, column // depth
    begin, end = tl.load(ptr + row).to(tl.int64), tl.load(ptr + row + 1).to(tl.int64)
    total = tl.zeros([BLOCK], ACC)
    value = tl.load(x + row * width + column, mask=inside, other=0.0).to(ACC)
    for place in range(begin, end):
        segment, edge = tl.load(segment_of + place).to(tl.int64), tl.load(order + place).to(tl.int64)
        flow = tl.load(share + segment * width + column, mask=inside, other=0.0)
        factor = tl.zeros([BLOCK], ACC) + 1.0
        if WEIGHTED:
            factor = tl.load(weight + edge * heads + head, mask=inside, other=0.0).to(ACC)
        if EXTREME:
            extreme = tl.load(best + segment * width + column, mask=inside, other=0.0)
            flow = tl.where(value * factor == extreme, flow, 0.0)
        total += flow * factor
    tl.store(out + row * width + column, total, mask=inside)


@triton.jit
def weight_gradient_kernel(
    share, x, index, owner, weight, best, out, width, depth, heads,
    EXTREME: tl.constexpr, ACC: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """One dot product an edge and head."""
    edge, head = tl.program_id(0).to(tl.int64), tl.program_id(1)
    row, segment = tl.load(index + edge).to(tl.int64), tl.load(owner + edge).to(tl.int64)
    factor = tl.load(weight + edge * heads + head).to(ACC)
    total = tl.zeros([BLOCK], ACC)
    for start in range(0, depth, BLOCK):
        within = start + tl.arange(0, BLOCK)
        column, inside = head * depth + within, within < depth
        value = tl.load(x + row * width + column, mask=inside, other=0.0).to(ACC)
        flow = tl.load(share + segment * width + column, mask=inside, other=0.0)
        if EXTREME:
            extreme = tl.load(best + segment * width + column, mask=inside, other=0.0)
            flow = tl.where(value * factor == extreme, flow, 0.0)
        total += value * flow
    tl.store(out + edge * heads + head, tl.sum(total, axis=0))


def forward(x: Tensor, index: Tensor, ptr: Tensor, weight: Tensor | None, reduce: str) -> Tensor:
    """Reduce the gathered rows: [N, H, D]."""
    return _reduce(x.contiguous(), index.contiguous(), ptr.contiguous(), weight, reduce, x.dtype)


def _reduce(x: Tensor, index: Tensor, ptr: Tensor, weight: Tensor | None, reduce: str, dtype: torch.dtype) -> Tensor:
    out = x.new_empty(ptr.size(0) - 1, *x.shape[1:], dtype=dtype)
    if out.numel():
        heads, depth = x.size(1), x.size(2)
        block = column_block(heads * depth, out.size(0))
        grid = (out.size(0), triton.cdiv(heads * depth, block))
        forward_kernel[grid](
            x, index, ptr, x if weight is None else weight.contiguous(), out, heads * depth, depth, heads,
            weight is not None, reduce, accumulator(x.dtype), block, num_warps=warps_for(block),
        )  # fmt: skip
    return out


def backward(
    grad: Tensor, x: Tensor, index: Tensor, ptr: Tensor, weight: Tensor | None, reduce: str
) -> tuple[Tensor, Tensor]:
    """Gradients of ``x`` and of ``weight`` (empty where there is none); extremes are reduced again."""
    wide = torch.float64 if x.dtype == torch.float64 else torch.float32
    x, index, ptr = x.contiguous(), index.long(), ptr.long()
    factors, weighted = (x, False) if weight is None else (weight.contiguous(), True)
    heads, depth = x.size(1), x.size(2)
    grad_x, grad_weight = torch.empty_like(x), x.new_zeros(0) if weight is None else torch.empty_like(factors)
    if index.size(0) == 0 or heads * depth == 0:
        return grad_x.zero_(), grad_weight.zero_()
    extreme, block = reduce in ("max", "min"), column_block(heads * depth, x.size(0))
    common = {"ACC": accumulator(x.dtype), "num_warps": warps_for(block)}
    sizes, columns = (heads * depth, depth, heads), triton.cdiv(heads * depth, block)
    share, best = grad.to(wide).contiguous(), x
    if extreme:
        best, share = _reduce(x, index, ptr, weight, reduce, wide), torch.empty_like(share)
        share_kernel[(ptr.size(0) - 1, columns)](
            grad.contiguous(), x, index, ptr, factors, best, share, *sizes, weighted, BLOCK=block, **common
        )
    elif reduce == "mean":
        share = share / counts_of(ptr, 3, wide)
    ptr_t, segment_of, order = transpose(ptr, index, x.size(0))
    row_gradient_kernel[(x.size(0), columns)](
        share, x, segment_of, order, ptr_t, factors, best, grad_x, *sizes, weighted, extreme, BLOCK=block, **common
    )
    if weighted:
        depth_block = block_of(depth)
        weight_gradient_kernel[(index.size(0), heads)](
            share, x, index, owners(ptr, index.size(0)), factors, best, grad_weight, *sizes, extreme,
            BLOCK=depth_block, ACC=common["ACC"], num_warps=warps_for(depth_block),
        )  # fmt: skip
    return grad_x, grad_weight
