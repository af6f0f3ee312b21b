from __future__ import annotations

import pytest
import torch

from graphvtr.errors import DataError
from graphvtr.metrics import Positives


def test_pairs_are_sorted_and_kept_once() -> None:
    positives = Positives.build([[2, 0, 2], [1]], 2, 3)
    assert positives.ptr.tolist() == [0, 2, 3]
    assert positives.item.tolist() == [0, 2, 1]
    assert positives.query.tolist() == [0, 0, 1]
    assert positives.count.tolist() == [2, 1]


def test_transposed() -> None:
    positives = Positives.build([[1], [0, 1]], 2, 2).transposed()
    assert [items.tolist() for items in positives.item.split(positives.count.tolist())] == [[1], [0, 1]]


def test_inside() -> None:
    positives = Positives.build([[1], [0, 1], [2]], 3, 3)
    assert positives.inside(range(1, 3), range(0, 2)).tolist() == [1, 2]
    assert positives.inside(range(0, 1), range(2, 3)).tolist() == []


def test_merged_names_the_first_of_each() -> None:
    first, merged = Positives.build([[1], [0], [2], [1]], 4, 3).merged(["b", "a", "b", "a"])
    assert first.tolist() == [0, 1]
    assert (merged.ptr.tolist(), merged.item.tolist()) == ([0, 2, 4], [1, 2, 0, 1])


def test_query_out_of_range() -> None:
    with pytest.raises(DataError, match="names query 5 of 2"):
        Positives.from_pairs(torch.tensor([0, 5]), torch.tensor([0, 0]), 2, 1)
