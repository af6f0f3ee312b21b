"""``role_attention`` in C: a node's edges while their rows lie in the cache. Nothing of size E x D is built."""

from __future__ import annotations

import torch
from torch import Tensor

from graphvtr.ops.eager._sparse import transpose
from graphvtr.ops.native_build import over, over_each, ranges


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
    q, k, v, ptr, col = q.contiguous(), k.contiguous(), v.contiguous(), _index(ptr), _index(col)
    heads, key, value = q.size(1), q.size(2), v.size(2)
    out, weights = v.new_empty(q.size(0), heads, value), q.new_empty(col.size(0), heads)
    over(
        ranges(ptr, heads * (key + value)), "role_attention_forward", heads, key, value, scale, q, k, v, ptr, col,
        *_roles(role, role_weight), out, weights,
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
    grad, q, k, v, weights = (x.contiguous() for x in (grad, q, k, v, weights))
    grad_weights = None if grad_weights is None else grad_weights.contiguous()
    ptr, col = _index(ptr), _index(col)
    role, role_weight = _roles(role, role_weight)
    heads, key, value = q.size(1), q.size(2), v.size(2)
    grad_score, grad_q, grad_k, grad_v = (torch.empty_like(x) for x in (weights, q, k, v))
    parts = ranges(ptr, heads * (key + value))
    # each range adds up the roles' gradients for itself: ranges, and so the sums, do not depend on the threads
    shape = (len(parts), *(() if role_weight is None else role_weight.shape))
    grad_role = q.new_zeros(shape) if role_weight is not None else q.new_zeros(len(parts), 0)
    over_each(parts, "role_attention_receive", [
        (heads, key, value, scale, grad, grad_weights, k, v, ptr, col, role, role_weight, weights, grad_score, grad_q,
         grad_role[place])
        for place in range(len(parts))
    ])  # fmt: skip
    ptr_t, row, edge = transpose(ptr, col, k.size(0))
    over(
        ranges(ptr_t, heads * (key + value)), "role_attention_send", heads, key, value, grad, q, ptr_t, row, edge,
        role, role_weight, weights, grad_score, grad_k, grad_v,
    )  # fmt: skip
    return grad_q, grad_k, grad_v, grad_role[0] if len(parts) == 1 else grad_role.sum(0)


def _index(index: Tensor) -> Tensor:
    return index.long().contiguous()


def _roles(role: Tensor | None, role_weight: Tensor | None) -> tuple[Tensor | None, Tensor | None]:
    if role is None or role_weight is None:
        return None, None
    return _index(role), role_weight.contiguous()
