"""Batches cut ahead of time by threads."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sized
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from threading import Thread
from typing import Any, Generic, TypeVar

import torch

T = TypeVar("T")


class BatchLoader(Generic[T]):
    """``cut(index)`` for every index of a sampler, in its order, with ``workers`` threads at work ahead of time.

    Threads, not processes: cutting a packed batch is a few calls that read or copy without holding Python's lock, so
    that threads work in parallel and hand over a batch without copying it from process to process, share one index
    of the files, and start in no time. Lightning takes such a loader like torch's.

    Args:
        cut: makes a batch of an entry of the sampler; called by several threads at a time.
        sampler: what to cut, one entry a batch; also :attr:`sampler`, where Lightning sets the epoch.
        workers: threads; 0 cuts each batch when it is asked for.
        ahead: batches cut or being cut before they are asked for; ``workers + 1`` by default. Memory holds these
            and those that the consumer keeps, however many batches there are.

    Example:
        >>> loader = BatchLoader(lambda index: index * index, range(5), workers=2)
        >>> list(loader), len(loader)
        ([0, 1, 4, 9, 16], 5)
    """

    def __init__(
        self, cut: Callable[[Any], T], sampler: Iterable[Any], workers: int = 0, ahead: int | None = None
    ) -> None:
        self.cut, self.sampler, self.workers = cut, sampler, workers
        self.batch_sampler = None  # Lightning looks for it beside `sampler`
        self.ahead = workers + 1 if ahead is None else max(ahead, 1)

    def __len__(self) -> int:
        if not isinstance(self.sampler, Sized):
            raise TypeError("the sampler has no length")
        return len(self.sampler)

    def __iter__(self) -> Iterator[T]:
        if not self.workers:
            yield from map(self.cut, self.sampler)
            return
        pool = ThreadPoolExecutor(
            self.workers, thread_name_prefix="batches", initializer=_one_thread, initargs=(torch.get_num_threads(),)
        )
        try:
            entries = iter(self.sampler)
            waiting: deque[Future[T]] = deque(pool.submit(self.cut, entry) for entry in islice(entries, self.ahead))
            while waiting:
                batch = waiting.popleft().result()
                waiting.extend(pool.submit(self.cut, entry) for entry in islice(entries, 1))
                yield batch
                del batch  # its memory may serve the next one
        finally:  # also when the consumer stops early
            pool.shutdown(wait=True, cancel_futures=True)


def _one_thread(others: int) -> None:
    """Let torch compute with one thread in this one, as in the worker processes of torch's loader; else every worker
    would keep threads of its own, one for each core. ``set_num_threads`` also sets what threads that begin later get:
    this is put back to ``others``."""
    torch.get_num_threads()  # else the first computation would set this thread's number to that of others
    torch.set_num_threads(1)
    thread = Thread(target=torch.set_num_threads, args=(others,))
    thread.start()
    thread.join()
