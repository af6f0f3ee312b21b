"""How much two sets of concepts share, each concept in them to some degree."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from graphvtr.errors import DataError
from graphvtr.nn.levels import Level
from graphvtr.nn.match.indexed import Side
from graphvtr.nn.precision import match_in_float32


class JaccardMatch(nn.Module):
    r"""The Jaccard similarity of the concepts of every video and every caption (HANet).

    .. math::
        s(v, c) = \frac{\sum_k \min(v_k, c_k)}{\sum_k \max(v_k, c_k)}
                = \frac{\lVert v \rVert_1 + \lVert c \rVert_1 - \lVert v - c \rVert_1}
                       {\lVert v \rVert_1 + \lVert c \rVert_1 + \lVert v - c \rVert_1}

    for probabilities :math:`v, c \ge 0`. The second form needs the distances of all pairs alone: no tensor of pairs
    times concepts is built.

    Shapes:
        - **input:** levels of Nv videos ``[Nv, K]`` and Nt captions ``[Nt, K]``, entries 0 or more
        - **output:** ``[Nv, Nt]`` in 0..1; two items without any concept score 0

    Raises:
        DataError: a level is a ragged set.

    Example:
        >>> JaccardMatch()(Level(torch.tensor([[1.0, 0.5, 0.0]])), Level(torch.tensor([[0.5, 0.5, 0.0]]))).item()
        0.6666666865348816
    """

    exact_keys = False

    @match_in_float32
    def forward(self, video: Level, text: Level) -> Tensor:
        """Scores of all pairs."""
        for name, level in (("video", video), ("text", text)):
            if level.is_set:
                raise DataError(f"{name} level", "holds sets of vectors", "give one row of probabilities an item")
        size = video.x.sum(1)[:, None] + text.x.sum(1)  # [Nv, Nt]
        apart = torch.cdist(video.x, text.x, p=1.0)
        return (size - apart).clamp(min=0.0) / (size + apart).clamp(min=torch.finfo(size.dtype).tiny)

    def item_keys(self, level: Level, side: Side) -> list[Tensor]:
        """See :class:`graphvtr.nn.match.IndexedMatch`: what is shared, nearly, and the item's size."""
        return [level.x, level.x.sum(1, keepdim=True)]

    def query_keys(self, level: Level, side: Side) -> list[Tensor]:
        """See :class:`graphvtr.nn.match.IndexedMatch`: the slopes of the score where both sides are as large and share
        half."""
        per_concept = 0.9 / level.x.sum(1, keepdim=True).clamp(min=1e-6)
        return [per_concept * level.x, -0.25 * per_concept]
