"""Attention within segments: among the regions of each frame, among the frames of each video (VSR-Net)."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from graphvtr.errors import DataError
from graphvtr.ops._backend import requested_backend, run
from graphvtr.ops._segments import accumulate_dtype, check_float, check_ptr, check_ptr_values, equal_length, promote


def segment_attention(q: Tensor, k: Tensor, v: Tensor, ptr: Tensor | None = None, scale: float | None = None) -> Tensor:
    r"""Scaled dot-product attention among the rows of every segment, as on a complete graph with self loops.

    .. math::
        o_i = \sum_{j \in s(i)} a_{ij} v_j, \qquad
        a_{ij} = \operatorname{softmax}_{j \in s(i)} (\mathrm{scale} \cdot \langle q_i, k_j \rangle)

    Equal segments, given as ``[S, n, H, D]`` or seen to be equal, go straight to PyTorch's own attention. Ragged
    ones, ``[R, H, D]`` with ``ptr``, are never padded: kernels take one after the other, ``torch`` those of a length.

    Args:
        q: ``[R, D]``, ``[R, H, D]`` with ``ptr``, or ``[S, n, H, D]`` without.
        k: like ``q``.
        v: like ``q``, of any width.
        ptr: ``[S + 1]``, where each segment's rows begin; a segment may be empty.
        scale: factor on the dot products, ``1 / sqrt(D)`` when None.

    Returns:
        Like ``v``.

    Raises:
        DataError: shapes or dtypes that do not go together, or (on a CPU) a pointer that does not fit.

    Example:
        >>> import torch
        >>> x = torch.eye(3)
        >>> segment_attention(x, x, x, torch.tensor([0, 2, 3]), scale=0.0).tolist()
        [[0.5, 0.5, 0.0], [0.5, 0.5, 0.0], [0.0, 0.0, 1.0]]
    """
    check_segment_attention(q, k, v, ptr)
    scale = q.size(-1) ** -0.5 if scale is None else float(scale)
    dtype = promote(q, k, v)
    q, k, v = q.to(dtype), k.to(dtype), v.to(dtype)
    if ptr is None:
        return _dense_attention(q, k, v, scale)
    single = q.dim() == 2
    if single:
        q, k, v = q.unsqueeze(1), k.unsqueeze(1), v.unsqueeze(1)
    length = equal_length(ptr, q) if requested_backend() in ("auto", "torch") else 0
    if length:
        q, k, v = (x.view(-1, length, *x.shape[1:]) for x in (q, k, v))
        out = _dense_attention(q, k, v, scale).flatten(0, 1)
    else:
        out = _segment_attention(q, k, v, ptr, scale, requested_backend())
    return out.squeeze(1) if single else out


def _dense_attention(q: Tensor, k: Tensor, v: Tensor, scale: float) -> Tensor:
    """PyTorch's own attention over ``[S, n, H, D]``."""
    out = F.scaled_dot_product_attention(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2), scale=scale)
    return out.transpose(1, 2)


def spatial_attention(
    q: Tensor, k: Tensor, v: Tensor, region_ptr: Tensor | None = None, scale: float | None = None
) -> Tensor:
    """Attention of the regions of a frame to each other (VSR-Net, Eq 6-7): :func:`segment_attention` over frames.

    Args:
        q: ``[R, H, D]`` regions of all frames, or ``[T, n, H, D]`` where every frame has n.
        k: like ``q``.
        v: like ``q``.
        region_ptr: ``[T + 1]``, where each frame's regions begin: ``index_to_ptr(region.frame, T)``.
        scale: factor on the dot products, ``1 / sqrt(D)`` when None.

    Returns:
        Like ``v``.

    Raises:
        DataError: shapes or dtypes that do not go together.
    """
    return segment_attention(q, k, v, region_ptr, scale)


def temporal_attention(
    q: Tensor, k: Tensor, v: Tensor, frame_ptr: Tensor | None = None, scale: float | None = None
) -> Tensor:
    """Attention of the frames of a video to each other (VSR-Net, Eq 9-10): :func:`segment_attention` over videos.

    Args:
        q: ``[F, H, D]`` frames of all videos, or ``[B, T, H, D]`` where every video has T.
        k: like ``q``.
        v: like ``q``.
        frame_ptr: ``[B + 1]``, where each video's frames begin: ``node_ptr(graph, "frame")``.
        scale: factor on the dot products, ``1 / sqrt(D)`` when None.

    Returns:
        Like ``v``.

    Raises:
        DataError: shapes or dtypes that do not go together.
    """
    return segment_attention(q, k, v, frame_ptr, scale)


def check_segment_attention(q: Tensor, k: Tensor, v: Tensor, ptr: Tensor | None) -> None:
    """Raise DataError unless the arguments of :func:`segment_attention` go together."""
    wanted = (4,) if ptr is None else (2, 3)
    shape = "[segments, rows, heads, D] without a pointer" if ptr is None else "[rows, D] or [rows, heads, D]"
    for name, value in (("q", q), ("k", k), ("v", v)):
        check_float(name, value)
        if value.dim() not in wanted or value.shape[:-1] != q.shape[:-1]:
            raise DataError(name, f"has shape {list(value.shape)}", f"give q, k and v as {shape}")
    if q.size(-1) != k.size(-1):
        raise DataError("k", f"has width {k.size(-1)}", f"give the width of q, {q.size(-1)}")
    if ptr is not None:
        check_ptr("ptr", ptr)


def segment_attention_reference(q: Tensor, k: Tensor, v: Tensor, ptr: Tensor, scale: float) -> Tensor:
    """The plain form of :func:`segment_attention`: one segment at a time, its matrix of weights built."""
    dtype = accumulate_dtype(q.dtype)
    out = [v.new_zeros(0, *v.shape[1:], dtype=dtype)]
    for begin, end in zip(ptr[:-1].tolist(), ptr[1:].tolist(), strict=True):
        a, b, c = (x[begin:end].to(dtype) for x in (q, k, v))
        weights = torch.softmax(torch.einsum("ihd,jhd->hij", a, b) * scale, dim=-1)
        out.append(torch.einsum("hij,jhd->ihd", weights, c))
    return torch.cat(out).to(v.dtype)


@torch.library.custom_op("graphvtr::segment_attention", mutates_args=())
def _segment_attention(q: Tensor, k: Tensor, v: Tensor, ptr: Tensor, scale: float, backend: str) -> Tensor:
    check_ptr_values("ptr", ptr, q.size(0))
    out: Tensor = run("segment_attention", "forward", backend, q, q, k, v, ptr, scale)
    return out


@torch.library.custom_op("graphvtr::segment_attention_backward", mutates_args=())
def _segment_attention_backward(
    grad: Tensor, q: Tensor, k: Tensor, v: Tensor, ptr: Tensor, scale: float, backend: str
) -> tuple[Tensor, Tensor, Tensor]:
    grad_q, grad_k, grad_v = run("segment_attention", "backward", backend, q, grad, q, k, v, ptr, scale)
    return grad_q, grad_k, grad_v


@_segment_attention.register_fake
def _(q: Tensor, k: Tensor, v: Tensor, ptr: Tensor, scale: float, backend: str) -> Tensor:
    return v.new_empty(v.shape)


@_segment_attention_backward.register_fake
def _(grad: Tensor, q: Tensor, k: Tensor, v: Tensor, *rest: Any) -> tuple[Tensor, Tensor, Tensor]:
    return q.new_empty(q.shape), k.new_empty(k.shape), v.new_empty(v.shape)


def _save(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    *tensors, ctx.scale, ctx.backend = inputs
    ctx.save_for_backward(*tensors)


def _gradients(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    return *_segment_attention_backward(grad, *ctx.saved_tensors, ctx.scale, ctx.backend), None, None, None


_segment_attention.register_autograd(_gradients, setup_context=_save)
