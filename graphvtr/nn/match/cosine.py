"""Cosine similarity of one vector an item."""

from __future__ import annotations

from torch import Tensor, nn

from graphvtr.errors import DataError
from graphvtr.nn.levels import Level
from graphvtr.nn.match.indexed import Side
from graphvtr.nn.precision import match_in_float32
from graphvtr.ops.local_match import normalize_rows


class CosineMatch(nn.Module):
    r"""The cosine of every video and every caption on a level with one vector an item (HGR section 3.3, global
    matching): :math:`\cos(v, c) = v^\top c / (\lVert v \rVert \lVert c \rVert)`.

    A zero vector, such as the event of a video without frames, has cosine 0 with everything and gets no
    gradient.

    Shapes:
        - **input:** levels of Nv videos ``[Nv, D]`` and Nt captions ``[Nt, D]``
        - **output:** ``[Nv, Nt]``

    Raises:
        DataError: a level is a ragged set.

    Example:
        >>> import torch
        >>> CosineMatch()(Level(torch.eye(2)), Level(torch.tensor([[3.0, 4.0]]))).tolist()
        [[0.6000000238418579], [0.800000011920929]]
    """

    exact_keys = True

    @match_in_float32
    def forward(self, video: Level, text: Level) -> Tensor:
        """Scores of all pairs."""
        refuse_sets(video, text)
        return normalize_rows(video.x) @ normalize_rows(text.x).T

    def item_keys(self, level: Level, side: Side) -> list[Tensor]:
        """See :class:`graphvtr.nn.match.IndexedMatch`; exact."""
        return [normalize_rows(level.x)]

    query_keys = item_keys


def refuse_sets(video: Level, text: Level) -> None:
    """Both levels have one vector an item, or a :class:`graphvtr.errors.DataError` says which has not."""
    for name, level in (("video", video), ("text", text)):
        if level.is_set:
            raise DataError(f"{name} level", "holds sets of vectors", "match sets with LocalAttentiveMatch")
