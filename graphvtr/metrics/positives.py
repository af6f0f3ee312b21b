"""Which items are right for which query, as one flat list of pairs."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from graphvtr.errors import DataError
from graphvtr.values import Positions, as_integers, positions

Relevant = Tensor | np.ndarray | Sequence[int] | Sequence[Positions]


@dataclass(frozen=True)
class Positives:
    """The relevant items of ``len(ptr) - 1`` queries, sorted by query and item.

    Args:
        ptr: [Nq + 1], where each query's items begin.
        item: [P], the relevant items of all queries end to end.
        num_items: Ni, how many items there are to rank.
    """

    ptr: Tensor
    item: Tensor
    num_items: int

    @property
    def num_queries(self) -> int:
        """Nq."""
        return len(self.ptr) - 1

    @property
    def count(self) -> Tensor:
        """[Nq], the number of relevant items of each query."""
        return self.ptr.diff()

    @property
    def query(self) -> Tensor:
        """[P], the query of each pair."""
        return torch.repeat_interleave(torch.arange(self.num_queries), self.count)

    @classmethod
    def from_pairs(cls, query: Tensor, item: Tensor, num_queries: int, num_items: int) -> Positives:
        """From (query, item) pairs [P] in any order; repeated pairs count once.

        Raises:
            DataError: an item or a query out of range, or a query without a relevant item.
        """
        for name, index, size in (("item", item, num_items), ("query", query, num_queries)):
            if index.numel() and not 0 <= int(index.min()) <= int(index.max()) < size:
                wrong = int(index.min()) if int(index.min()) < 0 else int(index.max())
                raise DataError("relevant", f"names {name} {wrong} of {size}", f"use 0..{size - 1}")
        pair = torch.unique(query.long() * num_items + item.long())  # sorted
        count = torch.bincount(pair // max(num_items, 1), minlength=num_queries)
        if num_queries == 0 or bool((count == 0).any()):
            where = f"query {int((count == 0).nonzero()[0])}" if num_queries else "relevant"
            raise DataError(where, "has no relevant item", "leave such queries out, or name one item at least")
        return cls(torch.cat([count.new_zeros(1), count.cumsum(0)]), pair % num_items, num_items)

    @classmethod
    def build(cls, relevant: Relevant, num_queries: int, num_items: int) -> Positives:
        """From what :func:`graphvtr.metrics.retrieval_metrics` takes.

        Args:
            relevant: a bool mask [Nq, Ni], the one relevant item of each query [Nq] (integers), or for each query
                the list of its relevant items or a mask of them; masks and lists may be of torch, NumPy or Python.
            num_queries: Nq.
            num_items: Ni.

        Raises:
            DataError: a shape that does not fit, an item out of range, a query without a relevant item.
        """
        lists = isinstance(relevant, list | tuple) and any(hasattr(items, "__len__") for items in relevant)
        fix = "give a bool mask [Nq, Ni], integers [Nq], or a list of index lists"
        table = None if lists else as_integers(relevant, "relevant", fix).cpu()
        if table is not None and table.dtype == torch.bool:
            if table.shape != (num_queries, num_items):
                raise DataError(
                    "relevant", f"has shape {list(table.shape)}", f"give a mask [{num_queries}, {num_items}]"
                )
            query, item = table.nonzero(as_tuple=True)
            return cls.from_pairs(query, item, num_queries, num_items)
        if table is not None and table.dim() != 1:
            raise DataError("relevant", f"is a {table.dtype} tensor of {table.dim()} dimensions", fix)
        if len(relevant) != num_queries:
            raise DataError("relevant", f"has {len(relevant)} entries for {num_queries} queries", "give one a query")
        if table is not None:
            return cls.from_pairs(torch.arange(num_queries), table, num_queries, num_items)
        rows = [_items_of(items, num_items, place) for place, items in enumerate(relevant)]
        query = torch.tensor([q for q, items in enumerate(rows) for _ in items], dtype=torch.long)
        item = torch.tensor([i for items in rows for i in items], dtype=torch.long)
        return cls.from_pairs(query, item, num_queries, num_items)

    def transposed(self) -> Positives:
        """The same pairs with items as queries.

        Raises:
            DataError: an item that no query finds relevant.
        """
        return Positives.from_pairs(self.item, self.query, self.num_items, self.num_queries)

    def merged(self, keys: Sequence[Hashable]) -> tuple[Tensor, Positives]:
        """Queries with equal ``keys`` (the same caption text) as one query whose items are the union.

        Returns:
            The first query of each key, in order of appearance [Nu], and the positives of these.

        Raises:
            DataError: not one key a query.
        """
        if len(keys) != self.num_queries:
            raise DataError("captions", f"are {len(keys)} for {self.num_queries} queries", "give one a query")
        number: dict[Hashable, int] = {}
        group = torch.tensor([number.setdefault(key, len(number)) for key in keys], dtype=torch.long)
        first = torch.full((len(number),), self.num_queries).scatter_reduce(
            0, group, torch.arange(self.num_queries), "amin"
        )
        return first, Positives.from_pairs(group[self.query], self.item, len(number), self.num_items)

    def inside(self, query: range, item: range) -> Tensor:
        """Positions of the pairs inside a block of queries and items."""
        begin, end = int(self.ptr[query.start]), int(self.ptr[query.stop])
        found = self.item[begin:end]
        return begin + ((found >= item.start) & (found < item.stop)).nonzero().squeeze(1)


def _items_of(items: Any, num_items: int, query: int) -> list[int]:
    """The relevant items of one query; :meth:`Positives.from_pairs` checks their range."""
    if isinstance(items, list | tuple) and all(type(item) is int for item in items):
        return list(items)  # nearly always, and many times as quick
    found = as_integers(items, name := f"relevant[{query}]")
    if found.dtype == torch.bool or found.dim() != 1:
        found = positions(found, num_items, name)
    return found.tolist()
