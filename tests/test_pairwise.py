"""The cases that stand for a full product."""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import pytest

from tests.pairwise import pairwise, thinned


def product(sizes: list[int]) -> dict[str, list[str]]:
    """All cases of parameters with so many values."""
    cases = itertools.product(*(map(str, range(size)) for size in sizes))
    return {"-".join(case): list(case) for case in cases}


@pytest.mark.parametrize("sizes", [[4, 3, 4, 9], [2, 2, 2, 2], [3, 1, 2], [6, 5, 4, 3, 2, 2]])
def test_every_pair_is_met(sizes: list[int]) -> None:
    cases = product(sizes)
    found = pairwise(cases)
    for (i, one), (j, two) in itertools.combinations(enumerate(sizes), 2):
        assert len({(cases[case][i], cases[case][j]) for case in found}) == one * two
    assert len(found) < 2 * max(a * b for a, b in itertools.combinations(sizes, 2))
    assert found == pairwise(dict(reversed(cases.items())))


def test_only_products_of_three_are_thinned() -> None:
    items = [
        SimpleNamespace(path="t.py", nodeid=f"t.py::{name}[{n}]", callspec=SimpleNamespace(_idlist=case))
        for name, sizes in (("two", [4, 5]), ("three", [4, 5, 6]))
        for n, case in enumerate(product(sizes).values())
    ]
    plain = SimpleNamespace(path="t.py", nodeid="t.py::plain")
    left = [item.nodeid.split("::")[1].split("[")[0] for item in thinned([*items, plain])]
    assert (left.count("two"), left.count("plain")) == (20, 1)
    assert 30 <= left.count("three") < 60
    (one,) = thinned([items[70]])  # a case asked for alone is run
    assert one is items[70]
