"""Plain references: loops over queries, and over every order of equal scores."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Callable, Iterator

import pytest

Reference = Callable[..., dict[str, float]]


def orders(scores: list[float], relevant: set[int], ties: str) -> Iterator[list[int]]:
    """The rankings that a convention for equal scores stands for."""
    if ties == "average":
        for order in itertools.permutations(range(len(scores))):
            if all(scores[a] >= scores[b] for a, b in itertools.pairwise(order)):
                yield list(order)
    else:
        last = {"pessimistic": True, "optimistic": False}[ties]
        yield sorted(range(len(scores)), key=lambda item: (-scores[item], (item in relevant) == last))


@pytest.fixture
def reference() -> Reference:
    """Metrics by the definition, one query and one ranking at a time."""

    def metrics(scores, relevant, ks=(1, 5, 10), ties="pessimistic", median="plain", mean_rank="best"):
        best, every = [], []
        for row, items in zip(scores, relevant, strict=True):
            rankings = list(orders(row, set(items), ties))
            places = [[order.index(item) + 1 for item in set(items)] for order in rankings]
            best.append(statistics.mean(min(place) for place in places))
            every += [statistics.mean(place) for place in zip(*places, strict=True)]
        middle = statistics.median(best)
        return {
            **{f"R@{k}": 100 * sum(rank <= k for rank in best) / len(best) for k in ks},
            "MedR": float(int(middle)) if median == "floor" else middle,
            "MnR": statistics.mean(best if mean_rank == "best" else every),
        }

    return metrics
