"""``holographic_scores`` on the torch backend: a transform of the smaller side, then one matrix product.

Conjugates are written out (``conj_physical``): inside a custom op that compiled code calls, PyTorch 2.13 loses the
lazy conjugation of ``conj``.
"""

from __future__ import annotations

import torch
from torch import Tensor

from graphvtr.ops._segments import accumulate_dtype
from graphvtr.ops.products import times


def forward(v: Tensor, t: Tensor, w: Tensor) -> Tensor:
    """The scores [Nv, Nt]."""
    if v.size(0) == 0 or t.size(0) == 0:  # there is no transform of nothing
        return v.new_zeros(v.size(0), t.size(0))
    dtype, width = accumulate_dtype(v.dtype), v.size(1)
    wide_v, wide_t, filter_ = v.to(dtype), t.to(dtype), _transform(w.to(dtype))
    if v.size(0) < t.size(0):  # convolve the videos with w, else correlate w with the captions
        wide_v = _back(filter_ * _transform(wide_v), width)
    else:
        wide_t = _back(filter_.conj_physical() * _transform(wide_t), width)
    return times(wide_v, wide_t).to(v.dtype)


def backward(grad: Tensor, v: Tensor, t: Tensor, w: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of v, t and w; with G that of the scores and u = G^T v, of w it is the sum of the captions' u * t."""
    if v.size(0) == 0 or t.size(0) == 0:
        return torch.zeros_like(v), torch.zeros_like(t), torch.zeros_like(w)
    dtype, width = accumulate_dtype(v.dtype), v.size(1)
    grad, wide_v = grad.to(dtype), v.to(dtype)
    of_t, of_w = _transform(t.to(dtype)), _transform(w.to(dtype))
    grad_keys = _transform(times(grad.t(), wide_v.t()))  # of the gradient of [w * t] of every caption
    grad_v = times(grad, _back(of_w.conj_physical() * of_t, width).t())
    grad_t = _back(of_w * grad_keys, width)
    grad_w = _back((grad_keys.conj_physical() * of_t).sum(0), width)
    return grad_v.to(v.dtype), grad_t.to(t.dtype), grad_w.to(w.dtype)


def _transform(x: Tensor) -> Tensor:
    return torch.fft.rfft(x)


def _back(x: Tensor, width: int) -> Tensor:
    return torch.fft.irfft(x, n=width)
