"""InfoNCE on each level of a model, alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graphvtr.nn.levels import LevelEmbeddings
from graphvtr.nn.losses.info_nce import SymmetricInfoNCE
from graphvtr.nn.pair_margins import video_margins


class LevelInfoNCE(nn.ModuleDict):
    """A :class:`SymmetricInfoNCE` a level, each with a temperature of its own.

    Args:
        levels: their names.
        temperature: to begin with; it is learned.
    """

    def __init__(self, levels: Sequence[str], temperature: float) -> None:
        super().__init__({level: SymmetricInfoNCE(temperature) for level in levels})

    def ranking(
        self, matchers: nn.ModuleDict, video: LevelEmbeddings, text: LevelEmbeddings, video_of_text: Tensor
    ) -> dict[str, Tensor]:
        """The loss of each level, and ``loss``, their mean."""
        losses = {
            level: info_nce(matchers[level](video[level], text[level]), video_of_text)
            for level, info_nce in self.items()
        }
        return {"loss": torch.stack(list(losses.values())).mean(), **losses}

    def pairs(
        self, matchers: nn.ModuleDict, video: LevelEmbeddings, pairs: LevelEmbeddings, video_of_pair: Tensor
    ) -> Tensor:
        """The true caption against the wrong one, a softmax of two on each level."""
        found = []
        for level, info_nce in self.items():
            margins = video_margins(matchers[level](video[level], pairs[level]), video_of_pair)
            found.append(F.softplus(-margins / cast(SymmetricInfoNCE, info_nce).temperature).mean())
        return torch.stack(found).mean()
