"""One reading of positions and of plain values, wherever callers hand them in."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from graphvtr.errors import DataError
from graphvtr.values import plain, position, positions, whole_number

MASK = [False, True, True, False]
FORMS: dict[str, Callable[[list[int]], Any]] = {
    "list": list,
    "tuple": tuple,
    "tensor": torch.tensor,
    "int32 tensor": lambda rows: torch.tensor(rows, dtype=torch.int32),
    "numpy": np.array,
    "uint16": lambda rows: np.array(rows, dtype=np.uint16),
    "numpy scalars": lambda rows: [np.int64(row) for row in rows],
    "tensor scalars": lambda rows: [torch.tensor(row) for row in rows],
    "generator": lambda rows: (row for row in rows),
}


@pytest.mark.parametrize("form", FORMS)
def test_whole_numbers_of_any_form(form: str) -> None:
    found = positions(FORMS[form]([2, 0, 2]), 4)
    assert found.dtype == torch.long
    assert found.tolist() == [2, 0, 2]


@pytest.mark.parametrize("mask", [MASK, torch.tensor(MASK), np.array(MASK), [np.bool_(one) for one in MASK]])
def test_masks_of_any_form(mask: Any) -> None:
    assert positions(mask, 4).tolist() == [1, 2]


def test_ranges_slices_negatives_and_nothing() -> None:
    assert positions(range(1, 4), 4).tolist() == [1, 2, 3]
    assert positions(slice(None, None, 2), 4).tolist() == [0, 2]
    assert positions([-1, 0, -4], 4).tolist() == [3, 0, 0]
    assert positions(np.arange(4), 4).tolist() == [0, 1, 2, 3]
    for nothing in ([], (), torch.empty(0).long(), np.empty(0, dtype=int), range(0)):
        assert positions(nothing, 4).tolist() == []


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([0.0, 1.0], "holds numbers of float"),
        (np.array([1.5]), "holds numbers of float64"),
        (torch.tensor([1.0]), "holds numbers of float32"),
        ([True, 1], "mixes bools and numbers"),
        ([True], "is a mask of 1 for 4 items"),
        (torch.ones(5).bool(), "is a mask of 5 for 4 items"),
        ([4], r"names item 4 of 4 \(use -4..3\)"),
        ([0, -5], "names item -5 of 4"),
        ([[0, 1]], "has 2 dimensions"),
        (torch.tensor(1), "has 0 dimensions"),
        (np.int64(1), "has 0 dimensions"),
        ("01", "is '01' "),
        (None, "is None"),
        (3, "is 3 "),
        (["a"], "holds"),
        ([[0], [1, 2]], "holds"),
        ({0: 1}, "is {0: 1}"),
        (np.array([1, None], dtype=object), "holds"),
    ],
)
def test_anything_else_is_refused(values: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        positions(values, 4)


def test_labels_take_neither_masks_nor_negatives() -> None:
    with pytest.raises(DataError, match=r"owner: names item -1 of 4 \(use 0..3\)"):
        positions([-1], 4, "owner", negative=False)
    with pytest.raises(DataError, match="owner: is a mask of bools"):
        positions(MASK, 4, "owner", mask=False)


def test_the_device_is_kept_and_meta_is_not_read() -> None:
    assert positions(torch.empty(3, dtype=torch.long, device="meta"), 2).is_meta


def test_one_position() -> None:
    assert (position(-1, 3), position(np.int64(2), 3), position(torch.tensor(1), 3)) == (2, 2, 1)
    with pytest.raises(IndexError, match="graph 3 of 3"):
        position(3, 3, "graph")
    for wrong in (True, np.bool_(True), 1.0, np.float64(1), "1", None, torch.tensor([1]), torch.tensor(1.0)):
        with pytest.raises(DataError, match="give a whole number"):
            whole_number(wrong, "item")


class Colour(StrEnum):
    RED = "red"


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (np.float64(0.25), 0.25),
        (np.float32(0.25), 0.25),
        (np.int64(3), 3),
        (np.bool_(True), True),
        (np.str_("a"), "a"),
        (torch.tensor(3), 3),
        (torch.tensor([1.5, 2.0]), [1.5, 2.0]),
        (np.array([[1, 2]]), [[1, 2]]),
        ((np.int64(1), None, [np.float64(0.5)]), (1, None, [0.5])),
        ({"a": {"b": np.int8(1)}}, {"a": {"b": 1}}),
        (Path("a") / "b", "a/b"),
        (Colour.RED, "red"),
    ],
)
def test_plain(value: Any, wanted: Any) -> None:
    def types(item: Any) -> Any:
        if isinstance(item, dict):
            return {key: types(part) for key, part in item.items()}
        return [types(part) for part in item] if isinstance(item, list | tuple) else type(item)

    found = plain(value, "option")
    assert found == wanted
    assert (type(found), types(found)) == (type(wanted), types(wanted))


@pytest.mark.parametrize("value", [object(), {1, 2}, {"a": [lambda: 0]}, 1j, b"a", torch.nn.Linear(1, 1)])
def test_what_is_not_plain_is_refused_by_name(value: Any) -> None:
    with pytest.raises(DataError, match=r"^margin"):
        plain(value, "margin")
