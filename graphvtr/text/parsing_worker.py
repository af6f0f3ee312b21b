"""The bundled parser in a process of its own, which imports no torch: both sides.

Who begins with a sentence can have it parsed while it imports torch itself (:mod:`graphvtr.search.ahead`).
"""

from __future__ import annotations

import os
import queue
import signal
import sys
import threading
import warnings
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from graphvtr.errors import DataError
from graphvtr.text.allennlp_worker import answers, serve
from graphvtr.text.graph_lists import GraphLists
from graphvtr.text.parser import BATCH_SIZE, ListParser
from graphvtr.text.serialise import lists_from_dict, lists_to_dict
from graphvtr.text.spacy_parser import SpacyRoleParser
from graphvtr.worker_process import WorkerProcess


class WorkerParser(ListParser):
    """The parser of a worker. Where the worker fails, or says that a caption is wrong, this process parses instead.

    Args:
        worker: that runs :func:`main`.
        first: sentences that it was sent already, and the number of that question.

    Raises:
        DataError: the worker does not start.
    """

    name = SpacyRoleParser.name

    def __init__(self, worker: WorkerProcess, first: tuple[Sequence[str], int] | None = None) -> None:
        self.version = worker.start()
        self._worker, self._first = worker, first
        self._own: SpacyRoleParser | None = None

    def sentences(self, captions: Iterable[str], batch_size: int) -> Iterator[GraphLists]:
        """Each caption's graph as lists; see :class:`~graphvtr.text.SpacyRoleParser`."""
        captions, done = list(captions), 0
        while self._own is None and done < len(captions):
            try:
                part = list(map(lists_from_dict, self._ask(captions[done : done + batch_size])))
            except DataError:
                self._worker.close()
                self._own = SpacyRoleParser()
            else:
                yield from part
                done += len(part)
        if self._own is not None:
            yield from islice(self._own.sentences(captions, batch_size), done, None)

    def _ask(self, captions: Sequence[str]) -> list[Any]:
        if self._first is not None:
            (sent, number), self._first = self._first, None
            found = self._worker.answer(number, sent)
            if sent == captions:
                return found
        return self._worker.ask(captions)


def main() -> None:
    """Load the parser and serve standard input; end with it, whatever is done at that moment."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    warnings.simplefilter("error", UserWarning)  # nobody would see it here: who asks parses itself, and warns
    send = answers()
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_watch, args=(lines,), daemon=True).start()
    parser = SpacyRoleParser()

    def parse(sentences: list[Any]) -> list[dict[str, Any]]:
        return [lists_to_dict(lists) for lists in parser.sentences(sentences, BATCH_SIZE)]

    serve(parse, parser.version, iter(lines.get, None), send)


def _watch(lines: queue.SimpleQueue[str]) -> None:
    for line in sys.stdin:
        lines.put(line)
    os._exit(0)
