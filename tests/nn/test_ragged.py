from __future__ import annotations

import pytest
import torch

from graphvtr.errors import DataError
from graphvtr.nn.ragged import Layout, batch_to_ptr, first_rows
from graphvtr.ops._segments import host_ptr, longest, remember_host

COUNTS = [[3, 0, 5, 1], [2, 2], [0, 0], [0], [], [4]]


def make_ptr(counts: list[int]) -> torch.Tensor:
    return torch.tensor([0, *counts]).cumsum(0)


@pytest.mark.parametrize("counts", COUNTS)
def test_pad_and_back(counts: list[int]) -> None:
    x = torch.randn(sum(counts), 2, requires_grad=True)
    layout = Layout.from_ptr(x, make_ptr(counts))
    dense = layout.pad(x)
    assert dense.shape == (len(counts), max(counts, default=0), 2)
    for row, part in zip(dense, x.split(counts), strict=True):
        assert torch.equal(row[: len(part)], part)
        assert (row[len(part) :] == 0).all()
    assert torch.equal(layout.unpad(dense), x)
    if layout.mask is not None:
        assert layout.mask.sum(1).tolist() == counts
    layout.unpad(dense * 3).sum().backward()
    assert (x.grad == 3).all()


def test_places_of_a_mask() -> None:
    x, mask = torch.randn(2, 3, 4), torch.tensor([[True, False, True], [True, True, True]])
    layout = Layout.from_mask(x, mask)
    assert torch.equal(layout.pad(x.flatten(0, 1)), x)
    assert torch.equal(layout.row_mask, mask.flatten())
    assert Layout.from_mask(x, None).row_mask is None


@pytest.mark.parametrize("counts", COUNTS)
def test_first_rows(counts: list[int]) -> None:
    rows, ptr = first_rows(make_ptr(counts), 2)
    parts = torch.arange(sum(counts)).split(counts) if counts else []
    assert rows.tolist() == [row for part in parts for row in part[:2].tolist()]
    assert ptr.diff().tolist() == [min(2, count) for count in counts]


def test_batch_to_ptr() -> None:
    assert batch_to_ptr(torch.tensor([0, 0, 2])).tolist() == [0, 2, 2, 3]
    assert batch_to_ptr(torch.tensor([0, 0, 2]), 5).tolist() == [0, 2, 2, 3, 3, 3]
    assert batch_to_ptr(torch.tensor([], dtype=torch.long)).tolist() == [0]
    with pytest.raises(DataError, match="batch: is not sorted"):
        batch_to_ptr(torch.tensor([1, 0]))


def test_what_was_read_on_the_cpu_is_not_read_again() -> None:
    """A device's pointer takes its values along: ``meta`` has none to give."""
    ptr = make_ptr([3, 0, 5])
    moved = ptr.to("meta")
    remember_host(moved, ptr)
    assert torch.equal(host_ptr(moved), ptr)
    assert longest(moved) == longest(ptr) == 5
    batch = torch.tensor([0, 0, 2])
    elsewhere = batch.to("meta")
    elsewhere._host = batch
    assert longest(batch_to_ptr(elsewhere, 3)) == 2
    with pytest.raises(NotImplementedError):
        longest(ptr.to("meta"))
