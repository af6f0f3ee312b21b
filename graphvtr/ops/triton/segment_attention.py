"""Triton kernels of ``segment_attention``: one program a segment and head, its weights in registers."""

from __future__ import annotations

import torch
from torch import Tensor

from graphvtr.ops._segments import longest
from graphvtr.ops.eager import segment_attention as eager
from graphvtr.ops.triton._launch import block_of, leave_to_torch, product, tl, triton

#: The largest segment and the widest head that a program holds; larger ones go to the torch backend.
MAX_ROWS, MAX_WIDTH = 128, 128
#: Bytes of the tiles that a program holds at a time: with more, a thread spills kilobytes of registers.
MAX_BYTES = 64 * 1024


@triton.jit
def load_tile(x, begin, n, head, heads, width, ROWS: tl.constexpr, BLOCK: tl.constexpr):
    row, column = tl.arange(0, ROWS), tl.arange(0, BLOCK)
    inside = (row < n)[:, None] & (column < width)[None, :]
    place = ((begin + row)[:, None] * heads + head) * width + column[None, :]
    return tl.load(x + place, mask=inside, other=0.0)


@triton.jit
def store_tile(x, value, begin, n, head, heads, width, ROWS: tl.constexpr, BLOCK: tl.constexpr):
    row, column = tl.arange(0, ROWS), tl.arange(0, BLOCK)
    inside = (row < n)[:, None] & (column < width)[None, :]
    tl.store(x + ((begin + row)[:, None] * heads + head) * width + column[None, :], value, mask=inside)


@triton.jit
def weights_of(query, key, n, scale, ROWS: tl.constexpr):
    score = product(query, tl.trans(key)) * scale
    score = tl.where((tl.arange(0, ROWS) < n)[None, :], score, float("-inf"))
    weight = tl.exp(score - tl.max(score, axis=1)[:, None])
    return weight / tl.sum(weight, axis=1)[:, None]


@triton.jit
def forward_kernel(
    q, k, v, ptr, out, scale, heads, key_width, width, ROWS: tl.constexpr, BLOCK_K: tl.constexpr, BLOCK_V: tl.constexpr
):
    segment, head = tl.program_id(0).to(tl.int64), tl.program_id(1)
    begin = tl.load(ptr + segment).to(tl.int64)
    n = (tl.load(ptr + segment + 1).to(tl.int64) - begin).to(tl.int32)
    if n > 0:
        query = load_tile(q, begin, n, head, heads, key_width, ROWS, BLOCK_K)
        key = load_tile(k, begin, n, head, heads, key_width, ROWS, BLOCK_K)
        value = load_tile(v, begin, n, head, heads, width, ROWS, BLOCK_V)
        weight = weights_of(query, key, n, scale, ROWS)
        mixed = product(weight, value)
        store_tile(out, mixed, begin, n, head, heads, width, ROWS, BLOCK_V)


@triton.jit
def backward_kernel(
    grad, q, k, v, ptr, grad_q, grad_k, grad_v, scale, heads, key_width, width,
    ROWS: tl.constexpr, BLOCK_K: tl.constexpr, BLOCK_V: tl.constexpr,
):  # fmt: skip
    segment, head = tl.program_id(0).to(tl.int64), tl.program_id(1)
    begin = tl.load(ptr + segment).to(tl.int64)
    n = (tl.load(ptr + segment + 1).to(tl.int64) - begin).to(tl.int32)
    if n > 0:
        query = load_tile(q, begin, n, head, heads, key_width, ROWS, BLOCK_K)
        key = load_tile(k, begin, n, head, heads, key_width, ROWS, BLOCK_K)
        value = load_tile(v, begin, n, head, heads, width, ROWS, BLOCK_V)
        flow = load_tile(grad, begin, n, head, heads, width, ROWS, BLOCK_V)
        weight = weights_of(query, key, n, scale, ROWS)
        of_value = product(tl.trans(weight), flow)
        store_tile(grad_v, of_value, begin, n, head, heads, width, ROWS, BLOCK_V)
        of_weight = product(flow, tl.trans(value))
        of_score = weight * (of_weight - tl.sum(of_weight * weight, axis=1)[:, None]) * scale
        of_query = product(of_score, key)
        store_tile(grad_q, of_query, begin, n, head, heads, key_width, ROWS, BLOCK_K)
        of_key = product(tl.trans(of_score), query)
        store_tile(grad_k, of_key, begin, n, head, heads, key_width, ROWS, BLOCK_K)


def forward(q: Tensor, k: Tensor, v: Tensor, ptr: Tensor, scale: float) -> Tensor:
    """The output [R, H, Dv]."""
    tiles = _tiles(q, v, ptr, 3)
    if tiles is None:
        return eager.forward(q, k, v, ptr, scale)
    q, k, v, ptr = (x.contiguous() for x in (q, k, v, ptr))
    out = torch.empty_like(v)
    forward_kernel[(ptr.size(0) - 1, q.size(1))](
        q, k, v, ptr, out, scale, q.size(1), q.size(2), v.size(2), *tiles, num_warps=4
    )
    return out


def backward(grad: Tensor, q: Tensor, k: Tensor, v: Tensor, ptr: Tensor, scale: float) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of q, k and v, the weights computed again."""
    tiles = _tiles(q, v, ptr, 4)
    if tiles is None:
        return eager.backward(grad, q, k, v, ptr, scale)
    grad, q, k, v, ptr = (x.contiguous() for x in (grad, q, k, v, ptr))
    grad_q, grad_k, grad_v = (torch.empty_like(x) for x in (q, k, v))
    backward_kernel[(ptr.size(0) - 1, q.size(1))](
        grad, q, k, v, ptr, grad_q, grad_k, grad_v, scale, q.size(1), q.size(2), v.size(2), *tiles, num_warps=8
    )
    return grad_q, grad_k, grad_v


def _tiles(q: Tensor, v: Tensor, ptr: Tensor, count: int) -> tuple[int, int, int] | None:
    """Rows and columns of the tiles that hold the largest segment; None for what the kernels do not do.

    Args:
        q: [R, H, D].
        v: [R, H, Dv].
        ptr: [S + 1].
        count: tiles that a program holds at a time.
    """
    largest, widest = longest(ptr), max(q.size(2), v.size(2))
    if largest == 0 or widest == 0 or q.size(1) == 0:
        return None
    rows, key, value = block_of(largest, least=16), block_of(q.size(2), least=16), block_of(v.size(2), least=16)
    if largest > MAX_ROWS or widest > MAX_WIDTH or count * rows * max(key, value) * q.element_size() > MAX_BYTES:
        leave_to_torch("segment_attention", f"segments of {largest} rows of {widest} do not fit a program")
        return None
    return rows, key, value
