"""How far a caption is from being more general than a video (order embeddings)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from graphvtr.nn.levels import Level
from graphvtr.nn.match.indexed import Side
from graphvtr.nn.precision import match_in_float32

ROWS = 2**22  # numbers of one block of differences


class OrderMatch(nn.Module):
    r"""The negative order violation of all pairs, :math:`-\lVert \max(0, c - v) \rVert^2`: 0 where the caption c is at
    most the video v in every coordinate, that is more general (Vendrov et al., Eq 2).

    Shapes:
        - **input:** levels of Nv videos ``[Nv, D]`` and Nt captions ``[Nt, D]``
        - **output:** ``[Nv, Nt]``

    Example:
        >>> OrderMatch()(Level(torch.tensor([[1.0, 1.0]])), Level(torch.tensor([[0.5, 1.0], [2.0, 1.0]]))).tolist()
        [[-0.0, -1.0]]
    """

    exact_keys = False  # what is not violated has no part in the score, and would have in a distance

    @match_in_float32
    def forward(self, video: Level, text: Level) -> Tensor:
        """Scores of all pairs, a few videos at a time."""
        step = max(1, ROWS // max(1, text.x.numel()))
        parts = [(text.x - rows[:, None]).clamp(min=0).square().sum(2) for rows in video.x.split(step)]
        return -torch.cat(parts) if parts else video.x.new_zeros(0, len(text.x))

    def item_keys(self, level: Level, side: Side) -> list[Tensor]:
        """See :class:`graphvtr.nn.match.IndexedMatch`: half the squared distance, as if half of the entries violated
        the order."""
        return [level.x, level.x.square().sum(1, keepdim=True)]

    def query_keys(self, level: Level, side: Side) -> list[Tensor]:
        """See :class:`graphvtr.nn.match.IndexedMatch`."""
        return [level.x, torch.full_like(level.x[:, :1], -0.5)]
