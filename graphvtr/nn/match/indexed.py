"""What an index asks of a matcher: keys whose inner products are, or follow, its scores."""

from __future__ import annotations

from typing import Literal, Protocol, runtime_checkable

from torch import Tensor

from graphvtr.nn.levels import Level

Side = Literal["video", "text"]


@runtime_checkable
class IndexedMatch(Protocol):
    r"""A matcher whose level can be indexed.

    For an item i of one side and a query q of the other, the inner product of their keys, the blocks side by side, is
    the score of the level (:attr:`exact_keys`), or follows it:

    .. math:: s(i, q) \approx c_0 + \sum_b \langle k_b(i), k_b(q) \rangle

    Keys that only follow it are a start, from which the query's are fitted to the scores of some items
    (:class:`graphvtr.search.Projection`); and candidates are scored again by the matcher itself.

    Attributes:
        exact_keys: whether the inner product is the score.
    """

    exact_keys: bool

    def item_keys(self, level: Level, side: Side) -> list[Tensor]:
        """Keys of indexed items, the blocks, each [N, d_b].

        Args:
            level: N items.
            side: which side of the match they are.
        """
        ...

    def query_keys(self, level: Level, side: Side) -> list[Tensor]:
        """Keys of queries, the same blocks; ``side`` is that of the queries."""
        ...
