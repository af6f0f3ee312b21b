"""Who parses chunks of captions: this process, several, or the tasks of a cluster."""

from __future__ import annotations

import json
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from functools import partial
from multiprocessing import get_context
from typing import Self, TypeVar

import torch

from graphvtr.cluster import Cluster
from graphvtr.ending import begin_worker, end_pool
from graphvtr.errors import DataError, GraphVTRError
from graphvtr.text.cache import iter_lists
from graphvtr.text.parser import RoleParser, get_parser
from graphvtr.text.serialise import lists_to_readable

T = TypeVar("T")


class Alone:
    """Parses in this process."""

    def __init__(self, name: str, batch_size: int) -> None:
        self._parser, self._batch_size = get_parser(name), batch_size
        self.parser = identity(self._parser)

    def run(self, chunks: Iterable[list[str]]) -> Iterator[list[str]]:
        """The lines of each chunk."""
        return (graph_lines(self._parser, chunk, self._batch_size) for chunk in chunks)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *problem: object) -> None:
        """Nothing to end."""


class OnCluster(Alone):
    """Parses by the tasks of a Ray cluster.

    Args:
        cluster: which.
        name: of the parser; a machine that has another version of it is refused.
        batch_size: captions that are worked on together.
    """

    def __init__(self, cluster: Cluster, name: str, batch_size: int) -> None:
        super().__init__(name, batch_size)
        self._cluster, self._work = cluster, partial(_parsing, name, batch_size, self.parser)

    def run(self, chunks: Iterable[list[str]]) -> Iterator[list[str]]:
        """The lines of each chunk, in order."""
        return self._cluster.run(self._work, chunks)


def _parsing(name: str, batch_size: int, wanted: str) -> Callable[[list[str]], list[str]]:
    parser = get_parser(name)
    if identity(parser) != wanted:
        problem = f"is {identity(parser)} on a machine of the cluster, and {wanted} here"
        raise DataError(f"parser '{name}'", problem, "install the same versions everywhere")
    return partial(graph_lines, parser, batch_size=batch_size)


class Workers:
    """Parses in several processes, each with a parser and its share of the processor's cores.

    Args:
        name: of the parser.
        workers: processes.
        batch_size: captions that are worked on together.
    """

    def __init__(self, name: str, workers: int, batch_size: int) -> None:
        threads = max(1, (os.cpu_count() or 1) // workers)
        self._workers = workers
        self._pool = ProcessPoolExecutor(workers, get_context("spawn"), _start, (name, batch_size, threads))
        with ExitStack() as stack:
            stack.push(self)
            self.parser = self._result(self._pool.submit(_identity))
            stack.pop_all()

    def run(self, chunks: Iterable[list[str]]) -> Iterator[list[str]]:
        """The lines of each chunk, in order; a few chunks are on their way at a time."""
        waiting: deque[Future[list[str]]] = deque()
        for chunk in chunks:
            waiting.append(self._pool.submit(_lines, chunk))
            if len(waiting) > 2 * self._workers:
                yield self._result(waiting.popleft())
        while waiting:
            yield self._result(waiting.popleft())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *problem: object) -> None:
        """End the processes, at once if something went wrong; what they have not begun is left."""
        if kind is not None:
            end_pool(self._pool)
        self._pool.shutdown(cancel_futures=True)

    @staticmethod
    def _result(future: Future[T]) -> T:
        try:
            return future.result()
        except BrokenProcessPool as error:
            raise DataError(
                "a worker process", "was killed, or ran out of memory", "run the command again, or use fewer workers"
            ) from error


def identity(parser: RoleParser) -> str:
    """Name and version of a parser."""
    return f"{parser.name} {parser.version}"


def graph_lines(parser: RoleParser, captions: list[str], batch_size: int) -> list[str]:
    """The graphs of captions as JSON."""
    return [json.dumps(lists_to_readable(lists)) for lists in iter_lists(parser, captions, batch_size)]


_worker: tuple[RoleParser | GraphVTRError, int]


def _start(name: str, batch_size: int, threads: int) -> None:
    global _worker
    begin_worker()
    torch.set_num_threads(threads)
    try:
        _worker = get_parser(name), batch_size
    except GraphVTRError as error:  # an initializer's error would be lost: the first question raises it
        _worker = error, batch_size


def _parser() -> RoleParser:
    if isinstance(_worker[0], GraphVTRError):
        raise _worker[0]
    return _worker[0]


def _identity() -> str:
    return identity(_parser())


def _lines(captions: list[str]) -> list[str]:
    return graph_lines(_parser(), captions, _worker[1])


def pool_of(by: Cluster | int, name: str, batch_size: int) -> Alone | Workers:
    """What parses by a cluster, or by so many processes."""
    if isinstance(by, Cluster):
        return OnCluster(by, name, batch_size)
    return Workers(name, by, batch_size) if by > 1 else Alone(name, batch_size)
