"""Focal binary cross entropy for labels of which few are common and most are rare (MCSAN, Eq 35-37)."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graphvtr.errors import DataError, check_choice
from graphvtr.nn.precision import widened

Negatives = Literal["focal", "printed"]
AttributeNorm = Literal["mean", "batch"]


class FocalBCELoss(nn.Module):
    r"""Binary cross entropy of many labels at once that looks away from what is right already.

    With :math:`p = \sigma(x)` and the label y,

    .. math::
        L = -\alpha \bigl( y (1 - p)^\gamma \log p + (1 - y) w^\gamma \log(1 - p) \bigr), \qquad
        w = \begin{cases} p & \text{negatives} = \text{focal} \\ 1 - p & \text{negatives} = \text{printed}
        \end{cases}

    Eq 35-37 print the same factor :math:`(1 - p)^\gamma` for both labels. `Focal loss
    <https://arxiv.org/abs/1708.02002>`_, which they cite, weighs a negative by :math:`p^\gamma`, how wrong it is; as
    printed, a negative counts most when it is right and least when it is wrong. ``"focal"`` is the default.

    Inputs: logits, not probabilities; computed so that no logit overflows or gives a NaN.

    When to use: labels whose classes are many and mostly absent. ``alpha=1, gamma=0`` is plain binary cross entropy.

    Args:
        alpha: :math:`\alpha`, for both labels, as printed.
        gamma: :math:`\gamma`, 0 or more.
        negatives: ``"focal"`` or ``"printed"``.
        norm: what the sum over items and classes is divided by: ``"mean"``, items times classes, or ``"batch"``, the
            items, as Eq 35-37 print (K is the batch size): as many times larger as there are classes.

    Shapes:
        - **input:** logits ``[N, K]``, labels ``[N, K]`` in 0..1 or bool, optional mask bool ``[N, K]``
        - **output:** a scalar, the mean over items and (with ``norm="mean"``) classes; 0 without either

    Raises:
        DataError: an unknown option, a negative number, or shapes that do not fit.

    Example:
        >>> loss = FocalBCELoss(alpha=1.0, gamma=2.0)
        >>> round(loss(torch.tensor([[0.0, 4.0]]), torch.tensor([[1, 1]])).item(), 4)  # the second is right already
        0.0866
    """

    def __init__(
        self, alpha: float = 0.25, gamma: float = 2.0, negatives: Negatives = "focal", norm: AttributeNorm = "mean"
    ) -> None:
        super().__init__()
        for name, value in (("alpha", alpha), ("gamma", gamma)):
            if value < 0:
                raise DataError(name, f"is {value}", "give 0 or more")
        check_choice("negatives", negatives, ("focal", "printed"))
        check_choice("norm", norm, ("mean", "batch"))
        self.alpha, self.gamma, self.negatives, self.norm = alpha, gamma, negatives, norm

    def forward(self, logits: Tensor, labels: Tensor, mask: Tensor | None = None) -> Tensor:
        """The mean loss.

        Args:
            logits: [N, K].
            labels: [N, K].
            mask: [N, K], False leaves an entry out; every item is then the mean over its remaining entries, and items
                without any do not count (HANet).
        """
        for name, other in (("labels", labels), ("mask", mask)):
            if other is not None and other.shape != logits.shape:
                raise DataError(name, f"has shape {list(other.shape)} for {list(logits.shape)}", "give one a logit")
        logits = widened(logits)
        losses = self._losses(logits, labels.to(logits.dtype))
        if mask is None:
            if not losses.numel():
                return losses.sum()
            return losses.mean() if self.norm == "mean" else losses.sum() / len(losses)
        counted = mask.sum(1)
        items = losses.masked_fill(~mask, 0.0).sum(1) / (counted.clamp(min=1) if self.norm == "mean" else 1)
        return items.sum() / (counted > 0).sum().clamp(min=1)

    def _losses(self, logits: Tensor, labels: Tensor) -> Tensor:
        """The loss of every entry, [N, K]."""
        right, wrong = F.logsigmoid(logits), F.logsigmoid(-logits)  # log p, log (1 - p)
        if self.gamma == 0:
            return -self.alpha * (labels * right + (1 - labels) * wrong)
        weight = torch.exp(self.gamma * wrong)
        of_negative = weight if self.negatives == "printed" else torch.exp(self.gamma * right)
        return -self.alpha * (labels * weight * right + (1 - labels) * of_negative * wrong)

    def extra_repr(self) -> str:
        return f"alpha={self.alpha}, gamma={self.gamma}, negatives={self.negatives}, norm={self.norm}"
