"""What the training pairs near to an item have on their other side: memory in place of learning."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from graphvtr.nn.precision import full_precision, widened


class KernelRegression(nn.Module):
    r"""The mean of the values of near keys, as a unit vector,

    .. math:: \hat y(x) \propto \sum_{i=1}^n \operatorname{softmax}_i \bigl(\langle x, k_i \rangle / \tau\bigr)\, y_i

    (Nadaraya, 1964; Watson, 1964, with the kernel :math:`e^{\langle \cdot, \cdot \rangle / \tau}`). From captions to
    the videos of training captions it says what a linear map cannot: near captions count, however they differ from the
    rest. Until it is filled it gives zeros.

    Args:
        channels: width of keys and values.
        size: n, pairs that are kept; evenly spaced ones where there are more.
        temperature: :math:`\tau`.

    Shapes:
        - **input:** ``[N, channels]``
        - **output:** ``[N, channels]``

    Example:
        >>> near = KernelRegression(2, size=4, temperature=0.05)
        >>> near.fill(torch.eye(2), torch.tensor([[0.0, 1.0], [1.0, 0.0]]))
        >>> near(torch.tensor([[1.0, 0.0]])).round().tolist()
        [[0.0, 1.0]]
    """

    keys: Tensor
    values: Tensor
    bias: Tensor

    def __init__(self, channels: int, size: int, temperature: float = 0.05) -> None:
        super().__init__()
        self.temperature = temperature
        self.register_buffer("keys", torch.zeros(size, channels))
        self.register_buffer("values", torch.zeros(size, channels))
        self.register_buffer("bias", torch.zeros(size))  # -inf where there is no pair

    def fill(self, keys: Tensor, values: Tensor) -> None:
        """Take pairs of keys and values, [n, channels] each."""
        count = min(len(keys), len(self.keys))
        rows = torch.linspace(0, len(keys) - 1, count, dtype=torch.double).long()
        for buffer, x in ((self.keys, keys), (self.values, values)):
            buffer.zero_()[:count] = x[rows].to(buffer)
        self.bias.fill_(-torch.inf)[:count] = 0

    def forward(self, x: Tensor) -> Tensor:
        """What near pairs have, [N, channels]."""
        with full_precision(x.device):
            near = torch.softmax(torch.addmm(self.bias, widened(x), self.keys.T, alpha=1 / self.temperature), 1)
            return normalize(near @ self.values, dim=1)

    def extra_repr(self) -> str:
        size, channels = self.keys.shape
        return f"{channels}, size={size}, temperature={self.temperature}"
