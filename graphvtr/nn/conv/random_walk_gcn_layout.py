"""How the regions of many frames lie in memory, and how they come to stand side by side."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from graphvtr.errors import DataError
from graphvtr.ops._segments import check_ptr, check_ptr_values


@dataclass(frozen=True)
class Layout:
    """B graphs of up to n nodes, their features as rows ``[R, ...]``.

    Attributes:
        graphs: B.
        nodes: n, nodes of the largest graph.
        mask: [B, n] of bool, which places hold a node; None when all do.
        place: [R], the place ``b * n + i`` of each row; None when the rows are the B * n places in order.
    """

    graphs: int
    nodes: int
    mask: Tensor | None = None
    place: Tensor | None = None

    @staticmethod
    def from_mask(x: Tensor, mask: Tensor | None) -> Layout:
        """Rows are all places of ``x`` [B, n, d]."""
        if x.dim() != 3:
            raise DataError("x", f"has shape {list(x.shape)}", "give [B, n, d], or ptr with [R, d]")
        if mask is not None and (mask.shape != x.shape[:2] or mask.dtype != torch.bool):
            raise DataError(
                "mask", f"is {mask.dtype} of shape {list(mask.shape)}", f"give bool [{x.size(0)}, {x.size(1)}]"
            )
        return Layout(x.size(0), x.size(1), mask)

    @staticmethod
    def from_ptr(x: Tensor, ptr: Tensor) -> Layout:
        """Rows are the nodes of all graphs end to end, graph b has ``ptr[b]:ptr[b + 1]``."""
        if x.dim() != 2:
            raise DataError("x", f"has shape {list(x.shape)}", "give [R, d] with ptr, or [B, n, d] without")
        check_ptr("ptr", ptr)
        check_ptr_values("ptr", ptr, x.size(0))
        count = ptr.diff()
        graphs = count.numel()
        nodes = int(count.max()) if graphs else 0
        if graphs * nodes == x.size(0):  # no graph is smaller than the largest: the rows are the places
            return Layout(graphs, nodes)
        shift = torch.arange(graphs, device=ptr.device) * nodes - ptr[:-1]
        place = torch.arange(x.size(0), device=ptr.device) + torch.repeat_interleave(
            shift, count, output_size=x.size(0)
        )
        return Layout(graphs, nodes, torch.arange(nodes, device=ptr.device) < count[:, None], place)

    def pad(self, rows: Tensor) -> Tensor:
        """[R, ...] -> [B, n, ...], 0 where there is no node."""
        shape = (self.graphs, self.nodes, *rows.shape[1:])
        if self.place is None:
            return rows.view(shape)
        padded = rows.new_zeros((self.graphs * self.nodes, *rows.shape[1:]))
        return padded.index_copy(0, self.place, rows).view(shape)

    def unpad(self, dense: Tensor) -> Tensor:
        """[B, n, ...] -> [R, ...]."""
        rows = dense.reshape(self.graphs * self.nodes, *dense.shape[2:])
        return rows if self.place is None else rows.index_select(0, self.place)

    @property
    def count(self) -> Tensor | int:
        """Nodes of each graph, at least 1, as [B, 1, 1] or one number for all."""
        return max(self.nodes, 1) if self.mask is None else self.mask.sum(1).clamp(min=1)[:, None, None]

    @property
    def row_mask(self) -> Tensor | None:
        """[R], which rows are nodes; None when all are."""
        return self.mask.flatten() if self.mask is not None and self.place is None else None


def batch_to_ptr(batch: Tensor, num_graphs: int | None = None) -> Tensor:
    """Where each graph's nodes begin, from the graph of each node.

    Args:
        batch: [R], sorted.
        num_graphs: number of graphs; the largest entry plus one when None.

    Raises:
        DataError: (on a CPU) ``batch`` is not sorted.
    """
    if batch.device.type == "cpu" and batch.numel() > 1 and bool((batch.diff() < 0).any()):
        raise DataError("batch", "is not sorted", "put the nodes of one graph next to each other")
    if num_graphs is None:
        num_graphs = int(batch[-1]) + 1 if batch.numel() else 0
    return torch.searchsorted(batch.contiguous(), torch.arange(num_graphs + 1, device=batch.device))
