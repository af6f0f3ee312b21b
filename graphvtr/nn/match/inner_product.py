"""The inner product of one vector an item, lengths and all."""

from __future__ import annotations

from torch import Tensor, nn

from graphvtr.errors import DataError
from graphvtr.nn.levels import Level
from graphvtr.nn.match.indexed import Side
from graphvtr.nn.precision import match_in_float32


class InnerProductMatch(nn.Module):
    r"""The inner product of every video and every caption, :math:`v^\top c`.

    When to use: for what adds up over the two sides, an offset an item for instance: with :math:`v = (a_v, 1)` and
    :math:`c = (1, b_c)` a pair scores :math:`a_v + b_c`.

    Relations: :class:`CosineMatch` divides by the lengths.

    Shapes:
        - **input:** levels of Nv videos ``[Nv, D]`` and Nt captions ``[Nt, D]``
        - **output:** ``[Nv, Nt]``

    Raises:
        DataError: a level is a ragged set.

    Example:
        >>> import torch
        >>> InnerProductMatch()(Level(torch.tensor([[2.0, 1.0]])), Level(torch.tensor([[1.0, 3.0]]))).tolist()
        [[5.0]]
    """

    exact_keys = True

    @match_in_float32
    def forward(self, video: Level, text: Level) -> Tensor:
        """Scores of all pairs."""
        for name, level in (("video", video), ("text", text)):
            if level.is_set:
                raise DataError(f"{name} level", "holds sets of vectors", "match sets with LocalAttentiveMatch")
        return self.vectors(video.x) @ self.vectors(text.x).T

    def item_keys(self, level: Level, side: Side) -> list[Tensor]:
        """See :class:`graphvtr.nn.match.IndexedMatch`; exact."""
        return [self.vectors(level.x)]

    query_keys = item_keys

    def vectors(self, x: Tensor) -> Tensor:
        """The vectors [N, D] whose inner products are the scores."""
        return x
