"""Symmetric InfoNCE over the scores of a batch."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graphvtr.errors import DataError, check_choice
from graphvtr.nn.losses.pairs import check_pairs

LARGEST_SCALE = 100.0  # as in CLIP: a sharper softmax than this only makes training unstable


class SymmetricInfoNCE(nn.Module):
    r"""Pick the right video among a batch's videos, and the right caption among its captions.

    The loss of `"Representation Learning with Contrastive Predictive Coding" <https://arxiv.org/abs/1807.03748>`_ in
    both directions, as `CLIP <https://arxiv.org/abs/2103.00020>`_ trains with it. For caption c of video v,

    .. math::
        L(v, c) = - \log \frac{e^{s(v, c) / \tau}}{\sum_{v'} e^{s(v', c) / \tau}}
                  - \log \frac{e^{s(v, c) / \tau}}{\sum_{c' \notin C(v) \setminus c} e^{s(v, c') / \tau}}

    divided by two. Captions C(v) of one video are never negatives of each other or of that video. A video without
    captions is a negative only.

    When to use: with larger batches, where it uses all negatives and weighs them by how hard they are; the triplet
    loss looks at the hardest only, or at all alike. Scores should be of one range (cosines, or their means).

    Relations: takes the place of :class:`graphvtr.nn.TripletRankingLoss`.

    Args:
        temperature: :math:`\tau`, to begin with.
        learned: whether :math:`\tau` is a parameter; it never falls below 1/100.
        reduction: ``"mean"`` or ``"sum"`` over the pairs.

    Shapes:
        - **input:** scores ``[Nv, Nt]``, ``video_of_text`` ``[Nt]``
        - **output:** a scalar

    Raises:
        DataError: a temperature that is not positive, an unknown reduction, or shapes that do not fit.

    Example:
        >>> scores = torch.tensor([[0.9, 0.1], [0.1, 0.9]])
        >>> SymmetricInfoNCE(temperature=0.1)(scores, torch.tensor([0, 1])).item() < 0.001
        True
    """

    def __init__(self, temperature: float = 0.07, learned: bool = True, reduction: str = "mean") -> None:
        super().__init__()
        if not temperature >= 1 / LARGEST_SCALE:
            raise DataError("temperature", f"is {temperature}", f"give {1 / LARGEST_SCALE} or more")
        check_choice("reduction", reduction, ("mean", "sum"))
        self.learned, self.reduction = learned, reduction
        log_scale = torch.tensor(-math.log(temperature))
        if learned:
            self.log_scale = nn.Parameter(log_scale)
        else:
            self.register_buffer("log_scale", log_scale)

    @property
    def temperature(self) -> float:
        """The present :math:`\\tau`."""
        return float(1 / self.log_scale.detach().exp().clamp(max=LARGEST_SCALE))

    def forward(self, scores: Tensor, video_of_text: Tensor) -> Tensor:
        """The loss of a batch.

        Args:
            scores: [Nv, Nt], scores of all pairs.
            video_of_text: [Nt], row of ``scores`` that holds each caption's video.
        """
        check_pairs(scores, video_of_text)
        if video_of_text.numel() == 0:
            return scores.sum() * self.log_scale  # no pairs: 0, still part of the graph
        logits = scores * self.log_scale.exp().clamp(max=LARGEST_SCALE)
        caption = torch.arange(len(video_of_text), device=scores.device)
        sibling = (video_of_text[:, None] == video_of_text) & (caption[:, None] != caption)  # [Nt, Nt]
        to_video = F.cross_entropy(logits.t(), video_of_text, reduction=self.reduction)
        to_text = F.cross_entropy(
            logits[video_of_text].masked_fill(sibling, -torch.inf), caption, reduction=self.reduction
        )
        return (to_video + to_text) / 2

    def extra_repr(self) -> str:
        return f"temperature={self.temperature:.3g}, learned={self.learned}, reduction={self.reduction}"
