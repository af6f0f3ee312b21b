"""``role_attention`` on the torch backend.

``q`` [N, H, Dk], ``k`` [M, H, Dk], ``v`` [M, H, Dv], ``role_weight`` [K, H, Dv]. Scores and their gradients are
sampled products, aggregation is a sparse product; only the modulation by roles walks over the edges' rows, a chunk
that fits the cache at a time. Nothing of size E x D is built on a CPU.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from graphvtr.ops._segments import accumulate_dtype
from graphvtr.ops.eager._sparse import (
    add_rows,
    chunks,
    fold_heads,
    owners,
    reduce_rows,
    repeat_pattern,
    sddmm,
    spmm,
    sum_rows_of,
    take,
    transpose,
    unfold_heads,
)
from graphvtr.ops.eager.segment_softmax import softmax


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
        flow, grad_role = sddmm(a.ptr, a.col, grad, a.v).mul_(weight), a.q.new_zeros(0)
        grad_v = spmm(ptr_t, row, weight.index_select(0, order), grad)
    else:
        flow, grad_v, grad_role = _message_gradients(grad, a, a.role, a.role_weight, weight)
        grad_role = unfold_heads(grad_role, heads)
    if grad_weights is not None:
        flow.addcmul_(grad_weights.to(dtype).t().flatten(), weight)
    # flow is weight times its gradient: softmax gives flow - weight * (sum of the node's flow)
    total = reduce_rows(flow.unsqueeze(1), a.ptr).squeeze(1)
    grad_score = flow.sub_(total.index_select(0, a.owner).mul_(weight)).mul_(scale)
    grad_q = spmm(a.ptr, a.col, grad_score, a.k)
    grad_k = spmm(ptr_t, row, grad_score.index_select(0, order), a.q)
    grad_q, grad_k, grad_v = (unfold_heads(x, heads).to(q.dtype) for x in (grad_q, grad_k, grad_v))
    return grad_q, grad_k, grad_v, grad_role.to(q.dtype)


def _message_gradients(
    grad: Tensor, a: _Folded, role: Tensor, role_weight: Tensor, weight: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """From the gradient of the output: the attention weights times theirs [E], those of the values and of the roles.

    All three read the rows ``weight_e * grad_i`` of the edges, so one walk over the edges serves them.
    """
    flow, grad_v, grad_role = torch.empty_like(weight), torch.zeros_like(a.v), torch.zeros_like(role_weight)
    rows_of = torch.arange(a.owner.size(0) + 1, device=grad.device)
    for part, (rows, scratch) in chunks(weight.size(0), grad, 2):
        take(grad, a.owner[part], rows).mul_(weight[part].unsqueeze(1))
        modulated = take(role_weight, role[part], scratch).mul_(rows)
        flow[part] = sddmm(rows_of[: rows.size(0) + 1], a.col[part], modulated, a.v)
        add_rows(grad_v, a.col[part], modulated)
        add_rows(grad_role, role[part], rows.mul_(take(a.v, a.col[part], scratch)))
    return flow, grad_v, grad_role
