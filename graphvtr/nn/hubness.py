"""Hubs: items that are near to every query. An offset an item takes back what they gain by it."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from graphvtr.nn.precision import full_precision, widened


class HubOffsets(nn.Module):
    r"""An offset an item, of unit vectors of two sides whose product is a score.

    An item's hubness is how near it is to a bank of training items of the other side,

    .. math:: h(v) = \tau \log \frac{1}{n} \sum_{i=1}^n e^{\langle v, c_i \rangle / \tau}

    so that :math:`\langle v, c \rangle - \lambda (h(v) + h(c))` no longer ranks hubs high for every query. No other
    query is needed for it, only training items. (After the inverted softmax of `Smith et al., 2017
    <https://arxiv.org/abs/1702.03859>`_ and the query bank of `Bogolin et al., 2022
    <https://arxiv.org/abs/2112.12777>`_, as an additive offset.)

    Args:
        channels: width of the vectors.
        size: n, of each bank; evenly spaced training items, which stand several times where there are fewer.
        temperature: :math:`\tau`.
        captions: whether captions have offsets too, or only videos.

    Shapes:
        - **input:** ``[N, channels]``
        - **output:** ``[N, 2]``, so that the inner product of the two sides is :math:`-h(v) - h(c)`
    """

    video_bank: Tensor
    text_bank: Tensor

    def __init__(self, channels: int, size: int = 2048, temperature: float = 0.1, captions: bool = True) -> None:
        super().__init__()
        self.temperature, self.captions = temperature, captions
        for side in ("video", "text"):
            self.register_buffer(f"{side}_bank", torch.zeros(size, channels))

    def fill(self, video: Tensor, text: Tensor) -> None:
        """Take training items into the banks, [Nv, channels] and [Nt, channels]."""
        for bank, x in ((self.video_bank, video), (self.text_bank, text)):
            bank.copy_(x[torch.linspace(0, len(x) - 1, len(bank)).long()])

    def video(self, x: Tensor) -> Tensor:
        """Of videos."""
        offset = -self._hubness(x, self.text_bank)
        return torch.stack([offset, torch.ones_like(offset)], 1)

    def text(self, x: Tensor) -> Tensor:
        """Of captions."""
        offset = -self._hubness(x, self.video_bank) if self.captions else torch.zeros_like(x[:, 0])
        return torch.stack([torch.ones_like(offset), offset], 1)

    def _hubness(self, x: Tensor, bank: Tensor) -> Tensor:
        with full_precision(x.device):
            near = torch.logsumexp(widened(x) @ bank.T / self.temperature, 1)
        return self.temperature * (near - math.log(len(bank)))

    def extra_repr(self) -> str:
        size, channels = self.text_bank.shape
        return f"{channels}, size={size}, temperature={self.temperature}, captions={self.captions}"
