"""Attention-aware feature aggregation over ragged sets (COOT, VSR-Net)."""

from __future__ import annotations

import math
from typing import Literal, overload

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graphvtr.errors import DataError
from graphvtr.nn.lazy_linear import Linear
from graphvtr.ops import segment_reduce, segment_softmax


class AttentionPool(nn.Module):
    r"""A weighted mean of each set of vectors with a weight of its own for every channel.

    The attention-aware feature aggregation of `COOT <https://arxiv.org/abs/2011.00597>`_ (section 3.2), which VSR-Net
    puts over frames and words. For each of h heads, with :math:`W_1^h: D \to d_a / h` and
    :math:`W_2^h: d_a / h \to D / h`,

    .. math::
        A^h = W_2^h \operatorname{GELU}(W_1^h X + b_1^h) + b_2^h, \qquad
        y = \sum_i \operatorname{softmax}_i([A^1, \ldots, A^h]) \odot x_i

    the softmax over the elements of a set, channel by channel. :math:`b_2` shifts all scores of a channel alike and
    cancels in the softmax; it is kept because COOT has it (``bias=False`` leaves it out).

    Args:
        channels: D, width of the vectors.
        heads: h.
        attention_channels: :math:`d_a`, width of the hidden layer of all heads together; 2 D when None.
        bias: whether there is a :math:`b_2`.

    Shapes:
        - **input:** vectors ``[sum n_i, D]`` with ``ptr`` ``[N + 1]`` where each set begins; or ``[N, n, D]`` with
          ``mask`` ``[N, n]``, True where there is a vector (all of them when None)
        - **output:** ``[N, D]``, 0 for an empty set; with ``return_weights=True`` also the weights, shaped as the input

    Raises:
        DataError: sizes that do not go together.

    Example:
        >>> pool = AttentionPool(4)
        >>> pool(torch.randn(5, 4), torch.tensor([0, 3, 5])).shape
        torch.Size([2, 4])
        >>> pool(torch.randn(2, 7, 4), mask=torch.ones(2, 7, dtype=torch.bool)).shape
        torch.Size([2, 4])
    """

    def __init__(
        self, channels: int, heads: int = 2, attention_channels: int | None = None, *, bias: bool = True
    ) -> None:
        super().__init__()
        attention_channels = 2 * channels if attention_channels is None else attention_channels
        for name, width in (("channels", channels), ("attention_channels", attention_channels)):
            if width < 1 or heads < 1 or width % heads:
                raise DataError(name, f"is {width}", f"give a multiple of heads = {heads}")
        self.channels, self.heads, self.attention_channels = channels, heads, attention_channels
        self.hidden = Linear(channels, attention_channels)
        self.weight = nn.Parameter(torch.empty(heads, attention_channels // heads, channels // heads))
        self.bias = nn.Parameter(torch.empty(channels)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new parameters, as a linear layer of each head's width does."""
        self.hidden.reset_parameters()
        bound = 1 / math.sqrt(self.attention_channels // self.heads)
        nn.init.uniform_(self.weight, -bound, bound)
        if self.bias is not None:
            nn.init.uniform_(self.bias, -bound, bound)

    @overload
    def forward(
        self, x: Tensor, ptr: Tensor | None = ..., mask: Tensor | None = ..., return_weights: Literal[False] = ...
    ) -> Tensor: ...

    @overload
    def forward(
        self, x: Tensor, ptr: Tensor | None = ..., mask: Tensor | None = ..., *, return_weights: Literal[True]
    ) -> tuple[Tensor, Tensor]: ...

    def forward(
        self, x: Tensor, ptr: Tensor | None = None, mask: Tensor | None = None, return_weights: bool = False
    ) -> Tensor | tuple[Tensor, Tensor]:
        """Pool every set.

        Args:
            x: [sum n_i, D] with ``ptr``, or [N, n, D].
            ptr: [N + 1], where each set begins.
            mask: [N, n] of bool, for padded sets.
            return_weights: also return the weights; those of each set and channel sum to 1.
        """
        if x.size(-1) != self.channels or x.dim() != (3 if ptr is None else 2):
            shape = f"[N, n, {self.channels}], or [sum n, {self.channels}] with ptr"
            raise DataError(f"{type(self).__name__}: x", f"has shape {list(x.shape)}", f"give {shape}")
        if ptr is not None:
            weights = segment_softmax(self.scores(x), ptr)  # [sum n_i, D]
            pooled = segment_reduce(weights * x, ptr)
        elif mask is None:
            weights = torch.softmax(self.scores(x), 1)  # [N, n, D]
            pooled = (weights * x).sum(1)
        else:
            x = x.masked_fill(_absent(x, mask), 0.0)  # whatever stands there, NaN too, has no part in a gradient
            weights = _masked_softmax(self.scores(x), mask)
            pooled = (weights * x).sum(1)
        return (pooled, weights) if return_weights else pooled

    def scores(self, x: Tensor) -> Tensor:
        """:math:`A`, [..., D]."""
        hidden = F.gelu(self.hidden(x)).unflatten(-1, (self.heads, -1))  # [..., h, d_a / h]
        rows = hidden.flatten(0, -3).transpose(0, 1)  # [h, rows, d_a / h]
        score = torch.bmm(rows, self.weight).transpose(0, 1).reshape(x.shape)
        return score if self.bias is None else score + self.bias

    def extra_repr(self) -> str:
        return f"{self.channels}, heads={self.heads}, attention_channels={self.attention_channels}"


def _absent(x: Tensor, mask: Tensor) -> Tensor:
    """Where there is no vector, [N, n, 1]."""
    if mask.shape != x.shape[:2] or mask.dtype != torch.bool:
        raise DataError("mask", f"is {mask.dtype} of shape {list(mask.shape)}", f"give bool {list(x.shape[:2])}")
    return ~mask.unsqueeze(-1)


def _masked_softmax(score: Tensor, mask: Tensor) -> Tensor:
    """Softmax over dimension 1, 0 where the mask is False; a set without a vector has weights 0."""
    absent = ~mask.unsqueeze(-1)
    lowest = torch.finfo(score.dtype).min
    return torch.softmax(score.masked_fill(absent, lowest), 1).masked_fill(absent, 0.0)
