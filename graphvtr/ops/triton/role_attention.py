"""Triton kernels of ``role_attention``: one program a node and head, over the node's edges, wide rows in registers.

Forward reads q once and k, v, the role once an edge, and writes the output once: gather, score, softmax (online),
modulation and aggregation in one launch. Backward has a program a receiving node (scores and q), a program a sending
node over the transposed edges (k and v), and partial sums over the edges of each role.
"""

from __future__ import annotations

import torch
from torch import Tensor

from graphvtr.ops.eager import role_attention as eager
from graphvtr.ops.eager._sparse import owners, transpose
from graphvtr.ops.triton._launch import accumulator, block_of, leave_to_torch, tl, triton, warps_for

#: The edges of a role are summed in at most so many parts, of about so many edges, before the parts are summed.
MAX_SPLITS, SPLIT_EDGES = 64, 256


@triton.jit
def forward_kernel(
    q, k, v, ptr, col, role, role_weight, out, weights, scale, heads, key_width, width,
    ROLES: tl.constexpr, ACC: tl.constexpr, BLOCK_K: tl.constexpr, BLOCK_V: tl.constexpr,
):  # fmt: skip
    node, head = tl.program_id(0).to(tl.int64), tl.program_id(1)
    at_k, at_v = tl.arange(0, BLOCK_K), tl.arange(0, BLOCK_V)
    in_k, in_v = at_k < key_width, at_v < width
    begin, end = tl.load(ptr + node).to(tl.int64), tl.load(ptr + node + 1).to(tl.int64)
    query = tl.load(q + (node * heads + head) * key_width + at_k, mask=in_k, other=0.0).to(ACC) * scale
    total, largest = tl.sum(tl.zeros([1], ACC), axis=0), tl.sum(tl.zeros([1], ACC), axis=0) - float("inf")
    mixed = tl.zeros([BLOCK_V], ACC)
    for edge in range(begin, end):
        sender = tl.load(col + edge).to(tl.int64) * heads + head
        score = tl.sum(query * tl.load(k + sender * key_width + at_k, mask=in_k, other=0.0).to(ACC), axis=0)
        tl.store(weights + edge * heads + head, score)
        value = tl.load(v + sender * width + at_v, mask=in_v, other=0.0).to(ACC)
        if ROLES:
            place = tl.load(role + edge).to(tl.int64) * heads + head
            value *= tl.load(role_weight + place * width + at_v, mask=in_v, other=0.0).to(ACC)
        larger = tl.maximum(largest, score)
        fade, weight = tl.exp(largest - larger), tl.exp(score - larger)
        mixed = mixed * fade + value * weight
        total = total * fade + weight
        largest = larger
    total = tl.where(total > 0, total, 1.0)
    tl.store(out + (node * heads + head) * width + at_v, mixed / total, mask=in_v)
    tl.debug_barrier()  # the scores below were stored by other threads
    for edge in range(begin, end):
        score = tl.load(weights + edge * heads + head)
        tl.store(weights + edge * heads + head, tl.exp(score - largest) / total)


@triton.jit
def receiver_kernel(
    grad, grad_weights, k, v, ptr, col, role, role_weight, weights, grad_score, grad_q,
    scale, heads, key_width, width,
    ROLES: tl.constexpr, GRAD_WEIGHTS: tl.constexpr, ACC: tl.constexpr, BLOCK_K: tl.constexpr, BLOCK_V: tl.constexpr,
):  # fmt: skip
    node, head = tl.program_id(0).to(tl.int64), tl.program_id(1)
    at_k, at_v = tl.arange(0, BLOCK_K), tl.arange(0, BLOCK_V)
    in_k, in_v = at_k < key_width, at_v < width
    begin, end = tl.load(ptr + node).to(tl.int64), tl.load(ptr + node + 1).to(tl.int64)
    own = tl.load(grad + (node * heads + head) * width + at_v, mask=in_v, other=0.0).to(ACC)
    mean = tl.sum(tl.zeros([1], ACC), axis=0)
    for edge in range(begin, end):
        sender = tl.load(col + edge).to(tl.int64) * heads + head
        value = tl.load(v + sender * width + at_v, mask=in_v, other=0.0).to(ACC)
        if ROLES:
            place = tl.load(role + edge).to(tl.int64) * heads + head
            value *= tl.load(role_weight + place * width + at_v, mask=in_v, other=0.0).to(ACC)
        flow = tl.sum(own * value, axis=0)
        if GRAD_WEIGHTS:
            flow += tl.load(grad_weights + edge * heads + head)
        tl.store(grad_score + edge * heads + head, flow)
        mean += flow * tl.load(weights + edge * heads + head)
    tl.debug_barrier()  # the flows below were stored by other threads
    result = tl.zeros([BLOCK_K], ACC)
    for edge in range(begin, end):
        sender = tl.load(col + edge).to(tl.int64) * heads + head
        flow = tl.load(grad_score + edge * heads + head)
        slope = tl.load(weights + edge * heads + head) * (flow - mean) * scale
        result += slope * tl.load(k + sender * key_width + at_k, mask=in_k, other=0.0).to(ACC)
    tl.store(grad_q + (node * heads + head) * key_width + at_k, result, mask=in_k)
    tl.debug_barrier()  # every thread has read the flows
    for edge in range(begin, end):
        flow = tl.load(grad_score + edge * heads + head)
        tl.store(grad_score + edge * heads + head, tl.load(weights + edge * heads + head) * (flow - mean) * scale)


@triton.jit
def sender_kernel(
    grad, q, ptr, row, order, role, role_weight, weights, grad_score, grad_k, grad_v, heads, key_width, width,
    ROLES: tl.constexpr, ACC: tl.constexpr, BLOCK_K: tl.constexpr, BLOCK_V: tl.constexpr,
):  # fmt: skip
    node, head = tl.program_id(0).to(tl.int64), tl.program_id(1)
    at_k, at_v = tl.arange(0, BLOCK_K), tl.arange(0, BLOCK_V)
    in_k, in_v = at_k < key_width, at_v < width
    begin, end = tl.load(ptr + node).to(tl.int64), tl.load(ptr + node + 1).to(tl.int64)
    of_k, of_v = tl.zeros([BLOCK_K], ACC), tl.zeros([BLOCK_V], ACC)
    for place in range(begin, end):
        edge = tl.load(order + place).to(tl.int64)
        receiver = tl.load(row + place).to(tl.int64) * heads + head
        slope = tl.load(grad_score + edge * heads + head)
        of_k += slope * tl.load(q + receiver * key_width + at_k, mask=in_k, other=0.0).to(ACC)
        flow = tl.load(grad + receiver * width + at_v, mask=in_v, other=0.0).to(ACC)
        if ROLES:
            kind = tl.load(role + edge).to(tl.int64) * heads + head
            flow *= tl.load(role_weight + kind * width + at_v, mask=in_v, other=0.0).to(ACC)
        of_v += tl.load(weights + edge * heads + head) * flow
    tl.store(grad_k + (node * heads + head) * key_width + at_k, of_k, mask=in_k)
    tl.store(grad_v + (node * heads + head) * width + at_v, of_v, mask=in_v)


@triton.jit(do_not_specialize=["roles", "splits"])
def role_kernel(
    grad, v, ptr, order, owner, col, weights, partial, heads, width, roles,
    splits, ACC: tl.constexpr, BLOCK_V: tl.constexpr,
):  # fmt: skip
    """One of the parts of the sum over a role's edges."""
    kind, part = tl.program_id(0), tl.program_id(1)
    head, at_v = tl.program_id(2), tl.arange(0, BLOCK_V)
    in_v = at_v < width
    begin, end = tl.load(ptr + kind).to(tl.int64), tl.load(ptr + kind + 1).to(tl.int64)
    size = (end - begin + splits - 1) // splits
    first = begin + part * size
    total = tl.zeros([BLOCK_V], ACC)
    for place in range(first, tl.minimum(first + size, end)):
        edge = tl.load(order + place).to(tl.int64)
        receiver, sender = tl.load(owner + edge).to(tl.int64), tl.load(col + edge).to(tl.int64)
        flow = tl.load(grad + (receiver * heads + head) * width + at_v, mask=in_v, other=0.0).to(ACC)
        value = tl.load(v + (sender * heads + head) * width + at_v, mask=in_v, other=0.0).to(ACC)
        total += tl.load(weights + edge * heads + head) * flow * value
    tl.store(partial + ((part.to(tl.int64) * roles + kind) * heads + head) * width + at_v, total, mask=in_v)


def _constants(q: Tensor, v: Tensor, role: Tensor | None) -> dict[str, object]:
    block_k, block_v = block_of(q.size(2), MAX_WIDTH), block_of(v.size(2), MAX_WIDTH)
    return {
        "ROLES": role is not None,
        "ACC": accumulator(q.dtype),
        "BLOCK_K": block_k,
        "BLOCK_V": block_v,
        "num_warps": warps_for(max(block_k, block_v)),
    }


#: The widest row that a program holds.
MAX_WIDTH = 8192


def forward(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    ptr: Tensor,
    col: Tensor,
    role: Tensor | None,
    role_weight: Tensor | None,
    scale: float,
) -> tuple[Tensor, Tensor]:
    """The output [N, H, Dv] and the attention weights [E, H]."""
    if not _fits(q, v):
        return eager.forward(q, k, v, ptr, col, role, role_weight, scale)
    q, k, v, ptr, col = (x.contiguous() for x in (q, k, v, ptr, col))
    q, scale = _scaled(q, scale)
    heads, width = q.size(1), v.size(2)
    out = v.new_empty(q.size(0), heads, width)
    weights = q.new_empty(col.size(0), heads, dtype=_wide(q))
    if q.size(0) and heads:
        forward_kernel[(q.size(0), heads)](
            q, k, v, ptr, col, *_role_tensors(role, role_weight, col, v), out, weights, scale, heads, q.size(2), width,
            **_constants(q, v, role),
        )  # fmt: skip
    return out, weights


def backward(
    grad: Tensor,
    grad_weights: Tensor | None,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    ptr: Tensor,
    col: Tensor,
    role: Tensor | None,
    role_weight: Tensor | None,
    weights: Tensor,
    scale: float,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Gradients of q, k, v and role_weight (empty where there is none)."""
    if not _fits(q, v):
        return eager.backward(grad, grad_weights, q, k, v, ptr, col, role, role_weight, weights, scale)
    q, k, v, grad, ptr, col = (x.contiguous() for x in (q, k, v, grad, ptr.long(), col.long()))
    whole_scale = scale
    q, scale = _scaled(q, scale)
    heads, key_width, width = q.size(1), q.size(2), v.size(2)
    constants = _constants(q, v, role)
    kinds, modulation = _role_tensors(role, role_weight, col, v)
    grad_q, grad_k, grad_v, grad_score = (torch.empty_like(x) for x in (q, k, v, weights))
    if q.size(0) and heads:
        upstream = weights if grad_weights is None else grad_weights.contiguous()
        receiver_kernel[(q.size(0), heads)](
            grad, upstream, k, v, ptr, col, kinds, modulation, weights, grad_score, grad_q,
            scale, heads, key_width, width, GRAD_WEIGHTS=grad_weights is not None, **constants,
        )  # fmt: skip
    ptr_t, row, order = transpose(ptr, col, k.size(0))
    if k.size(0) and heads:
        sender_kernel[(k.size(0), heads)](
            grad, q, ptr_t, row, order, kinds, modulation, weights, grad_score, grad_k, grad_v, heads, key_width, width,
            **constants,
        )  # fmt: skip
    if scale != whole_scale:
        grad_q.mul_(whole_scale)
    if role is None or role_weight is None:
        return grad_q, grad_k, grad_v, q.new_zeros(0)
    return grad_q, grad_k, grad_v, _role_gradient(grad, v, ptr, col, role, role_weight, weights)


def _role_gradient(
    grad: Tensor, v: Tensor, ptr: Tensor, col: Tensor, role: Tensor, role_weight: Tensor, weights: Tensor
) -> Tensor:
    roles, heads, width = role_weight.shape
    splits = min(MAX_SPLITS, triton.cdiv(max(1, col.size(0)), SPLIT_EDGES))
    partial = weights.new_zeros(splits, roles, heads, width)
    by_role = torch.sort(role.long(), stable=True)
    role_ptr = torch.searchsorted(by_role.values, torch.arange(roles + 1, device=role.device))
    if roles and heads and col.size(0):
        block = block_of(width, MAX_WIDTH)
        role_kernel[(roles, splits, heads)](
            grad, v, role_ptr, by_role.indices, owners(ptr, col.size(0)), col, weights, partial, heads, width, roles,
            splits, accumulator(v.dtype), block, num_warps=warps_for(block),
        )  # fmt: skip
    return partial.sum(0).to(role_weight.dtype)


def _fits(q: Tensor, v: Tensor) -> bool:
    """Whether a program holds a row of one head."""
    if max(q.size(2), v.size(2)) <= MAX_WIDTH:
        return True
    leave_to_torch("role_attention", f"a head is wider than {MAX_WIDTH}")
    return False


def _scaled(q: Tensor, scale: float) -> tuple[Tensor, float]:
    """Numbers reach a kernel in single precision: of doubles the queries are scaled before."""
    return (q * scale, 1.0) if q.dtype == torch.float64 else (q, scale)


def _wide(x: Tensor) -> torch.dtype:
    return torch.float64 if x.dtype == torch.float64 else torch.float32


def _role_tensors(role: Tensor | None, role_weight: Tensor | None, col: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    """Roles and their weights; where there are none, tensors that the kernels do not read."""
    if role is None or role_weight is None:
        return col, v
    return role.contiguous(), role_weight.contiguous()
