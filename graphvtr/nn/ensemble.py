"""Several small networks side by side, in one set of products."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Ensemble(nn.Module):
    r"""K two-layer networks with weights of their own, :math:`W_2^k \operatorname{GELU}(W_1^k x + b_1^k) + b_2^k`, each
    followed by a division by the length.

    The inner product of two such outputs, one side by side vector an item, is K times the mean of the K cosines: an
    ensemble of K two-tower models that is stored, indexed and searched as one vector.

    Args:
        in_channels: width of x.
        hidden: width of the layer between.
        out_channels: D, width of each network's output.
        members: how many, K.
        dropout: of x and of the layer between, drawn for each member on its own.

    Shapes:
        - **input:** ``[N, in_channels]``
        - **output:** ``[N, K, D]``, unit vectors

    Example:
        >>> Ensemble(4, 8, 6, members=3)(torch.randn(5, 4)).shape
        torch.Size([5, 3, 6])
    """

    def __init__(self, in_channels: int, hidden: int, out_channels: int, members: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.in_channels, self.dropout = in_channels, dropout
        self.weight_in = nn.Parameter(torch.empty(members, in_channels, hidden))
        self.bias_in = nn.Parameter(torch.empty(members, 1, hidden))
        self.weight_out = nn.Parameter(torch.empty(members, hidden, out_channels))
        self.bias_out = nn.Parameter(torch.empty(members, 1, out_channels))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new parameters, each member's as :class:`torch.nn.Linear` does."""
        for weight, bias in ((self.weight_in, self.bias_in), (self.weight_out, self.bias_out)):
            bound = 1 / math.sqrt(weight.size(1))
            nn.init.uniform_(weight, -bound, bound)
            nn.init.uniform_(bias, -bound, bound)

    def forward(self, x: Tensor) -> Tensor:
        """All members' unit vectors."""
        x = x.expand(self.weight_in.size(0), *x.shape)  # [K, N, d]
        x = F.dropout(x, self.dropout, self.training)
        x = F.gelu(torch.baddbmm(self.bias_in, x, self.weight_in))
        x = torch.baddbmm(self.bias_out, F.dropout(x, self.dropout, self.training), self.weight_out)
        return F.normalize(x, dim=-1).transpose(0, 1)

    def extra_repr(self) -> str:
        members, hidden, out = self.weight_out.shape
        return f"{self.in_channels}, {hidden}, {out}, members={members}, dropout={self.dropout}"
