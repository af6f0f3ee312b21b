"""How sequences and graphs of any length lie in memory: end to end, side by side, or step by step."""

from __future__ import annotations

import torch
from torch import Tensor

from graphvtr.errors import DataError
from graphvtr.ops._segments import check_ptr, check_ptr_values, host_ptr, longest, remember_host
from graphvtr.ops.csr import counts_to_ptr


class Layout:
    """B graphs (or sequences) of up to n nodes, their features as rows ``[R, ...]``.

    Built from a mask, rows are all B * n places, of which some hold no node; built from a pointer, rows are the nodes
    end to end. The places of the latter are worked out once someone wants the graphs side by side.

    Attributes:
        ptr: [B + 1], where each graph's rows begin; None for a layout of places.
        graphs: how many, B.
    """

    def __init__(self, graphs: int, nodes: int | None, mask: Tensor | None, ptr: Tensor | None) -> None:
        self.graphs, self.ptr = graphs, ptr
        self._nodes, self._mask = nodes, mask
        self._place: Tensor | None = None

    @staticmethod
    def from_mask(x: Tensor, mask: Tensor | None) -> Layout:
        """Rows are all places of ``x`` [B, n, d]; ``mask`` [B, n] says which hold a node, all of them when None."""
        if x.dim() != 3:
            raise DataError("x", f"has shape {list(x.shape)}", "give [B, n, d], or ptr with [R, d]")
        if mask is not None and (mask.shape != x.shape[:2] or mask.dtype != torch.bool):
            raise DataError(
                "mask", f"is {mask.dtype} of shape {list(mask.shape)}", f"give bool [{x.size(0)}, {x.size(1)}]"
            )
        return Layout(x.size(0), x.size(1), mask, None)

    @staticmethod
    def from_ptr(x: Tensor, ptr: Tensor) -> Layout:
        """Rows are the nodes of all graphs end to end, graph b has ``ptr[b]:ptr[b + 1]``."""
        if x.dim() != 2:
            raise DataError("x", f"has shape {list(x.shape)}", "give [R, d] with ptr, or [B, n, d] without")
        check_ptr("ptr", ptr)
        if not torch.compiler.is_compiling():  # a compiled graph does not look at values
            check_ptr_values("ptr", ptr, x.size(0))
        return Layout(ptr.numel() - 1, None, None, ptr)

    @staticmethod
    def of(
        x: Tensor, batch: Tensor | None, ptr: Tensor | None, mask: Tensor | None, clip: Tensor | None = None
    ) -> Layout:
        """Graphs told in any way: ``x`` [B, n, d] with ``mask`` or without, or [R, d] with ``ptr`` or ``batch``.

        Raises:
            DataError: no way or more than one, or ``clip`` is not [B].
        """
        given = [name for name, value in (("batch", batch), ("ptr", ptr)) if value is not None]
        if len(given) > 1 or (not given and x.dim() != 3):
            problem = f"come together: {' and '.join(given)}" if given else f"are missing for x {list(x.shape)}"
            raise DataError("the graphs", problem, "give one of edge_index, batch and ptr, or x as [B, n, d]")
        if given and mask is not None:
            raise DataError("mask", "comes with batch or ptr", "give it with x as [B, n, d]")
        if batch is not None:
            ptr = batch_to_ptr(batch, None if clip is None else clip.numel())
        layout = Layout.from_mask(x, mask) if ptr is None else Layout.from_ptr(x, ptr)
        if clip is not None and clip.shape != (layout.graphs,):
            raise DataError("clip", f"has shape {list(clip.shape)}", f"give the clip of each of {layout.graphs} frames")
        return layout

    @property
    def nodes(self) -> int:
        """n, nodes of the largest graph."""
        if self._nodes is None:
            self._find_places()
        assert self._nodes is not None
        return self._nodes

    @property
    def mask(self) -> Tensor | None:
        """[B, n] of bool, which places hold a node; None when all do."""
        if self._nodes is None:
            self._find_places()
        return self._mask

    @property
    def row_mask(self) -> Tensor | None:
        """[R], which rows are nodes; None when all are."""
        return self._mask.flatten() if self._mask is not None and self.ptr is None else None

    def pad(self, rows: Tensor) -> Tensor:
        """[R, ...] -> [B, n, ...], 0 where there is no node."""
        shape = (self.graphs, self.nodes, *rows.shape[1:])
        if self._place is None:
            # flat first: split straight away, rows of [B, n, d] bind n to d, and torch.export refuses Dim("n")
            return rows.reshape(-1).view(shape)
        padded = rows.new_zeros((self.graphs * self.nodes, *rows.shape[1:]))
        return padded.index_copy(0, self._place, rows).view(shape)

    def unpad(self, dense: Tensor) -> Tensor:
        """[B, n, ...] -> [R, ...]."""
        rows = dense.reshape(self.graphs * self.nodes, *dense.shape[2:])
        return rows if self._place is None else rows.index_select(0, self._place)

    def ends(self, device: torch.device) -> tuple[Tensor, Tensor | None]:
        """Where each graph's nodes begin among those there are [B + 1], and which rows those are; None for all."""
        if self.ptr is not None:
            return self.ptr, None
        if self._mask is None:
            return torch.arange(self.graphs + 1, device=device) * self.nodes, None
        return counts_to_ptr(self._mask.sum(1)), self._mask.flatten().nonzero().flatten()

    def _find_places(self) -> None:
        """Where the rows of a pointer stand: row r of graph b at ``b * n + r - ptr[b]``."""
        assert self.ptr is not None
        count, host = self.ptr.diff(), host_ptr(self.ptr)
        self._nodes, total = longest(self.ptr), int(host[-1])
        if self.graphs * self._nodes == total:  # no graph is smaller than the largest: the rows are the places
            return
        shift = torch.arange(self.graphs, device=count.device) * self._nodes - self.ptr[:-1]
        row = torch.arange(total, device=count.device)
        self._place = row + torch.repeat_interleave(shift, count, output_size=total)
        self._mask = torch.arange(self._nodes, device=count.device) < count[:, None]


def batch_to_ptr(batch: Tensor, num_graphs: int | None = None) -> Tensor:
    """Where each graph's nodes begin, from the graph of each node.

    Args:
        batch: [R], sorted.
        num_graphs: number of graphs; the largest entry plus one when None.

    Raises:
        DataError: (on a CPU) ``batch`` is not sorted.
    """
    looks = batch.device.type == "cpu" and batch.numel() > 1 and not torch.compiler.is_compiling()
    if looks and bool((batch.diff() < 0).any()):
        raise DataError("batch", "is not sorted", "put the nodes of one graph next to each other")
    if num_graphs is None:
        num_graphs = int(batch[-1]) + 1 if batch.numel() else 0
    ptr = torch.searchsorted(batch.contiguous(), torch.arange(num_graphs + 1, device=batch.device))
    host = getattr(batch, "_host", None)
    if host is not None:  # known before the graph moved to its device
        remember_host(ptr, batch_to_ptr(host, num_graphs))
    return ptr


def first_rows(ptr: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The first ``count`` rows of every sequence [R'], and where each sequence's begin among them [N + 1]."""
    host = host_ptr(ptr)
    step = torch.arange(count)
    rows = (host[:-1, None] + step)[step < host.diff()[:, None]]
    kept = counts_to_ptr(host.diff().clamp(max=count))
    out = kept.to(ptr.device, non_blocking=True)
    remember_host(out, kept)
    return rows.to(ptr.device, non_blocking=True), out
