"""What models with one vector a video and one a caption share."""

from __future__ import annotations

from torch import Tensor, nn

from graphvtr.nn.levels import LevelEmbeddings
from graphvtr.nn.losses import TripletRankingLoss
from graphvtr.nn.losses.triplet import Mining, Reduction
from graphvtr.nn.match import CosineMatch
from graphvtr.nn.models.base import RetrievalModel


class OneVectorModel(RetrievalModel):
    """A video and a caption are one vector each, on the level ``event``; their score is the cosine.

    Args:
        margin: of the triplet ranking loss.
        mining: ``"hardest"``, ``"all"`` or the ``"mean"`` of all negatives.
        reduction: ``"mean"`` or ``"sum"`` over the pairs of a batch.
    """

    levels = ("event",)

    def __init__(self, margin: float, mining: Mining, reduction: Reduction) -> None:
        super().__init__()
        self.matchers = nn.ModuleDict({"event": CosineMatch()})
        self.ranking = TripletRankingLoss(margin, mining, reduction)

    def loss(self, video: LevelEmbeddings, text: LevelEmbeddings, video_of_text: Tensor) -> dict[str, Tensor]:
        """The triplet ranking loss of the scores, as ``loss``."""
        return {"loss": self.ranking(self.similarity(video, text), video_of_text)}
