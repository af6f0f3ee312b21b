"""Pull the embeddings of both sides to one distribution (MCSAN, Eq 38-40)."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from graphvtr.errors import DataError


class DistributionAlignmentLoss(nn.Module):
    r"""Kullback-Leibler divergence of a batch's videos and captions, each row a distribution over the features.

    .. math::
        L = \frac1N \sum_{n=1}^N \sum_k P_{nk} \log \frac{P_{nk}}{Q_{nk}}, \qquad
        P = \operatorname{softmax}(F_v), \quad Q = \operatorname{softmax}(F_t)

    Inputs: the embeddings of N matching pairs, before any normalisation; the paper does not say what makes them
    distributions, a softmax over the features is what its :math:`\operatorname{KLDivLoss}` asks for.

    When to use: beside a ranking loss, with a small weight (MCSAN: 0.001).

    Args:
        symmetric: the mean of both directions instead of KL(video || text).

    Shapes:
        - **input:** video ``[N, D]``, text ``[N, D]``
        - **output:** a scalar, 0 or more; 0 without pairs

    Raises:
        DataError: shapes that differ.

    Example:
        >>> import torch
        >>> x = torch.randn(3, 4)
        >>> DistributionAlignmentLoss()(x, x + 1.0).abs().item() < 1e-6  # a softmax does not see a shift
        True
    """

    def __init__(self, symmetric: bool = False) -> None:
        super().__init__()
        self.symmetric = symmetric

    def forward(self, video: Tensor, text: Tensor) -> Tensor:
        """The divergence of matching rows."""
        if video.shape != text.shape or video.dim() != 2:
            raise DataError("text", f"has shape {list(text.shape)} beside video {list(video.shape)}", "give two [N, D]")
        if video.numel() == 0:
            return video.sum() + text.sum()
        p, q = F.log_softmax(video, 1), F.log_softmax(text, 1)
        loss = F.kl_div(q, p, reduction="batchmean", log_target=True)
        if not self.symmetric:
            return loss
        return (loss + F.kl_div(p, q, reduction="batchmean", log_target=True)) / 2

    def extra_repr(self) -> str:
        return f"symmetric={self.symmetric}"
