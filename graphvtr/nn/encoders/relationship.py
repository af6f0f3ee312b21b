"""One transformer block over a sequence, and its mean: who relates to whom (MCSAN, Eq 2-6 and 18-22)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graphvtr.nn.conv.complete_graph_attention import CompleteGraphAttention
from graphvtr.nn.conv.spatio_temporal import sinusoids
from graphvtr.nn.lazy_linear import Linear
from graphvtr.ops import segment_reduce
from graphvtr.ops._segments import segment_of


class RelationshipEncoder(nn.Module):
    r"""A post-norm transformer block over the words of each caption, or the frames of each video, then their mean.

    With :math:`\hat E` the elements and their position encodings,

    .. math::
        \hat H = \operatorname{LN}(\operatorname{Attention}(\hat E) + \hat E), \qquad
        H = \operatorname{LN}(\hat H + W_2 \operatorname{ReLU}(W_1 \hat H + b_1) + b_2), \qquad
        F = \frac1N \sum_i H_i

    Related words may stand far apart; attention sees all of them at once. The attention of Eq 2-3 has one head and no
    map after it; here a map follows, which with one head is the same function (the product of two maps is a map).
    Positions are sinusoids, as in the Transformer that the paper cites.

    Args:
        in_channels: width of the elements.
        out_channels: D, width of the result; a linear map follows the mean where it differs.
        heads: of the attention; a divisor of ``in_channels``.
        feedforward: width between W1 and W2; four times ``in_channels`` when None, as in the Transformer.
        dropout: of what attention and feed-forward network add.

    Shapes:
        - **input:** elements ``[W, in_channels]``, ``ptr`` ``[N + 1]`` where each sequence begins
        - **output:** ``[N, D]``; an empty sequence has mean 0

    Raises:
        DataError: ``in_channels`` is no multiple of ``heads``.

    Example:
        >>> RelationshipEncoder(6, 4)(torch.randn(5, 6), torch.tensor([0, 3, 5])).shape
        torch.Size([2, 4])
    """

    def __init__(
        self, in_channels: int, out_channels: int, heads: int = 1, feedforward: int | None = None, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.dropout = dropout
        inner = 4 * in_channels if feedforward is None else feedforward
        self.attention = CompleteGraphAttention(in_channels, heads, bias=False)
        self.norm_attention, self.norm = nn.LayerNorm(in_channels), nn.LayerNorm(in_channels)
        self.feedforward = nn.Sequential(Linear(in_channels, inner), nn.ReLU(), Linear(inner, in_channels))
        self.project = nn.Identity() if in_channels == out_channels else Linear(in_channels, out_channels)

    def forward(self, x: Tensor, ptr: Tensor) -> Tensor:
        """Encode sequences.

        Args:
            x: [W, in_channels], the elements of all sequences, end to end.
            ptr: [N + 1], where each sequence begins.
        """
        place = torch.arange(x.size(0), device=x.device) - ptr[:-1].index_select(0, segment_of(ptr, x.size(0)))
        x = x + sinusoids(place, x.size(1)).to(x.dtype)
        x = self.norm_attention(x + F.dropout(self.attention(x, ptr), self.dropout, self.training))
        x = self.norm(x + F.dropout(self.feedforward(x), self.dropout, self.training))
        return self.project(segment_reduce(x, ptr, "mean"))  # type: ignore[no-any-return]
