"""Batches in order, cut by threads ahead of time, and no further ahead than asked."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

pytest.importorskip("pytorch_lightning")
from graphvtr.tasks.loader import BatchLoader


@pytest.mark.parametrize("workers", [0, 1, 3, 50])
def test_everything_in_order_every_time(workers: int) -> None:
    def cut(index: int) -> int:
        time.sleep(0.001 * (index % 3))  # later ones finish first
        return index * index

    loader = BatchLoader(cut, range(20), workers)
    assert len(loader) == 20
    for _ in range(2):
        assert list(loader) == [index * index for index in range(20)]
    assert list(BatchLoader(cut, [], workers)) == []


def test_threads_work_at_the_same_time() -> None:
    together = threading.Barrier(3, timeout=120)
    assert list(BatchLoader(lambda index: together.wait() >= 0, range(6), workers=3)) == [True] * 6


@pytest.mark.parametrize(("workers", "ahead", "most"), [(2, None, 3), (2, 1, 1), (4, 6, 6), (0, 5, 0)])
def test_no_further_ahead_than_asked(workers: int, ahead: int | None, most: int) -> None:
    begun: list[int] = []
    loader = BatchLoader(lambda index: begun.append(index) or index, range(100), workers, ahead)
    for taken in loader:
        assert len(begun) <= taken + 1 + most
        if taken == 30:
            break
    assert len(begun) <= 31 + most  # and none are begun once nobody asks


@pytest.mark.parametrize("workers", [0, 2])
def test_errors_come_with_their_batch(workers: int) -> None:
    def cut(index: int) -> int:
        if index == 3:
            raise ValueError("batch 3 is broken")
        return index

    taken = []
    with pytest.raises(ValueError, match="batch 3 is broken"):
        taken.extend(BatchLoader(cut, range(10), workers))
    found = iter(BatchLoader(cut, range(10), workers))
    assert [next(found) for _ in range(3)] == [0, 1, 2]


def test_no_threads_are_left() -> None:
    before = threading.active_count()
    for _ in BatchLoader(lambda index: index, range(100), workers=4):
        break
    end = time.monotonic() + 60
    while threading.active_count() > before and time.monotonic() < end:
        time.sleep(0.01)
    assert threading.active_count() <= before


def test_a_worker_computes_with_one_thread_and_others_as_before() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        assert set(BatchLoader(lambda index: torch.get_num_threads(), range(6), workers=2)) == {1}
        assert torch.get_num_threads() == 3
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(torch.get_num_threads).result() == 3
    finally:
        torch.set_num_threads(before)
