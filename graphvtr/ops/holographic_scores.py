"""Scores of all pairs by a weighted circular correlation, as one matrix product (MCSAN)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from graphvtr.errors import DataError
from graphvtr.ops._backend import requested_backend, run
from graphvtr.ops._segments import accumulate_dtype, check_float, promote


def holographic_scores(v: Tensor, t: Tensor, w: Tensor) -> Tensor:
    r"""Score every video against every caption by :math:`\langle w, v \star t \rangle` (MCSAN, Eq 23).

    The circular correlation :math:`[v \star t]_k = \sum_i v_i \, t_{(i + k) \bmod d}` is bilinear, so the weights can
    move to one side. Exchanging the sums,

    .. math::
        \sum_k w_k \sum_i v_i \, t_{(i + k) \bmod d}
            = \sum_i v_i \sum_k w_k \, t_{(k + i) \bmod d} = \sum_i v_i [w \star t]_i = \langle v, w \star t \rangle

    it is the circular *correlation* of w with each caption (and for the other side, with
    :math:`m = (i + k) \bmod d`, the circular *convolution* of w with each video): one transform a caption and one
    matrix product, not a transform a pair.

    Args:
        v: ``[Nv, d]``.
        t: ``[Nt, d]``.
        w: ``[d]``, the weights of the linear layer over the correlation; its bias and sigmoid are the caller's.

    Returns:
        ``[Nv, Nt]`` scores.

    Raises:
        DataError: shapes or dtypes that do not go together.

    Example:
        >>> import torch
        >>> v, t, w = torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, 5.0]]), torch.tensor([1.0, 10.0])
        >>> round(holographic_scores(v, t, w).item())  # (1 * 3 + 2 * 5) + 10 * (1 * 5 + 2 * 3)
        123
    """
    for name, value in (("v", v), ("t", t), ("w", w)):
        check_float(name, value)
    if v.dim() != 2 or t.dim() != 2 or v.size(1) != t.size(1):
        raise DataError("t", f"has shape {list(t.shape)} beside v {list(v.shape)}", "give [Nv, d] and [Nt, d]")
    if w.shape != v.shape[1:]:
        raise DataError("w", f"has shape {list(w.shape)}", f"give one weight for each of the {v.size(1)} features")
    dtype = promote(v, t, w)
    return _holographic_scores(v.to(dtype), t.to(dtype), w.to(dtype), requested_backend())


def holographic_keys(t: Tensor, w: Tensor) -> Tensor:
    r"""What an index stores for captions: :math:`w \star t`, so that scores are inner products with the videos.

    Args:
        t: ``[Nt, d]``.
        w: ``[d]``.

    Returns:
        ``[Nt, d]`` in the dtype of ``t``.

    Example:
        >>> import torch
        >>> v, t, w = torch.randn(2, 6), torch.randn(3, 6), torch.randn(6)
        >>> torch.allclose(v @ holographic_keys(t, w).T, holographic_scores(v, t, w), atol=1e-5)
        True
    """
    dtype = accumulate_dtype(t.dtype)
    spectrum = torch.fft.rfft(w.to(dtype)).conj() * torch.fft.rfft(t.to(dtype))
    return torch.fft.irfft(spectrum, n=t.size(1)).to(t.dtype)


def holographic_scores_reference(v: Tensor, t: Tensor, w: Tensor) -> Tensor:
    r"""The plain form of :func:`holographic_scores`: the matrix of w, :math:`W_{im} = w_{(m - i) \bmod d}`."""
    place = torch.arange(w.size(0), device=w.device)
    return v @ w[(place[None, :] - place[:, None]) % w.size(0)] @ t.T


@torch.library.custom_op("graphvtr::holographic_scores", mutates_args=())
def _holographic_scores(v: Tensor, t: Tensor, w: Tensor, backend: str) -> Tensor:
    scores: Tensor = run("holographic_scores", "forward", backend, v, v, t, w)
    return scores


@torch.library.custom_op("graphvtr::holographic_scores_backward", mutates_args=())
def _holographic_scores_backward(
    grad: Tensor, v: Tensor, t: Tensor, w: Tensor, backend: str
) -> tuple[Tensor, Tensor, Tensor]:
    grad_v, grad_t, grad_w = run("holographic_scores", "backward", backend, v, grad, v, t, w)
    return grad_v, grad_t, grad_w


@_holographic_scores.register_fake
def _(v: Tensor, t: Tensor, w: Tensor, backend: str) -> Tensor:
    return v.new_empty(v.size(0), t.size(0))


@_holographic_scores_backward.register_fake
def _(grad: Tensor, v: Tensor, t: Tensor, w: Tensor, backend: str) -> tuple[Tensor, Tensor, Tensor]:
    return v.new_empty(v.shape), t.new_empty(t.shape), w.new_empty(w.shape)


def _save(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    v, t, w, ctx.backend = inputs
    ctx.save_for_backward(v, t, w)


def _gradients(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    return *_holographic_scores_backward(grad, *ctx.saved_tensors, ctx.backend), None


_holographic_scores.register_autograd(_gradients, setup_context=_save)
