"""Ragged segments as dense batches without padding: segments with equally many rows go together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from graphvtr.ops._segments import host_ptr, sent


@dataclass
class Group:
    """``count`` segments of ``length`` rows each; ``rows`` says which rows of the flat tensors."""

    count: int
    length: int
    rows: slice | Tensor

    def take(self, x: Tensor) -> Tensor:
        """The group's rows of ``x`` [R, ...] as [count, length, ...]: a view where they lie together."""
        rows = x[self.rows] if isinstance(self.rows, slice) else x.index_select(0, self.rows)
        return rows.view(self.count, self.length, *x.shape[1:])

    def of_equal(self, x: Tensor) -> Tensor:
        """The group's entries of ``x`` [segments, ...], where all segments have one length."""
        assert isinstance(self.rows, slice)
        first = self.rows.start // self.length
        return x[first : first + self.count]

    def product(self, x: Tensor, a: Tensor, b: Tensor) -> None:
        """Write the products ``a @ b`` to the group's rows of ``x``: in place where they lie together."""
        if isinstance(self.rows, slice) and x.dtype == a.dtype:
            torch.bmm(a, b, out=self.take(x))
        else:
            self.put(x, torch.bmm(a, b))

    def put(self, x: Tensor, value: Tensor) -> None:
        """Write [count, length, ...] to the group's rows of ``x``."""
        x[self.rows] = value.reshape(-1, *x.shape[1:]).to(x.dtype)


def groups(ptr: Tensor, max_rows: int) -> Iterator[Group]:
    """Cover all segments that are not empty; a group has at most ``max_rows`` rows, or one segment."""
    host = host_ptr(ptr)
    begins, counts = host[:-1].tolist(), host.diff().tolist()
    order = sorted((segment for segment, count in enumerate(counts) if count), key=counts.__getitem__)
    first = 0
    while first < len(order):
        length, last = counts[order[first]], first
        most = max(1, max_rows // length)
        while last < len(order) and last - first < most and counts[order[last]] == length:
            last += 1
        chosen = order[first:last]
        begin = begins[chosen[0]]
        if begins[chosen[-1]] == begin + length * (len(chosen) - 1):
            yield Group(len(chosen), length, slice(begin, begin + length * len(chosen)))
        else:
            starts = sent([begins[segment] for segment in chosen], ptr.device)
            rows = (starts.unsqueeze(1) + torch.arange(length, device=ptr.device)).flatten()
            yield Group(len(chosen), length, rows)
        first = last
