"""``segment_attention`` on the torch backend: dense attention over segments of one length at a time."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from graphvtr.ops._segments import accumulate_dtype
from graphvtr.ops.eager._groups import groups

#: Rows of a group, such that its queries, keys and values stay in the cache between the passes of backward.
_GROUP_ELEMENTS = 1 << 19


def forward(q: Tensor, k: Tensor, v: Tensor, ptr: Tensor, scale: float) -> Tensor:
    """The output [R, H, Dv]."""
    out = torch.empty_like(v, memory_format=torch.contiguous_format)
    for group in groups(ptr, q.size(0) + 1):
        a, b, c = (group.take(x).transpose(1, 2) for x in (q, k, v))  # [S, H, n, D]
        group.put(out, F.scaled_dot_product_attention(a, b, c, scale=scale).transpose(1, 2))
    return out


def backward(grad: Tensor, q: Tensor, k: Tensor, v: Tensor, ptr: Tensor, scale: float) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of q, k and v, the weights computed again."""
    dtype = accumulate_dtype(q.dtype)
    results = tuple(torch.empty_like(x, memory_format=torch.contiguous_format) for x in (q, k, v))
    for group in groups(ptr, max(1, _GROUP_ELEMENTS // max(1, q.size(1) * q.size(2)))):
        a, b, c, g = (group.take(x).transpose(1, 2).to(dtype) for x in (q, k, v, grad))  # [S, H, n, D]
        weights = torch.softmax((a @ b.transpose(2, 3)).mul_(scale), dim=-1)
        grad_c = weights.transpose(2, 3) @ g
        grad_weights = g @ c.transpose(2, 3)
        grad_weights.sub_((grad_weights * weights).sum(-1, keepdim=True)).mul_(weights).mul_(scale)
        grad_a, grad_b = grad_weights @ b, grad_weights.transpose(2, 3) @ a
        for result, gradient in zip(results, (grad_a, grad_b, grad_c), strict=True):
            group.put(result, gradient.transpose(1, 2))
    return results[0], results[1], results[2]
