"""The local attentive match of HGR between every video and every caption."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor

from graphvtr.errors import DataError
from graphvtr.ops._backend import requested_backend, run
from graphvtr.ops._segments import (
    NORM_EPS,
    SIMILARITY_EPS,
    accumulate_dtype,
    check_float,
    check_ptr,
    check_ptr_values,
    promote,
)
from graphvtr.ops.segment_reduce import segment_reduce_reference

Fusion = Literal["sim", "embed"]
Norm = Literal["clipped", "raw"]
NodeReduce = Literal["sum", "mean"]

#: Default bound on the memory that the op takes beside its arguments and results.
BUDGET_BYTES = 256 * 2**20


def local_match(
    nodes: Tensor,
    node_ptr: Tensor,
    frames: Tensor,
    frame_ptr: Tensor,
    temperature: float = 4.0,
    fusion: Fusion = "sim",
    norm: Norm = "clipped",
    reduce: NodeReduce = "sum",
    budget_bytes: int = BUDGET_BYTES,
) -> Tensor:
    r"""Score every video against every caption by attending from each text node over the video's frames (HGR, Eq 12).

    With :math:`s_{ij} = \cos(v_j, c_i)` and :math:`[s]_+ = \max(s, 0)`,

    .. math::
        a_{ij} = \operatorname{softmax}_j \Bigl( \lambda \, \frac{[s_{ij}]_+}{\sqrt{\sum_j n_{ij}^2} + \epsilon} \Bigr),
        \qquad n_{ij} = [s_{ij}]_+ \text{ (clipped) or } s_{ij} \text{ (raw)}

    and a node scores :math:`\sum_j a_{ij} s_{ij}` (``fusion="sim"``) or :math:`\cos(\sum_j a_{ij} v_j, c_i)`
    (``fusion="embed"``), where the attended vector is never built:

    .. math::
        \cos\Bigl(\sum_j a_{ij} v_j, c_i\Bigr) =
        \frac{\sum_j a_{ij} \lVert v_j \rVert s_{ij}}{\sqrt{a_i^\top G a_i}}, \qquad G = V V^\top

    Args:
        nodes: ``[Nn, D]``, the nodes of all captions end to end.
        node_ptr: ``[Nt + 1]``, where each caption's nodes begin; a caption may have none.
        frames: ``[F, D]``, the frames of all videos end to end.
        frame_ptr: ``[Nv + 1]``, where each video's frames begin.
        temperature: :math:`\lambda`.
        fusion: score a node by its attended similarity (``"sim"``, the paper) or by the cosine with the attended
            frame (``"embed"``, the released code).
        norm: normalise over the clipped similarities (the released code) or the raw ones (Eq 12 as printed).
        reduce: a caption's score is the ``"sum"`` (the paper) or ``"mean"`` (the released code) over its nodes.
        budget_bytes: work in blocks so that memory beside arguments and results stays below this.

    Returns:
        ``[Nv, Nt]`` scores. A caption without nodes scores 0, and so does a video without frames. A frame or node
        shorter than ``NORM_EPS`` counts as the zero vector: similarity 0, gradient 0.

    Raises:
        DataError: a wrong dtype or shape, an unknown option, or (on a CPU) a pointer that does not fit.

    Example:
        >>> import torch
        >>> frames, nodes = torch.eye(2), torch.tensor([[2.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
        >>> scores = local_match(nodes, torch.tensor([0, 1, 1, 3]), frames, torch.tensor([0, 1, 2]), reduce="mean")
        >>> scores.tolist()
        [[1.0, 0.0, 0.5], [0.0, 0.0, 0.5]]
    """
    check_match(nodes, node_ptr, frames, frame_ptr, fusion, norm, reduce, budget_bytes)
    dtype = promote(nodes, frames)
    return _local_match(
        nodes.to(dtype),
        node_ptr,
        frames.to(dtype),
        frame_ptr,
        float(temperature),
        fusion,
        norm,
        reduce,
        int(budget_bytes),
        requested_backend(),
    )


def local_match_weights(nodes: Tensor, frames: Tensor, temperature: float = 4.0, norm: Norm = "clipped") -> Tensor:
    """The attention of text nodes over the frames of one video: what :func:`local_match` uses and does not return.

    Args:
        nodes: ``[..., n, D]``, nodes of one caption, or of matched captions along the leading dimensions.
        frames: ``[..., T, D]``, frames of the video each of them is matched with.
        temperature: as in :func:`local_match`.
        norm: as in :func:`local_match`.

    Returns:
        ``[..., n, T]``, each row sums to 1.

    Raises:
        DataError: a wrong dtype or shape, or an unknown norm.

    Example:
        >>> import torch
        >>> weights = local_match_weights(torch.tensor([[1.0, 0.0]]), torch.eye(2), temperature=1.0)
        >>> [round(weight, 4) for weight in weights[0].tolist()]
        [0.7311, 0.2689]
    """
    for name, value in (("nodes", nodes), ("frames", frames)):
        check_float(name, value)
        if value.dim() < 2 or value.size(-1) != frames.size(-1):
            raise DataError(name, f"has shape {list(value.shape)}", "give [..., rows, D] with one D for both")
    _check_option("norm", norm, ("clipped", "raw"))
    dtype = accumulate_dtype(promote(nodes, frames))
    with torch.autocast(nodes.device.type, enabled=False):
        units = normalize_rows(frames.to(dtype)).transpose(-1, -2)
        similarity = normalize_rows(nodes.to(dtype)) @ units  # [..., n, T]
        return _attention(similarity, temperature, norm).to(nodes.dtype)


def check_match(
    nodes: Tensor,
    node_ptr: Tensor,
    frames: Tensor,
    frame_ptr: Tensor,
    fusion: str,
    norm: str,
    reduce: str,
    budget_bytes: int,
) -> None:
    """Raise DataError unless the arguments of :func:`local_match` go together."""
    for name, value in (("nodes", nodes), ("frames", frames)):
        check_float(name, value)
        if value.dim() != 2 or value.size(1) != frames.size(-1):
            raise DataError(name, f"has shape {list(value.shape)}", "give [rows, D] with one D for nodes and frames")
    for name, ptr in (("node_ptr", node_ptr), ("frame_ptr", frame_ptr)):
        check_ptr(name, ptr)
    _check_option("fusion", fusion, ("sim", "embed"))
    _check_option("norm", norm, ("clipped", "raw"))
    _check_option("reduce", reduce, ("sum", "mean"))
    if budget_bytes <= 0:
        raise DataError("budget_bytes", f"is {budget_bytes}", "give a positive number of bytes")


def _check_option(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise DataError(name, f"is '{value}'", f"use one of {', '.join(known)}")


def normalize_rows(x: Tensor) -> Tensor:
    """Rows of length 1; a row shorter than ``NORM_EPS`` becomes the zero vector, with gradient 0."""
    square = x.square().sum(-1, keepdim=True)
    small = square <= NORM_EPS**2
    return x * square.masked_fill(small, 1.0).rsqrt().masked_fill(small, 0.0)


def _attention(similarity: Tensor, temperature: float, norm: str) -> Tensor:
    clipped = similarity.relu()
    square = (clipped if norm == "clipped" else similarity).square().sum(-1, keepdim=True)
    length = torch.where(square > 0, square, 1.0).sqrt().masked_fill(square == 0, 0.0)  # sqrt has no slope at 0
    return torch.softmax(temperature * clipped / (length + SIMILARITY_EPS), dim=-1)


def local_match_reference(
    nodes: Tensor,
    node_ptr: Tensor,
    frames: Tensor,
    frame_ptr: Tensor,
    temperature: float = 4.0,
    fusion: str = "sim",
    norm: str = "clipped",
    reduce: str = "sum",
) -> Tensor:
    """The plain form of :func:`local_match`: one video at a time, attended vectors built."""
    dtype = accumulate_dtype(nodes.dtype)
    unit_nodes = normalize_rows(nodes.to(dtype))
    scores = [nodes.new_zeros((0, nodes.size(0)), dtype=dtype)]
    for begin, end in zip(frame_ptr[:-1].tolist(), frame_ptr[1:].tolist(), strict=True):
        video = frames[begin:end].to(dtype)
        video = video.masked_fill(video.norm(dim=-1, keepdim=True) <= NORM_EPS, 0.0)
        similarity = unit_nodes @ normalize_rows(video).T  # [Nn, T]
        attention = _attention(similarity, temperature, norm)
        if fusion == "sim":
            score = (attention * similarity).sum(-1)
        else:
            score = (normalize_rows(attention @ video) * unit_nodes).sum(-1)
        scores.append(score[None])
    return segment_reduce_reference(torch.cat(scores).T, node_ptr, reduce).T.to(nodes.dtype)


@torch.library.custom_op("graphvtr::local_match", mutates_args=())
def _local_match(
    nodes: Tensor,
    node_ptr: Tensor,
    frames: Tensor,
    frame_ptr: Tensor,
    temperature: float,
    fusion: str,
    norm: str,
    reduce: str,
    budget_bytes: int,
    backend: str,
) -> Tensor:
    check_ptr_values("node_ptr", node_ptr, nodes.size(0))
    check_ptr_values("frame_ptr", frame_ptr, frames.size(0))
    args = (nodes, node_ptr, frames, frame_ptr, temperature, fusion, norm, reduce, budget_bytes)
    scores: Tensor = run("local_match", "forward", backend, nodes, *args)
    return scores


@torch.library.custom_op("graphvtr::local_match_backward", mutates_args=())
def _local_match_backward(
    grad: Tensor,
    nodes: Tensor,
    node_ptr: Tensor,
    frames: Tensor,
    frame_ptr: Tensor,
    temperature: float,
    fusion: str,
    norm: str,
    reduce: str,
    budget_bytes: int,
    backend: str,
) -> tuple[Tensor, Tensor]:
    args = (grad, nodes, node_ptr, frames, frame_ptr, temperature, fusion, norm, reduce, budget_bytes)
    grad_nodes, grad_frames = run("local_match", "backward", backend, nodes, *args)
    return grad_nodes, grad_frames


@_local_match.register_fake
def _(nodes: Tensor, node_ptr: Tensor, frames: Tensor, frame_ptr: Tensor, *rest: Any) -> Tensor:
    return nodes.new_empty(frame_ptr.size(0) - 1, node_ptr.size(0) - 1)


@_local_match_backward.register_fake
def _(grad: Tensor, nodes: Tensor, node_ptr: Tensor, frames: Tensor, *rest: Any) -> tuple[Tensor, Tensor]:
    return nodes.new_empty(nodes.shape), frames.new_empty(frames.shape)


def _save(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    tensors, ctx.options = inputs[:4], inputs[4:]
    ctx.save_for_backward(*tensors)


def _gradients(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    grad_nodes, grad_frames = _local_match_backward(grad, *ctx.saved_tensors, *ctx.options)
    return grad_nodes, None, grad_frames, *[None] * 7


_local_match.register_autograd(_gradients, setup_context=_save)
