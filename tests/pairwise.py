"""Few cases instead of a full product: every two values of two parameters meet in one of them."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from typing import TypeVar

import pytest

Key = TypeVar("Key", bound=Hashable)


def thinned(items: list[pytest.Item]) -> list[pytest.Item]:
    """Of tests with three parameters or more, the cases that hold every pair of values; all others as they are.

    A fault that one value shows, or two of them together, is met as in the full product, which
    ``pytest --full-product`` runs.
    """
    cases: dict[tuple[str, str], dict[str, list[str]]] = defaultdict(dict)
    for item in items:
        values = getattr(getattr(item, "callspec", None), "_idlist", ())  # one name a parameter; indices run on
        if len(values) > 2:
            cases[str(item.path), item.nodeid.split("[")[0]][item.nodeid] = list(values)
    dropped = {case for group in cases.values() for case in group.keys() - pairwise(group)}
    return [item for item in items if item.nodeid not in dropped]


def pairwise(cases: Mapping[Key, Sequence[str]]) -> set[Key]:
    """The cases to keep, of which each has a value for every parameter: greedy, and the same in any order."""
    ordered = sorted(cases, key=lambda case: (*cases[case], str(case)))
    pairs = {case: set(itertools.combinations(enumerate(cases[case]), 2)) for case in ordered}
    missing = set().union(*pairs.values())
    kept: set[Key] = set()
    for least in range(max(map(len, pairs.values()), default=0), 0, -1):
        for case in ordered:
            if len(new := pairs[case] & missing) >= least:
                kept.add(case)
                missing -= new
    return kept
