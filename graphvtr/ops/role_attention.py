"""Role-aware graph attention over the incoming edges of every node of many small graphs."""

from __future__ import annotations

from typing import Any, Literal, overload

import torch
from torch import Tensor

from graphvtr.errors import DataError
from graphvtr.ops._backend import requested_backend, run
from graphvtr.ops._segments import (
    accumulate_dtype,
    check_float,
    check_index,
    check_index_values,
    check_ptr,
    check_ptr_values,
    promote,
    segment_of,
)
from graphvtr.ops.segment_reduce import segment_reduce_reference
from graphvtr.ops.segment_softmax import segment_softmax_reference


@overload
def role_attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    ptr: Tensor,
    col: Tensor,
    role: Tensor | None = ...,
    role_weight: Tensor | None = ...,
    scale: float | None = ...,
    return_weights: Literal[False] = ...,
) -> Tensor: ...


@overload
def role_attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    ptr: Tensor,
    col: Tensor,
    role: Tensor | None = ...,
    role_weight: Tensor | None = ...,
    scale: float | None = ...,
    *,
    return_weights: Literal[True],
) -> tuple[Tensor, Tensor]: ...


@overload
def role_attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    ptr: Tensor,
    col: Tensor,
    role: Tensor | None = ...,
    role_weight: Tensor | None = ...,
    scale: float | None = ...,
    return_weights: bool = ...,
) -> Tensor | tuple[Tensor, Tensor]: ...


def role_attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    ptr: Tensor,
    col: Tensor,
    role: Tensor | None = None,
    role_weight: Tensor | None = None,
    scale: float | None = None,
    return_weights: bool = False,
) -> Tensor | tuple[Tensor, Tensor]:
    r"""Attend from every node over its incoming edges, values modulated by the edge's role (HGR, Eq 7-10).

    .. math::
        \beta_{ij} = \operatorname{softmax}_{j \in \mathcal N(i)} (\mathrm{scale} \cdot \langle q_i, k_j \rangle),
        \qquad o_i = \sum_{j \in \mathcal N(i)} \beta_{ij} \, (v_j \odot w_{r_{ij}})

    Args:
        q: ``[N, Dk]`` or ``[N, H, Dk]``: queries of the nodes that receive.
        k: ``[M, Dk]`` or ``[M, H, Dk]``: keys of the nodes that send (M = N within one set of nodes).
        v: ``[M, Dv]`` or ``[M, H, Dv]``: values of the nodes that send.
        ptr: ``[N + 1]``: the incoming edges of node i are ``ptr[i]:ptr[i + 1]``.
        col: ``[E]``: the sending node of each edge.
        role: ``[E]``: the role of each edge, a row of ``role_weight``.
        role_weight: ``[K, Dv]`` or ``[K, H, Dv]``; with ``role`` None, values are not modulated.
        scale: factor on the dot products, ``1 / sqrt(Dk)`` when None.
        return_weights: also return the attention weights.

    Returns:
        ``[N, Dv]`` or ``[N, H, Dv]``: 0 for a node without incoming edges; with ``return_weights`` also
        :math:`\beta`, ``[E]`` or ``[E, H]``, in the order of ``col``, differentiable too.

    Raises:
        DataError: tensors whose shapes or dtypes do not go together, or (on a CPU) an index out of range.

    Example:
        >>> import torch
        >>> x = torch.eye(3)
        >>> role_attention(x, x, x, ptr=torch.tensor([0, 2, 2, 3]), col=torch.tensor([1, 2, 0])).tolist()
        [[0.0, 0.5, 0.5], [0.0, 0.0, 0.0], [1.0, 0.0, 0.0]]
    """
    check_attention(q, k, v, ptr, col, role, role_weight)
    scale = q.size(-1) ** -0.5 if scale is None else float(scale)
    if role is None or role_weight is None:  # both or neither
        dtype = promote(q, k, v)
    else:
        dtype = promote(q, k, v, role_weight)
        role_weight = role_weight.to(dtype)
    single = q.dim() == 2  # the op below always has heads
    q, k, v = (x.to(dtype).unsqueeze(1) if single else x.to(dtype) for x in (q, k, v))
    if single and role_weight is not None:
        role_weight = role_weight.unsqueeze(1)
    out, weights = _role_attention(q, k, v, ptr, col, role, role_weight, scale, requested_backend())
    if single:
        out, weights = out.squeeze(1), weights.squeeze(1)
    return (out, weights.to(dtype)) if return_weights else out


def check_attention(
    q: Tensor, k: Tensor, v: Tensor, ptr: Tensor, col: Tensor, role: Tensor | None, role_weight: Tensor | None
) -> None:
    """Raise DataError unless the arguments of :func:`role_attention` go together."""
    for name, value in (("q", q), ("k", k), ("v", v)):
        check_float(name, value)
        if value.dim() not in (2, 3) or value.dim() != q.dim():
            raise DataError(
                name, f"has shape {list(value.shape)}", "give q, k and v as [nodes, D] or [nodes, heads, D]"
            )
    if q.shape[1:] != k.shape[1:]:
        raise DataError("k", f"has rows {list(k.shape[1:])}", f"give rows like those of q, {list(q.shape[1:])}")
    if v.size(0) != k.size(0) or v.shape[1:-1] != k.shape[1:-1]:
        raise DataError("v", f"has shape {list(v.shape)}", f"give the nodes and heads of k, {list(k.shape[:-1])}")
    check_ptr("ptr", ptr)
    check_index("col", col)
    if ptr.size(0) != q.size(0) + 1:
        raise DataError("ptr", f"has {ptr.size(0)} elements", f"give {q.size(0) + 1}, one more than q has nodes")
    if (role is None) != (role_weight is None):
        missing = "role" if role is None else "role_weight"
        raise DataError(missing, "is missing", "give role and role_weight together, or neither")
    if role is not None and role_weight is not None:
        check_index("role", role)
        check_float("role_weight", role_weight)
        if role.size(0) != col.size(0):
            raise DataError("role", f"has {role.size(0)} elements", f"give one for each of the {col.size(0)} edges")
        if role_weight.shape[1:] != v.shape[1:]:
            raise DataError(
                "role_weight",
                f"has rows {list(role_weight.shape[1:])}",
                f"give rows like those of v, {list(v.shape[1:])}",
            )


def role_attention_reference(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    ptr: Tensor,
    col: Tensor,
    role: Tensor | None,
    role_weight: Tensor | None,
    scale: float,
) -> tuple[Tensor, Tensor]:
    """The plain form of :func:`role_attention`: every edge's query, key and value gathered."""
    dtype = accumulate_dtype(q.dtype)
    owner = segment_of(ptr, col.size(0))
    score = (q.index_select(0, owner).to(dtype) * k.index_select(0, col).to(dtype)).sum(-1) * scale  # [E, (H)]
    weights = segment_softmax_reference(score, ptr)
    value = v.index_select(0, col).to(dtype)
    if role is not None and role_weight is not None:
        value = value * role_weight.index_select(0, role).to(dtype)
    out = segment_reduce_reference(weights.unsqueeze(-1) * value, ptr, "sum")
    return out.to(v.dtype), weights.to(q.dtype)


@torch.library.custom_op("graphvtr::role_attention", mutates_args=())
def _role_attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    ptr: Tensor,
    col: Tensor,
    role: Tensor | None,
    role_weight: Tensor | None,
    scale: float,
    backend: str,
) -> tuple[Tensor, Tensor]:
    check_ptr_values("ptr", ptr, col.size(0))
    check_index_values("col", col, k.size(0))
    if role is not None and role_weight is not None:
        check_index_values("role", role, role_weight.size(0))
    out, weights = run("role_attention", "forward", backend, q, q, k, v, ptr, col, role, role_weight, scale)
    return out, weights


@torch.library.custom_op("graphvtr::role_attention_backward", mutates_args=())
def _role_attention_backward(
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
    backend: str,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    args = (grad, grad_weights, q, k, v, ptr, col, role, role_weight, weights, scale)
    grad_q, grad_k, grad_v, grad_role = run("role_attention", "backward", backend, q, *args)
    return grad_q, grad_k, grad_v, grad_role


@_role_attention.register_fake
def _(q: Tensor, k: Tensor, v: Tensor, ptr: Tensor, col: Tensor, *rest: Any) -> tuple[Tensor, Tensor]:
    out = v.new_empty(q.size(0), q.size(1), v.size(2))
    return out, q.new_empty(col.size(0), q.size(1), dtype=accumulate_dtype(q.dtype))


@_role_attention_backward.register_fake
def _(
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
    backend: str,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    grad_role = q.new_empty(0) if role_weight is None else role_weight.new_empty(role_weight.shape)
    return q.new_empty(q.shape), k.new_empty(k.shape), v.new_empty(v.shape), grad_role


def _save(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    *tensors, ctx.scale, ctx.backend = inputs
    ctx.save_for_backward(*tensors, output[1])
    ctx.set_materialize_grads(False)


def _gradients(ctx: Any, grad: Tensor | None, grad_weights: Tensor | None) -> tuple[Tensor | None, ...]:
    q, k, v, ptr, col, role, role_weight, weights = ctx.saved_tensors
    if grad is None:
        grad = v.new_zeros(q.size(0), q.size(1), v.size(2))
    grad_q, grad_k, grad_v, grad_role = _role_attention_backward(
        grad, grad_weights, q, k, v, ptr, col, role, role_weight, weights, ctx.scale, ctx.backend
    )
    return grad_q, grad_k, grad_v, None, None, None, None if role_weight is None else grad_role, None, None


_role_attention.register_autograd(_gradients, setup_context=_save)
