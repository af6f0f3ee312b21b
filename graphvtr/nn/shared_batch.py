"""One batch encoded by several processes, each its share, with the loss and the gradients of one process.

Every process encodes some of the videos and some of the captions, gathers the embeddings of all, and computes the loss
of the whole batch, so that all pairs are there: N processes with a share of a batch each equal one process with all of
it. What must be known of all rows at once, the statistics of a batch normalisation, is summed over the processes too.

The gradients are those for a strategy that averages the parameters' gradients over the processes, as
``DistributedDataParallel`` does: what flows back into an own embedding is multiplied by N, since the other processes
add nothing to it; parameters of the loss itself have the same gradient everywhere, and their mean is that.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from graphvtr.nn.levels import Level, LevelEmbeddings
from graphvtr.ops.csr import counts_to_ptr

_counts: ContextVar[bool | None] = ContextVar("counts", default=None)  # do the rows of this process count?


def ranks() -> tuple[int, int]:
    """This process's number and how many there are; (0, 1) without a process group."""
    if dist.is_available() and dist.is_initialized():
        return dist.get_rank(), dist.get_world_size()
    return 0, 1


@contextmanager
def process_group(device: str = "cpu") -> Iterator[tuple[int, str]]:
    """Within, the processes that torchrun has started can talk to each other; without torchrun there is one.

    Args:
        device: ``cpu`` or ``cuda``.

    Returns:
        This process's number and device.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield 0, device
        return
    if device == "cuda":
        device = f"cuda:{os.environ.get('LOCAL_RANK', '0')}"
        torch.cuda.set_device(device)
    dist.init_process_group("gloo" if device == "cpu" else "nccl")
    try:
        yield dist.get_rank(), device
    finally:
        dist.destroy_process_group()


def shares(count: int, parts: int) -> list[int]:
    """How many of ``count`` items each of ``parts`` processes takes.

    Example:
        >>> shares(7, 3), shares(1, 2)
        ([2, 2, 3], [0, 1])
    """
    ends = [count * part // parts for part in range(parts + 1)]
    return [end - begin for begin, end in itertools.pairwise(ends)]


def batch_shares(count: int, batch_size: int, parts: int) -> list[list[Tensor]]:
    """Batches of 0..count-1 for each of ``parts`` processes: consecutive ones, so that joined they are in order, and
    whole, so that they are the same however many processes there are."""
    batches = list(torch.arange(count).split(batch_size))
    ends = [0, *itertools.accumulate(shares(len(batches), parts))]
    return [batches[begin:end] for begin, end in itertools.pairwise(ends)]


@contextmanager
def shared(counts: bool = True) -> Iterator[None]:
    """Within, an encoder sees a share of a batch: batch normalisation takes its statistics over all processes.

    Args:
        counts: False where a process has no item of its own and encodes one of another process for company, which
            every collective call needs; it then adds nothing to the statistics.
    """
    token = _counts.set(counts)
    try:
        yield
    finally:
        _counts.reset(token)


def is_shared() -> bool:
    """Whether an encoder sees a share of a batch, see :func:`shared`."""
    return _counts.get() is not None and ranks()[1] > 1


def gather(own: LevelEmbeddings, counts: Sequence[int]) -> LevelEmbeddings:
    """The embeddings of all processes, in their order, with gradients.

    Args:
        own: embeddings of this process; where it has none, of one item that is left out.
        counts: items of every process.
    """
    mine = counts[ranks()[0]]
    found: dict[str, Level] = {}
    for name, level in own.items():
        if not mine:
            level = level.select(torch.empty(0, dtype=torch.long, device=level.x.device))
        if level.ptr is None:
            found[name] = Level(gather_rows(level.x, counts))
            continue
        sizes = gather_rows(level.ptr.diff(), counts)
        rows = [int(part.sum()) for part in sizes.split(list(counts))]
        found[name] = Level(gather_rows(level.x, rows), counts_to_ptr(sizes))
    return LevelEmbeddings(**found)


def gather_rows(own: Tensor, counts: Sequence[int]) -> Tensor:
    """The rows of all processes, in their order: [sum of counts, ...] from [own count, ...], with gradients."""
    if not max(counts):
        return own
    found: Tensor = _GatherRows.apply(own, tuple(counts))
    return found


def sum_over_ranks(own: Tensor) -> Tensor:
    """The sum over the processes, with gradients: what flows back is summed too."""
    found: Tensor = _Sum.apply(own)
    return found


def statistics(rows: Tensor) -> tuple[Tensor, Tensor, int]:
    """Mean [C], variance [C] (with 1 / n) and number of the rows [n, C] of all processes."""
    weight = 1.0 if _counts.get() else 0.0
    total = sum_over_ranks(torch.cat([rows.sum(0) * weight, rows.new_tensor([len(rows) * weight])]))
    count = int(total[-1])
    mean = total[:-1] / max(count, 1)
    variance = sum_over_ranks((rows - mean).square().sum(0) * weight) / max(count, 1)
    return mean, variance, count


class _GatherRows(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, own: Tensor, counts: tuple[int, ...]) -> Tensor:
        rank = dist.get_rank()
        ctx.begin, ctx.count, ctx.ranks = sum(counts[:rank]), counts[rank], len(counts)
        padded = own.new_zeros(max(counts), *own.shape[1:])
        padded[: len(own)] = own
        parts = [torch.empty_like(padded) for _ in counts]
        dist.all_gather(parts, padded)
        return torch.cat([part[:count] for part, count in zip(parts, counts, strict=True)])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0][ctx.begin : ctx.begin + ctx.count] * ctx.ranks, None


class _Sum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, own: Tensor) -> Tensor:
        return _summed(own)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return _summed(gradients[0])


def _summed(own: Tensor) -> Tensor:
    total = own.clone(memory_format=torch.contiguous_format)
    dist.all_reduce(total)
    return total
