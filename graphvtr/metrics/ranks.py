"""Ranks of relevant items, counted block by block."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from graphvtr.errors import DataError, check_choice
from graphvtr.metrics.positives import Positives

Ties = Literal["pessimistic", "average", "optimistic"]


@dataclass(frozen=True)
class Ranks:
    """Ranks from 1 on.

    Args:
        best: [Nq] float64, the rank of each query's best relevant item.
        every: [P] float64, the rank of every relevant item (sorted by query), or None where it was not asked for.
        ptr: [Nq + 1], where each query's entries of ``every`` begin.
    """

    best: Tensor
    every: Tensor | None
    ptr: Tensor


class RankCounter:
    """Ranks of one direction from blocks of its score matrix; a block is [queries, items].

    Each block is shown twice: :meth:`see_positives` remembers the scores of the relevant pairs (P numbers),
    :meth:`count` then counts the other items that stand before them. Relevant pairs are never counted as items
    ahead, so that a score that differs in its last bit between the two calls cannot push a pair behind itself.

    Equal scores: ``pessimistic`` puts the other items of a tie before the relevant ones, ``optimistic`` behind
    them, ``average`` takes the expected rank over all orders of the tie.

    Args:
        positives: which items are relevant.
        ties: what to do with equal scores.
        every: rank all relevant items, not only the best one of each query.
    """

    def __init__(self, positives: Positives, ties: Ties = "pessimistic", every: bool = False) -> None:
        check_choice("ties", ties, Ties)
        self.positives, self.ties, self.every = positives, ties, every
        targets = len(positives.item) if every else positives.num_queries
        self._target_ptr = positives.ptr if every else torch.arange(positives.num_queries + 1)
        self._score = torch.full((len(positives.item),), torch.nan, dtype=torch.float64)
        self._ahead = torch.zeros(targets, dtype=torch.long)
        self._tied = torch.zeros(targets, dtype=torch.long)
        self._counted = torch.zeros(positives.num_queries, dtype=torch.long)

    def see_positives(self, block: Tensor, query_begin: int = 0, item_begin: int = 0) -> None:
        """Remember the scores of the relevant pairs of a block.

        Raises:
            DataError: a NaN score, or a block outside the matrix.
        """
        query, item = self._span(block, query_begin, item_begin)
        pair = self.positives.inside(query, item)
        row, column = self._place(pair, query_begin, item_begin)
        self._score[pair] = block[row.to(block.device), column.to(block.device)].double().cpu()

    def count(self, block: Tensor, query_begin: int = 0, item_begin: int = 0) -> None:
        """Count the items of a block that stand before its queries' relevant items.

        Raises:
            DataError: a NaN score, a block outside the matrix, or relevant pairs that were not seen yet.
        """
        query, item = self._span(block, query_begin, item_begin)
        threshold = self._threshold(query)
        if bool(threshold.isnan().any()):
            raise DataError(
                "scores",
                f"of relevant items of queries {query.start}..{query.stop - 1} were not seen yet",
                "pass every block to see_positives before count",
            )
        row, column = self._place(self.positives.inside(query, item), query_begin, item_begin)
        block, threshold = block.clone(memory_format=torch.contiguous_format), threshold.to(block.device, block.dtype)
        block[row.to(block.device), column.to(block.device)] = -torch.inf  # never ahead
        hidden = torch.bincount(row, minlength=len(query)).to(block.device)  # but tied with a score of -inf
        begin, end = int(self._target_ptr[query.start]), int(self._target_ptr[query.stop])
        if self.every:
            owner = torch.repeat_interleave(self.positives.count[query.start : query.stop]).to(block.device)
            ahead, tied = _compare_many(block, owner, threshold)
            tied -= hidden[owner] * (threshold == -torch.inf)
        else:
            ahead = (block > threshold[:, None]).sum(1)
            tied = (block == threshold[:, None]).sum(1) - hidden * (threshold == -torch.inf)
        self._ahead[begin:end] += ahead.cpu()
        self._tied[begin:end] += tied.cpu()
        self._counted[query.start : query.stop] += len(item)

    def reduce_positives(self, total: Callable[[Tensor], Tensor]) -> None:
        """Take the scores of relevant pairs that other processes have seen; ``total`` sums a tensor over them."""
        seen = ~self._score.isnan()
        score, count = total(self._score.where(seen, 0.0)), total(seen.double())
        self._score = score.where(count > 0, torch.nan)

    def reduce_counts(self, total: Callable[[Tensor], Tensor]) -> None:
        """Take what other processes have counted."""
        self._ahead, self._tied, self._counted = total(self._ahead), total(self._tied), total(self._counted)

    def ranks(self) -> Ranks:
        """The ranks, once all blocks were counted.

        Raises:
            DataError: a query that was not compared with every item exactly once.
        """
        wrong = (self._counted != self.positives.num_items).nonzero()
        if wrong.numel():
            query = int(wrong[0])
            raise DataError(
                f"query {query}",
                f"was compared with {int(self._counted[query])} of {self.positives.num_items} items",
                "count every block once",
            )
        ahead, tied = self._ahead.double(), self._tied.double()
        if not self.every:
            owner = self.positives.query
            at_top = self._score == self._threshold(range(self.positives.num_queries))[owner]
            together_best = torch.zeros_like(ahead).index_add_(0, owner, at_top.double())
            return Ranks(self._best(ahead, tied, together_best), None, self.positives.ptr)
        order = self._sorted_pairs()
        before, place, together = self._order_of_positives(order)
        if self.ties == "average":
            every = ahead + before + (tied + together + 1) / 2
        else:
            every = ahead + before + place + (tied if self.ties == "pessimistic" else 0)
        leader = order[self.positives.ptr[:-1]]
        return Ranks(self._best(ahead[leader], tied[leader], together[leader]), every, self.positives.ptr)

    def _best(self, ahead: Tensor, tied: Tensor, together: Tensor) -> Tensor:
        """Rank of the first of ``together`` equal relevant items among ``tied`` equal others."""
        if self.ties == "average":
            return ahead + 1 + tied / (together + 1)  # mean of the first of k draws out of n + k places
        return ahead + 1 + (tied if self.ties == "pessimistic" else 0)

    def _threshold(self, query: range) -> Tensor:
        """What the items of these queries are compared with: the best positive's score, or every one's."""
        begin, end = int(self.positives.ptr[query.start]), int(self.positives.ptr[query.stop])
        score = self._score[begin:end]
        if self.every:
            return score
        owner = torch.repeat_interleave(self.positives.count[query.start : query.stop])
        # amax keeps NaN, so that a pair not seen yet shows
        return score.new_full((len(query),), -torch.inf).scatter_reduce(0, owner, score, "amax")

    def _sorted_pairs(self) -> Tensor:
        """Pairs by query, then by falling score."""
        by_score = torch.argsort(self._score, descending=True, stable=True)
        return by_score[torch.argsort(self.positives.query[by_score], stable=True)]

    def _order_of_positives(self, order: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """For each pair among the pairs of its query: how many score higher, its mean place inside its tie
        (from 1 on), and the size of that tie."""
        query, score = self.positives.query[order], self._score[order]
        fresh = torch.ones(len(order), dtype=torch.bool)
        fresh[1:] = (query[1:] != query[:-1]) | (score[1:] != score[:-1])
        tie = fresh.cumsum(0) - 1
        size = torch.bincount(tie)[tie]
        begin = fresh.nonzero().squeeze(1)[tie]
        before, together = torch.empty(len(order)).double(), torch.empty(len(order)).double()
        before[order] = (begin - self.positives.ptr[query]).double()
        together[order] = size.double()
        return before, (together + 1) / 2, together

    def _span(self, block: Tensor, query_begin: int, item_begin: int) -> tuple[range, range]:
        if block.dim() != 2 or not block.is_floating_point():
            raise DataError("scores", f"is {block.dtype} {list(block.shape)}", "give floating-point [queries, items]")
        query = range(query_begin, query_begin + block.size(0))
        item = range(item_begin, item_begin + block.size(1))
        if query.start < 0 or query.stop > self.positives.num_queries or item.stop > self.positives.num_items:
            raise DataError(
                "scores",
                f"block {list(block.shape)} at [{query_begin}, {item_begin}] lies outside the matrix",
                f"the matrix is [{self.positives.num_queries}, {self.positives.num_items}]",
            )
        if bool((where := block.isnan()).any()):
            row, column = (int(index) for index in where.nonzero()[0])
            raise DataError(
                f"scores[{query_begin + row}, {item_begin + column}]", "is NaN", "check the features and the model"
            )
        return query, item

    def _place(self, pair: Tensor, query_begin: int, item_begin: int) -> tuple[Tensor, Tensor]:
        """Row and column of pairs inside a block."""
        query = torch.searchsorted(self.positives.ptr, pair, right=True) - 1
        return query - query_begin, self.positives.item[pair] - item_begin


def _compare_many(block: Tensor, owner: Tensor, threshold: Tensor) -> tuple[Tensor, Tensor]:
    """For each of n (sorted) owners, how many entries of its row are above its threshold, and how many equal it.

    Args:
        block: [q, i].
        owner: [n], a row of ``block``.
        threshold: [n].
    """
    count = torch.bincount(owner, minlength=len(block))
    place = torch.arange(len(owner), device=owner.device) - (count.cumsum(0) - count)[owner]
    padded = threshold.new_zeros(len(block), int(count.max()))
    padded[owner, place] = threshold
    rows = block.sort(1).values
    below, up_to = (torch.searchsorted(rows, padded, right=right)[owner, place] for right in (False, True))
    return block.size(1) - up_to, up_to - below
