from __future__ import annotations

import pytest
import torch
from torch.nn.utils.rnn import pack_sequence

from graphvtr.errors import DataError
from graphvtr.ops import complete_edges, edges_to_csr, index_to_ptr
from graphvtr.ops.csr import counts_to_ptr, inverse_order, select_rows, time_major


@pytest.mark.parametrize("dtype", [torch.int32, torch.int64])
def test_pointer_of_a_sorted_index(dtype) -> None:
    index = torch.tensor([1, 1, 1, 3], dtype=dtype)
    ptr = index_to_ptr(index, 5)
    assert ptr.tolist() == [0, 0, 3, 3, 4, 4]
    assert torch.repeat_interleave(ptr.diff()).tolist() == index.tolist()
    assert index_to_ptr(torch.empty(0, dtype=dtype), 2).tolist() == [0, 0, 0]
    assert index_to_ptr(torch.empty(0, dtype=dtype), 0).tolist() == [0]


def test_edges_are_sorted_by_destination_and_keep_their_order() -> None:
    edge_index = torch.randint(7, (2, 40))
    ptr, col, order = edges_to_csr(edge_index, 9)
    assert ptr.numel() == 10
    assert torch.equal(col, edge_index[0, order])
    for node in range(9):
        mine = order[ptr[node] : ptr[node + 1]]
        assert mine.tolist() == (edge_index[1] == node).nonzero().flatten().tolist()


def test_complete_edges_connect_every_pair_of_a_segment_and_no_other() -> None:
    ptr = torch.tensor([0, 3, 3, 4], dtype=torch.int32)
    edge_ptr, col = complete_edges(ptr)
    pairs = list(zip(torch.repeat_interleave(edge_ptr.diff()).tolist(), col.tolist(), strict=True))
    assert pairs == [(i, j) for i in range(3) for j in range(3)] + [(3, 3)]


@pytest.mark.parametrize("counts", [[3, 0, 5, 1], [2, 2], [4]])
def test_time_major_is_a_packed_sequence(counts: list[int]) -> None:
    x = torch.arange(sum(counts))
    order, sizes = time_major(counts_to_ptr(torch.tensor(counts)))
    packed = pack_sequence([part for part in x.split(counts) if len(part)], enforce_sorted=False)
    assert sizes.tolist() == packed.batch_sizes.tolist()
    assert x[order].tolist() == packed.data.tolist()
    assert torch.equal(order[inverse_order(order)], x)


def test_bad_input_is_named() -> None:
    with pytest.raises(DataError, match=r"^index: "):
        index_to_ptr(torch.ones(2), 3)
    with pytest.raises(DataError, match=r"^edge_index: "):
        edges_to_csr(torch.zeros(3, 4, dtype=torch.long), 2)
    with pytest.raises(DataError, match=r"^edge_index: "):
        edges_to_csr(torch.zeros(2, 4), 2)
    with pytest.raises(DataError, match=r"^ptr: "):
        complete_edges(torch.zeros(2, 4))


@pytest.mark.parametrize("index", [[], [2], [3, 0, 0, 1], [1, 1]])
def test_rows_of_some_segments(index: list[int]) -> None:
    ptr = torch.tensor([0, 3, 3, 5, 9])
    rows, begins = select_rows(ptr, torch.tensor(index, dtype=torch.long))
    parts = [list(range(int(ptr[one]), int(ptr[one + 1]))) for one in index]
    assert rows.tolist() == [row for part in parts for row in part]
    assert begins.diff().tolist() == [len(part) for part in parts]
