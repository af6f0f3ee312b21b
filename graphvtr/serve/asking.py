"""Queries that come together are answered together: one thread searches, whoever asks waits."""

from __future__ import annotations

import queue
import threading
from concurrent.futures import Future
from typing import Any

from graphvtr.errors import DataError

MOST = 32
WAITING = 1000


class BusyError(DataError):
    """More wait than can be answered in time."""


class Asker:
    """A thread that owns an index.

    Sentences that wait are searched in batches; anything else is called one by one. The index is looked at anew before
    each batch, so that a change on disk is taken up, and an index that is gone is an error of the query, not of the
    server.

    Args:
        index: of :func:`graphvtr.search.open_index`.
    """

    def __init__(self, index: Any) -> None:
        self.index = index
        self._queue: queue.Queue[tuple[str, tuple[Any, ...], dict[str, Any], Future[Any]] | None] = queue.Queue(WAITING)
        self._thread = threading.Thread(target=self._run, name="search", daemon=True)
        self._thread.start()

    def ask(self, method: str, *args: Any, **options: Any) -> Future[Any]:
        """Call a method of the index; ``search`` of one sentence is put together with others of the same options.

        Raises:
            BusyError: too many wait.
        """
        future: Future[Any] = Future()
        try:
            self._queue.put_nowait((method, args, options, future))
        except queue.Full:
            raise BusyError("server", "is busy", "ask again in a moment") from None
        return future

    @property
    def waiting(self) -> int:
        """Questions in the queue."""
        return self._queue.qsize()

    def close(self) -> None:
        """End the thread."""
        self._queue.put(None)
        self._thread.join(5)

    def _run(self) -> None:
        while True:
            first = self._queue.get()
            if first is None:
                return
            batch, last = [first], False
            while len(batch) < MOST:
                try:
                    more = self._queue.get_nowait()
                except queue.Empty:
                    break
                if more is None:
                    last = True
                    break
                batch.append(more)
            groups: dict[Any, list[Any]] = {}
            for entry in batch:
                if entry[3].cancelled():  # who asked has given up
                    continue
                key = repr((entry[1][1:], entry[2])) if entry[0] == "search" else id(entry)
                groups.setdefault(key, []).append(entry)
            for group in groups.values():
                self._answer(group)
            if last:
                return

    def _answer(self, group: list[Any]) -> None:
        method, args, options, _ = group[0]
        try:
            self.index.refresh()
            if method != "search":
                found = [getattr(self.index, method)(*args, **options)]
            else:
                found = self.index.search([entry[1][0] for entry in group], *args[1:], **options)
        except Exception as error:
            if len(group) > 1:  # one of them is at fault: the others shall not suffer
                for entry in group:
                    self._answer([entry])
                return
            _settle(group[0][3], error=error)
            return
        for entry, result in zip(group, found, strict=True):
            _settle(entry[3], result)


def _settle(future: Future[Any], result: Any = None, error: Exception | None = None) -> None:
    if future.set_running_or_notify_cancel():
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)
