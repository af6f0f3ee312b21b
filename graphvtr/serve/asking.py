"""Queries that come together are answered together: one thread searches, whoever asks waits."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from graphvtr.errors import DataError
from graphvtr.recent import Recent

MOST = 32
WAITING = 1000
KEPT = 512


class BusyError(DataError):
    """More wait than can be answered in time."""


@dataclass
class _Question:
    """What is to be done, and who waits for it."""

    method: str
    args: tuple[Any, ...]
    options: dict[str, Any]
    finish: Callable[[Any], Any]
    graph_of: str = ""
    future: Future[Any] = field(default_factory=Future)

    @property
    def sentence(self) -> str:
        """What is to be read for it, if anything."""
        return self.args[0] if self.method == "search" else self.graph_of

    @property
    def kind(self) -> str:
        """What questions must have in common to be searched together."""
        return repr((self.args[1:], self.options))


class Asker:
    """A thread that owns an index, and does all that takes long: threads beside each other would wait for the
    interpreter at every step of a model.

    Sentences that wait are parsed and encoded together, and searched in batches of equal options; a sentence whose
    answer is known is not searched again. Anything else is called one by one, what a person who types waits for first.
    The index is looked at anew before each batch, so that a change on disk is taken up, and an index that is gone is an
    error of the query, not of the server.

    Args:
        index: of :func:`graphvtr.search.open_index`.
    """

    def __init__(self, index: Any) -> None:
        self.index = index
        self._queue: queue.Queue[_Question | None] = queue.Queue(WAITING)
        self._known: Recent[tuple[str, str], Any] = Recent(KEPT)
        self._thread = threading.Thread(target=self._run, name="search", daemon=True)
        self._thread.start()

    def ask(
        self,
        method: str,
        *args: Any,
        finish: Callable[[Any], Any] = lambda found: found,
        graph_of: str = "",
        **options: Any,
    ) -> Future[Any]:
        """Call a method of the index; ``search`` of one sentence is put together with others of the same options.

        Args:
            method: its name; with ``""`` there is only ``finish``.
            args, options: its arguments.
            finish: what becomes of the result, in the thread too.
            graph_of: a sentence whose role graph ``finish`` asks the index's encoder for.

        Raises:
            BusyError: too many wait.
        """
        question = _Question(method, args, options, finish, graph_of)
        try:
            self._queue.put_nowait(question)
        except queue.Full:
            raise BusyError("server", "is busy", "ask again in a moment") from None
        return question.future

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
            batch = [self._queue.get()]
            with suppress(queue.Empty):
                while len(batch) < MOST and batch[-1] is not None:
                    batch.append(self._queue.get_nowait())
            waiting = [one for one in batch if one is not None and one.future.set_running_or_notify_cancel()]
            self._read(waiting)
            groups: dict[str, list[_Question]] = {}
            for number, question in enumerate(sorted(waiting, key=lambda one: bool(one.method))):
                key = question.kind if question.method == "search" else str(number)
                groups.setdefault(key, []).append(question)
            for group in groups.values():
                self._answer(group)
            if batch[-1] is None:
                return

    def _read(self, waiting: list[_Question]) -> None:
        """Let the encoder read the sentences of all, whatever their options: it remembers them."""
        if hasattr(self.index, "parts"):  # every shard reads for itself
            return
        sentences = list(dict.fromkeys(one.sentence for one in waiting if one.sentence))
        if len(sentences) > 1:
            with suppress(Exception):  # what is wrong with one of them is said when its turn comes
                self.index.encoder.graphs(sentences)
                self.index.encoder.read([one.sentence for one in waiting if one.method == "search"])

    def _answer(self, group: list[_Question]) -> None:
        first = group[0]
        try:
            if first.method and self.index.refresh():
                self._known.clear()
            if first.method == "search":
                found = self._search(group)
            else:
                found = [getattr(self.index, first.method)(*first.args, **first.options) if first.method else None]
        except Exception as error:
            if len(group) > 1:  # one of them is at fault: the others shall not suffer
                for question in group:
                    self._answer([question])
                return
            first.future.set_exception(error)
            return
        for question, result in zip(group, found, strict=True):
            try:
                question.future.set_result(question.finish(result))
            except Exception as error:
                question.future.set_exception(error)

    def _search(self, group: list[_Question]) -> list[Any]:
        """Results of sentences of the same options; those that were asked before are known."""
        kind = group[0].kind
        new = list(dict.fromkeys(one.args[0] for one in group if (one.args[0], kind) not in self._known))
        if new:
            answers = self.index.search(new, *group[0].args[1:], **group[0].options)
            for query, results in zip(new, answers, strict=True):
                self._known[query, kind] = results
        found = [self._known[one.args[0], kind] for one in group]
        for one, results in zip(group, found, strict=True):
            if results.missing:  # of an index in shards: next time they may answer
                self._known.discard((one.args[0], kind))
        return found
