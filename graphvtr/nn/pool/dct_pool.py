"""Pooling that knows what came first: low frequencies of each channel over the time of a clip."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from graphvtr.ops import segment_reduce
from graphvtr.ops._segments import segment_of


def dct_pool(x: Tensor, ptr: Tensor, coefficients: int = 1) -> Tensor:
    r"""The first K coefficients of the discrete cosine transform (DCT-II) of each clip's frames over time,

    .. math:: y_k = \frac{1}{T} \sum_{t=0}^{T-1} x_t \cos\Bigl(\pi k \frac{t + 1/2}{T}\Bigr), \qquad 0 \le k < K

    side by side. The first is the mean, which no order of the frames changes; the second is what a clip began with less
    what it ended with, and changes its sign when the clip runs backwards, as all odd ones do. A clip of T frames has no
    frequency k >= T: it is 0 there.

    Args:
        x: [F, D], frames one after another.
        ptr: [N + 1], where those of each clip begin.
        coefficients: K, 1 or more.

    Returns:
        [N, K D]; 0 for a clip without frames.

    Example:
        >>> opened = torch.tensor([[0.0], [1.0]])  # closed, then open
        >>> dct_pool(torch.cat([opened, opened.flip(0)]), torch.tensor([0, 2, 4]), 2).round(decimals=2).tolist()
        [[0.5, -0.3499999940395355], [0.5, 0.3499999940395355]]
    """
    mean = segment_reduce(x, ptr, "mean")
    if coefficients == 1:
        return mean
    clip, ptr = segment_of(ptr, x.size(0)), ptr.long()
    length = ptr.diff()[clip]
    place = torch.arange(x.size(0), device=x.device) - ptr[clip]
    phase = math.pi * (place.to(torch.promote_types(x.dtype, torch.float32)) + 0.5) / length
    found = [mean]
    for k in range(1, coefficients):
        weight = (torch.cos(k * phase) * (k < length)).to(x.dtype)
        found.append(segment_reduce(x * weight[:, None], ptr, "mean"))
    return torch.cat(found, 1)
