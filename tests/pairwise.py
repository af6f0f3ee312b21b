"""Few rows instead of a full product: every two values of two parameters meet in one of them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import pytest


def pairwise(**values: Sequence[Any]) -> pytest.MarkDecorator:
    """``@pairwise(path=[...], affinity=[...])``: a parametrisation whose rows hold every pair of values.

    A fault that one value shows, or two together, is met as in the full product; greedy, and the same every time.
    """
    names, lists = list(values), list(values.values())
    return pytest.mark.parametrize(names, [tuple(map(list.__getitem__, map(list, lists), row)) for row in rows(lists)])


def rows(lists: Sequence[Sequence[Any]]) -> list[tuple[int, ...]]:
    """Positions in each list, a row a case."""
    sizes = [range(len(values)) for values in lists]
    open_pairs = {
        (i, a, j, b) for i, j in itertools.combinations(range(len(sizes)), 2) for a in sizes[i] for b in sizes[j]
    }
    found = []
    while open_pairs:
        row: list[int | None] = [None] * len(sizes)
        i, a, j, b = min(open_pairs)
        row[i], row[j] = a, b
        for k, size in enumerate(sizes):
            if row[k] is None:
                row[k] = max(size, key=lambda value, k=k: (len(_met(row, k, value) & open_pairs), -value))  # type: ignore[misc]
        case = tuple(value for value in row if value is not None)
        open_pairs -= {(i, case[i], j, case[j]) for i, j in itertools.combinations(range(len(case)), 2)}
        found.append(case)
    return found or [(a,) for a in sizes[0]]


def _met(row: Sequence[int | None], k: int, value: int) -> set[tuple[int, int, int, int]]:
    """The pairs that ``value`` at ``k`` makes with what stands in the row."""
    pairs = ((j, other) for j, other in enumerate(row) if other is not None and j != k)
    return {(j, other, k, value) if j < k else (k, value, j, other) for j, other in pairs}
