"""``role_attention`` on the torch backend.

``q`` [N, H, Dk], ``k`` [M, H, Dk], ``v`` [M, H, Dv], ``role_weight`` [K, H, Dv]. Scores and their gradients are
sampled products, aggregation is a sparse product; only the modulation by roles walks over the edges' rows, a chunk
that fits the cache at a time. Nothing of size E x D is built.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from graphvtr.ops._segments import accumulate_dtype
from graphvtr.ops.eager._sparse import (
    chunks,
    fold_heads,
    owners,
    repeat_pattern,
    sddmm,
    spmm,
    sum_rows_of,
    take,
    transpose,
    unfold_heads,
)
from graphvtr.ops.eager.segment_softmax import softmax, softmax_backward


@dataclass
class _Folded:
    """The arguments with heads folded into rows, widened to the dtype that sums are kept in."""

    q: Tensor
    k: Tensor
    v: Tensor
    ptr: Tensor
    col: Tensor
    owner: Tensor
    role: Tensor | None
    role_weight: Tensor | None


def _fold(
    q: Tensor, k: Tensor, v: Tensor, ptr: Tensor, col: Tensor, role: Tensor | None, role_weight: Tensor | None
) -> _Folded:
    heads, dtype = q.size(1), accumulate_dtype(q.dtype)
    ptr, wide_col = repeat_pattern(ptr.long(), col.long(), k.size(0), heads)
    if role is not None and role_weight is not None:
        shift = torch.arange(heads, device=role.device).unsqueeze(1) * role_weight.size(0)
        role = (role.long() + shift).flatten()
        role_weight = fold_heads(role_weight.to(dtype))
    q, k, v = (fold_heads(x.to(dtype)) for x in (q, k, v))
    return _Folded(q, k, v, ptr, wide_col, owners(ptr, wide_col.size(0)), role, role_weight)


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
    a = _fold(q, k, v, ptr, col, role, role_weight)
    score = sddmm(a.ptr, a.col, a.q, a.k).mul_(scale)
    weight = softmax(score.unsqueeze(1), a.ptr, a.owner).squeeze(1)
    if a.role is None or a.role_weight is None:
        out = spmm(a.ptr, a.col, weight, a.v)
    else:
        role, role_weight = a.role, a.role_weight

        def message(part: slice, scratch: list[Tensor]) -> Tensor:
            rows = take(a.v, a.col[part], scratch[0]).mul_(take(role_weight, role[part], scratch[1]))
            return rows.mul_(weight[part].unsqueeze(1))

        out = sum_rows_of(message, a.ptr, a.owner, a.v)
    heads = q.size(1)
    return unfold_heads(out, heads).to(v.dtype), weight.view(heads, -1).t().contiguous()


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
    a = _fold(q, k, v, ptr, col, role, role_weight)
    heads, dtype = q.size(1), a.q.dtype
    grad, weight = fold_heads(grad.to(dtype)), weights.to(dtype).t().flatten()
    ptr_t, row, order = transpose(a.ptr, a.col, a.k.size(0))
    if a.role is None or a.role_weight is None:
        grad_weight, grad_role = sddmm(a.ptr, a.col, grad, a.v), a.q.new_zeros(0)
        grad_v = spmm(ptr_t, row, weight.index_select(0, order), grad)
    else:
        grad_weight, grad_role = _role_gradients(grad, a, a.role, a.role_weight, weight)
        grad_v = _value_gradient(grad, a.role.index_select(0, order), a.role_weight, weight[order], ptr_t, row)
    if grad_weights is not None:
        grad_weight.add_(grad_weights.to(dtype).t().flatten())
    grad_score = softmax_backward(grad_weight.unsqueeze(1), weight.unsqueeze(1), a.ptr, a.owner)
    grad_score = grad_score.squeeze(1).mul_(scale)
    grad_q = spmm(a.ptr, a.col, grad_score, a.k)
    grad_k = spmm(ptr_t, row, grad_score.index_select(0, order), a.q)
    grad_q, grad_k, grad_v = (unfold_heads(x, heads).to(q.dtype) for x in (grad_q, grad_k, grad_v))
    grad_role = grad_role if a.role is None else unfold_heads(grad_role, heads)
    return grad_q, grad_k, grad_v, grad_role.to(q.dtype)


def _role_gradients(
    grad: Tensor, a: _Folded, role: Tensor, role_weight: Tensor, weight: Tensor
) -> tuple[Tensor, Tensor]:
    """Gradients of the attention weights and of the roles, from the rows ``grad_i * v_j`` of the edges.

    Both are small matrix products: with R few roles, rows times roles gives every edge's product with every role,
    of which one is kept, and the matrix [R, edges] with an edge's weight at its role sums the roles' gradients.
    """
    grad_weight, grad_role = torch.empty_like(weight), torch.zeros_like(role_weight)
    columns = role_weight.t().contiguous()
    for part, scratch in chunks(weight.size(0), grad, 2):
        rows = take(grad, a.owner[part], scratch[0]).mul_(take(a.v, a.col[part], scratch[1]))
        of_role = role[part].unsqueeze(0)
        grad_weight[part] = (rows @ columns).gather(1, of_role.t()).squeeze(1)
        placed = rows.new_zeros(role_weight.size(0), rows.size(0))
        grad_role.addmm_(placed.scatter_(0, of_role, weight[part].unsqueeze(0)), rows)
    return grad_weight, grad_role


def _value_gradient(
    grad: Tensor, role: Tensor, role_weight: Tensor, weight: Tensor, ptr_t: Tensor, row: Tensor
) -> Tensor:
    """The gradient of the values, over the edges in the order of the nodes that send."""

    def message(part: slice, scratch: list[Tensor]) -> Tensor:
        rows = take(grad, row[part], scratch[0]).mul_(take(role_weight, role[part], scratch[1]))
        return rows.mul_(weight[part].unsqueeze(1))

    return sum_rows_of(message, ptr_t, owners(ptr_t, row.size(0)), grad)
