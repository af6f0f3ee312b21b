"""A learned score of the circular correlation of two vectors."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from graphvtr.errors import DataError
from graphvtr.nn.levels import Level
from graphvtr.nn.match.indexed import Side
from graphvtr.nn.precision import match_in_float32
from graphvtr.ops import holographic_scores
from graphvtr.ops.holographic_scores import holographic_keys
from graphvtr.ops.local_match import normalize_rows


class HolographicMatch(nn.Module):
    r"""Score every video against every caption by a linear layer over their circular correlation (MCSAN, Eq 23).

    .. math::
        s(v, t) = \sigma \bigl( w^\top (v \star t) + b \bigr), \qquad
        [v \star t]_k = \sum_{i=0}^{d-1} v_i \, t_{(k + i) \bmod d}

    Every pair of features meets once, in one of the d sums. Written like this it is one Fourier transform a pair; the
    score is bilinear, so that :func:`graphvtr.ops.holographic_scores` takes one transform a caption (or video) and one
    matrix product for all pairs.

    Args:
        channels: d, width of the vectors.
        normalize: divide both vectors by their length first. The paper does not; long vectors then saturate the
            sigmoid, and the length of a vector counts.

    Shapes:
        - **input:** levels of Nv videos ``[Nv, d]`` and Nt captions ``[Nt, d]``
        - **output:** ``[Nv, Nt]`` in (0, 1)

    Raises:
        DataError: a level is a ragged set, or of another width.

    Example:
        >>> match = HolographicMatch(4)
        >>> match(Level(torch.randn(2, 4)), Level(torch.randn(3, 4))).shape
        torch.Size([2, 3])
    """

    exact_keys = False  # the sigmoid bends the scores

    def __init__(self, channels: int, normalize: bool = False) -> None:
        super().__init__()
        self.channels, self.normalize = channels, normalize
        self.linear = nn.Linear(channels, 1)

    def reset_parameters(self) -> None:
        """Draw new parameters."""
        self.linear.reset_parameters()

    @match_in_float32
    def forward(self, video: Level, text: Level) -> Tensor:
        """Scores of all pairs."""
        return torch.sigmoid(self.logits(video, text))

    @match_in_float32
    def logits(self, video: Level, text: Level) -> Tensor:
        """Scores of all pairs before the sigmoid, which does not change their order."""
        for name, level in (("video", video), ("text", text)):
            if level.is_set:
                raise DataError(f"{name} level", "holds sets of vectors", "match sets with LocalAttentiveMatch")
            if level.x.size(1) != self.channels:
                raise DataError(f"{name} level", f"is {level.x.size(1)} wide", f"give vectors of {self.channels}")
        v, t = (normalize_rows(level.x) if self.normalize else level.x for level in (video, text))
        return holographic_scores(v, t, self.linear.weight[0]) + self.linear.bias

    def item_keys(self, level: Level, side: Side) -> list[Tensor]:
        """See :class:`graphvtr.nn.match.IndexedMatch`; inner products are the logits without their bias."""
        x = normalize_rows(level.x) if self.normalize else level.x
        return [x if side == "video" else holographic_keys(x, self.linear.weight[0])]

    query_keys = item_keys

    def extra_repr(self) -> str:
        return f"{self.channels}, normalize={self.normalize}"
