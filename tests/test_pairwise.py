"""The cases that stand for a full product."""

from __future__ import annotations

import itertools

import pytest

from tests.pairwise import rows


@pytest.mark.parametrize("sizes", [[4, 3, 4, 9], [2, 2, 2, 2], [3, 1, 2], [5], [6, 5, 4, 3, 2, 2]])
def test_every_pair_is_met(sizes: list[int]) -> None:
    found = rows([range(size) for size in sizes])
    for (i, one), (j, two) in itertools.combinations(enumerate(sizes), 2):
        assert {(row[i], row[j]) for row in found} == set(itertools.product(range(one), range(two)))
    assert {row[0] for row in found} == set(range(sizes[0]))
    assert found == rows([range(size) for size in sizes])
