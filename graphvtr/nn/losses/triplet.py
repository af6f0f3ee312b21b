"""Triplet ranking loss over the scores of a batch."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from graphvtr.errors import DataError, check_choice
from graphvtr.nn.losses.pairs import check_pairs

Mining = Literal["hardest", "all", "mean"]
Reduction = Literal["mean", "sum"]


class TripletRankingLoss(nn.Module):
    r"""Push every matching pair above its negatives by a margin, in both directions (HGR, Eq 14).

    With the hardest negatives, for a caption c of video v in the batch,

    .. math::
        L(v, c) = \bigl[\Delta + \max_{c^-} s(v, c^-) - s(v, c)\bigr]_+
                + \bigl[\Delta + \max_{v^-} s(v^-, c) - s(v, c)\bigr]_+

    Inputs: the scores of all pairs of a batch of distinct videos and their captions, any number of captions a
    video, zero included. Captions of one video are never negatives of each other or of that video: without this
    rule the hardest negative of a collection with twenty captions a video would often be a right answer. A pair
    without negatives adds nothing.

    When to use: ``"hardest"`` once embeddings have some shape, as in VSE++ and HGR; ``"all"``, the sum over all
    negatives, gives every negative a gradient and is gentler at the very start or with noisy captions; ``"mean"``,
    the mean over all negatives, is ``"all"`` at the size of ``"hardest"``, so that the two can follow one another under
    Adam and beside other losses (``warmup_epochs`` of training does that).

    Relations: :class:`graphvtr.nn.CosineMatch` and :class:`graphvtr.nn.LocalAttentiveMatch` make such scores.

    Args:
        margin: :math:`\Delta`.
        mining: ``"hardest"``, ``"all"`` or ``"mean"``.
        reduction: ``"mean"`` over the pairs (the released code averages each direction over the batch) or ``"sum"``.
        sibling_negatives: every pair of the batch but the own one is a negative, captions of the same video and its
            copies included, as in the released code of VSE++ and HGR. Against a copy of its own video a caption loses
            the whole margin.

    Shapes:
        - **input:** scores ``[Nv, Nt]``, ``video_of_text`` ``[Nt]``
        - **output:** a scalar

    Raises:
        DataError: an unknown option, a negative margin, or captions whose videos do not fit the scores.

    Example:
        >>> scores = torch.tensor([[0.9, 0.8], [0.1, 0.6]])
        >>> round(TripletRankingLoss(margin=0.2)(scores, torch.tensor([0, 1])).item(), 4)
        0.25
    """

    def __init__(
        self,
        margin: float = 0.2,
        mining: Mining = "hardest",
        reduction: Reduction = "mean",
        sibling_negatives: bool = False,
    ) -> None:
        super().__init__()
        if margin < 0:
            raise DataError("margin", f"is {margin}", "give 0 or more")
        check_choice("mining", mining, Mining)
        check_choice("reduction", reduction, ("mean", "sum"))
        self.margin, self.mining, self.reduction = margin, mining, reduction
        self.sibling_negatives = sibling_negatives

    def forward(self, scores: Tensor, video_of_text: Tensor) -> Tensor:
        """The loss of a batch.

        Args:
            scores: [Nv, Nt], scores of all pairs.
            video_of_text: [Nt], row of ``scores`` that holds each caption's video.
        """
        check_pairs(scores, video_of_text)
        if video_of_text.numel() == 0:
            return scores.sum()  # no pairs: 0, still part of the graph
        if self.sibling_negatives:  # a copy of its video for every caption
            scores = scores[video_of_text]
            video_of_text = torch.arange(len(video_of_text), device=scores.device)
        video = torch.arange(scores.size(0), device=scores.device)
        positive = scores.gather(0, video_of_text[None]).squeeze(0)  # [Nt]
        other_video = video[:, None] != video_of_text  # [Nv, Nt]
        other_text = video_of_text[:, None] != video_of_text  # [Nt, Nt]: may caption t serve against caption u
        losses = self._against(scores[video_of_text], positive[:, None], other_text, dim=1)
        losses = losses + self._against(scores, positive[None], other_video, dim=0)
        return losses.mean() if self.reduction == "mean" else losses.sum()

    def _against(self, scores: Tensor, positive: Tensor, negative: Tensor, dim: int) -> Tensor:
        """What each pair loses against the ``negative`` entries along ``dim``, [Nt]."""
        if self.mining == "hardest":
            hardest = scores.masked_fill(~negative, -torch.inf).max(dim).values  # -inf where there is none
            return (self.margin + hardest - positive.squeeze(dim)).clamp(min=0)
        total = (self.margin + scores - positive).clamp(min=0).masked_fill(~negative, 0).sum(dim)
        return total if self.mining == "all" else total / negative.sum(dim).clamp(min=1)

    def extra_repr(self) -> str:
        siblings = ", sibling_negatives=True" if self.sibling_negatives else ""
        return f"margin={self.margin}, mining={self.mining}, reduction={self.reduction}{siblings}"
