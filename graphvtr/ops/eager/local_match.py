"""``local_match`` on the torch backend: matrix products over blocks of videos x nodes, everything else in the cache.

A block of videos (rows) meets a block of nodes (columns): one product gives all similarities of the block, and what
follows is elementwise over ``[videos, T, nodes]``, where the videos of a block with equally many frames T form one
dense view - no padding, no mask. Videos are taken in the order of their length to make such runs long. The backward
pass computes the similarities of a block again and needs two more products; nothing of a forward block is kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from graphvtr.ops._segments import NORM_EPS, accumulate_dtype, host_ptr, sent
from graphvtr.ops.eager import _match_math
from graphvtr.ops.eager._match_math import Options, Run
from graphvtr.ops.eager._sparse import on_cpu, owners, reduce_rows
from graphvtr.ops.products import add_times_, times

#: One caption against many videos, as a search has it: there is no product to speak of, and a block costs its calls.
FEW_NODES, FEW_NODES_ROWS = 64, 4096
#: What a block takes at its peak: copies of the elements of [rows, nodes], and of the frames' rows.
_COPIES_OF_ELEMENT, _COPIES_OF_ROW = 12, 6


def forward(
    nodes: Tensor,
    node_ptr: Tensor,
    frames: Tensor,
    frame_ptr: Tensor,
    temperature: float,
    fusion: str,
    norm: str,
    reduce: str,
    budget_bytes: int,
    *,
    math: Any = _match_math,
) -> Tensor:
    """The scores [Nv, Nt]; ``math`` has ``node_scores``."""
    options, dtype = Options(temperature, fusion, norm), accumulate_dtype(nodes.dtype)
    node_ptr, wide = node_ptr.long(), nodes.to(dtype)
    inverse = inverse_lengths(wide)
    scores = wide.new_zeros(frame_ptr.size(0) - 1, node_ptr.size(0) - 1)
    for block in blocks(frames, frame_ptr, nodes.size(0), dtype, fusion, budget_bytes, math.CPU_BLOCK):
        per_node = wide.new_empty(nodes.size(0), block.videos.size(0))
        for part in block.parts(nodes.size(0)):
            similarity = times(block.unit, wide[part]).mul_(inverse[part])  # [R, n]
            for place, view, run in block.runs_of(similarity):
                per_node[part, place] = math.node_scores(view, run, options).t()
        scores[block.videos] = reduce_rows(per_node, node_ptr, reduce).t()
    return scores.to(nodes.dtype)


def backward(
    grad: Tensor,
    nodes: Tensor,
    node_ptr: Tensor,
    frames: Tensor,
    frame_ptr: Tensor,
    temperature: float,
    fusion: str,
    norm: str,
    reduce: str,
    budget_bytes: int,
    *,
    math: Any = _match_math,
) -> tuple[Tensor, Tensor]:
    """Gradients of nodes and frames; ``math`` has ``node_gradients``."""
    options, dtype = Options(temperature, fusion, norm), accumulate_dtype(nodes.dtype)
    node_ptr, wide, grad = node_ptr.long(), nodes.to(dtype), grad.to(dtype)
    inverse, owner = inverse_lengths(wide), owners(node_ptr, nodes.size(0))
    if reduce == "mean":
        grad = grad / node_ptr.diff().clamp(min=1)
    grad_nodes, grad_frames = torch.zeros_like(wide), torch.zeros_like(frames)
    for block in blocks(frames, frame_ptr, nodes.size(0), dtype, fusion, budget_bytes, math.CPU_BLOCK):
        grad_block, grad_unit = grad.index_select(0, block.videos), torch.zeros_like(block.unit)
        for part in block.parts(nodes.size(0)):
            similarity = times(block.unit, wide[part]).mul_(inverse[part])  # [R, n]
            grad_node = grad_block.index_select(1, owner[part])  # [B, n]
            for place, view, run in block.runs_of(similarity):
                found = math.node_gradients(view, grad_node[place], run, options)
                if found is not view:
                    view.copy_(found)
            similarity.mul_(inverse[part])
            add_times_(grad_unit, similarity, wide[part].t())
            add_times_(grad_nodes[part], similarity.t(), block.unit.t())
        grad_frames[block.rows] = block.frame_gradient(grad_unit).to(frames.dtype)
    # grad_nodes is that of the unit nodes over the nodes' lengths: take out what points along the node
    along = torch.linalg.vecdot(grad_nodes, wide).mul_(inverse.square()).unsqueeze(1)
    return grad_nodes.sub_(wide * along).to(nodes.dtype), grad_frames


def inverse_lengths(x: Tensor) -> Tensor:
    """One over the length of each row; 0 for a row that counts as zero."""
    length = torch.linalg.vector_norm(x, dim=1)
    small = length <= NORM_EPS
    return length.masked_fill_(small, 1.0).reciprocal_().masked_fill_(small, 0.0)


class Block:
    """Some videos, ordered by length: their frames as unit rows, and runs of videos with equally many frames."""

    def __init__(
        self, videos: Tensor, lengths: list[int], rows: Tensor, frames: Tensor, gram: bool, limit: int
    ) -> None:
        self.videos, self.rows, self.limit = videos, rows, limit  # [B] and [R]: places in the batch
        self.inverse = inverse_lengths(frames).unsqueeze(1)
        self.raw, self.unit = frames, frames * self.inverse  # [R, D]
        self.runs: list[tuple[slice, slice, Run]] = []
        first, row = 0, 0
        while first < len(lengths):
            length, last = lengths[first], first
            while last < len(lengths) and lengths[last] == length:
                last += 1
            count = last - first
            self._add_run(slice(first, last), slice(row, row + count * length), count, gram)
            first, row = last, row + count * length

    def _add_run(self, place: slice, rows: slice, count: int, gram: bool) -> None:
        raw = self.raw[rows].view(count, -1, self.raw.size(1))  # [B, T, D]
        if not gram:
            empty = raw.new_empty(0)
            self.runs.append((place, rows, Run(empty, empty, empty, empty)))
            return
        products = torch.bmm(raw, raw.transpose(1, 2))
        norm = torch.linalg.vector_norm(raw, dim=2, keepdim=True)
        self.runs.append((place, rows, Run(norm, products, torch.zeros_like(norm), torch.zeros_like(products))))

    def parts(self, nodes: int) -> Iterator[slice]:
        """Blocks of nodes, such that a block of similarities stays below the limit of elements."""
        step = max(1, self.limit // max(1, self.rows.size(0)))
        for begin in range(0, nodes, step):
            yield slice(begin, min(begin + step, nodes))

    def runs_of(self, similarity: Tensor) -> Iterator[tuple[slice, Tensor, Run]]:
        """For each run: its videos' places in the block, its similarities as [B, T, n], and the rest of it."""
        for place, rows, run in self.runs:
            yield place, similarity[rows].view(place.stop - place.start, -1, similarity.size(1)), run

    def frame_gradient(self, grad_unit: Tensor) -> Tensor:
        """The gradient of the frames, from that of the unit frames and those collected in the runs."""
        along = torch.linalg.vecdot(grad_unit, self.unit).unsqueeze(1)
        grad = grad_unit.sub_(self.unit * along).mul_(self.inverse)
        for _, rows, run in self.runs:
            if run.gram.numel():
                raw = self.raw[rows].view(run.gram.size(0), run.gram.size(1), -1)
                extra = torch.baddbmm(
                    self.unit[rows].view_as(raw) * run.grad_norm, run.grad_gram + run.grad_gram.transpose(1, 2), raw
                )
                grad[rows].add_(extra.view(-1, raw.size(2)))
        return grad.mul_(self.inverse > 0)


def blocks(
    frames: Tensor,
    frame_ptr: Tensor,
    nodes: int,
    dtype: torch.dtype,
    fusion: str,
    budget_bytes: int,
    cpu: tuple[int, int] = _match_math.CPU_BLOCK,
) -> Iterator[Block]:
    """Blocks of videos in the order of their lengths, such that memory stays below the budget; on a CPU with at most
    ``cpu`` rows and elements."""
    size = torch.finfo(dtype).bits // 8
    max_rows = budget_bytes // (2 * _COPIES_OF_ROW * size * max(1, frames.size(1)))
    max_elements = budget_bytes // (2 * _COPIES_OF_ELEMENT * size)
    if on_cpu(frames):
        most = FEW_NODES_ROWS if nodes <= FEW_NODES else cpu[0]
        max_rows, max_elements = min(max_rows, most), min(max_elements, cpu[1])
    host = host_ptr(frame_ptr)
    begins, counts = host[:-1].tolist(), host.diff().tolist()
    length = counts[0] if counts else 0
    if length and counts.count(length) == len(counts):  # they lie as they are needed: nothing is copied
        step = max(1, max_rows // length)
        for first in range(0, len(counts), step):
            last = min(first + step, len(counts))
            rows = torch.arange(first * length, last * length, device=frames.device)
            yield Block(
                torch.arange(first, last, device=frames.device),
                [length] * (last - first),
                rows,
                frames[first * length : last * length].to(dtype),
                fusion == "embed",
                max_elements,
            )
        return
    order = sorted((video for video, count in enumerate(counts) if count), key=counts.__getitem__)
    first = 0
    while first < len(order):
        last, total = first, 0
        while last < len(order) and (last == first or total + counts[order[last]] <= max_rows):
            total, last = total + counts[order[last]], last + 1
        videos = order[first:last]
        lengths = torch.tensor([counts[video] for video in videos])
        shift = torch.tensor([begins[video] for video in videos]) - lengths.cumsum(0) + lengths
        rows = (torch.arange(total) + shift.repeat_interleave(lengths)).to(frames.device, non_blocking=True)
        yield Block(
            sent(videos, frames.device),
            [counts[video] for video in videos],
            rows,
            frames.index_select(0, rows).to(dtype),
            fusion == "embed",
            max_elements,
        )
        first = last
