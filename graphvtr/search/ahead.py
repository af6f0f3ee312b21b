"""The sentences of a first query, parsed by a second process while this one imports torch. Nothing here needs torch."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphvtr.errors import DataError
from graphvtr.search.plain import is_role_query, manifest_of
from graphvtr.worker_process import WorkerProcess

if TYPE_CHECKING:
    from graphvtr.text import RoleParser

NAME = "spacy"
SECONDS = 20.0
"""That an answer of the other process is waited for, from when it is needed."""
MOST = 256
"""Sentences that are sent at once: the parser's batch."""
WORKER = """
import json, sys
sys.path[:] = json.loads(sys.argv[1])  # that of the process which asks, the same code is found there
sys.modules["torch"] = None  # spaCy's thinc would import it
from graphvtr.imports import lazily
lazily("graphvtr.text", "graphvtr.graphs")
from graphvtr.text.parsing_worker import main
main()
"""


class Ahead:
    """A process that loads the bundled parser, and parses what it is given.

    Args:
        sentences: to begin with.

    Raises:
        DataError: it does not start.
    """

    def __init__(self, sentences: Sequence[str]) -> None:
        command = [sys.executable, "-P", "-c", WORKER, json.dumps(sys.path)]
        self._worker = WorkerProcess(command, SECONDS, grace=0)
        first = list(sentences[:MOST])
        self._first = (first, self._worker.send(first)) if first else None

    def __call__(self, name: str) -> RoleParser:
        """As :func:`graphvtr.text.get_parser`, which is asked for any other parser, and where the process has failed.

        Raises:
            DataError, MissingExtraError: as there.
        """
        from graphvtr.text.parser import get_parser
        from graphvtr.text.parsing_worker import WorkerParser

        if name == NAME:
            try:
                return WorkerParser(self._worker, self._first)
            except DataError:  # which has a reason that is told when the parser is made here
                pass
        self._worker.close()
        return get_parser(name)


def parse_ahead(index: Path, queries: Sequence[str], parser: str | None) -> Ahead | None:
    """Begin to parse sentences, where that saves time: torch is not imported yet, there is a second core, and the index
    reads sentences by the bundled parser.

    Args:
        index: folder of the index.
        queries: sentences and roles; none if they will come later.
        parser: that the user names.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    sentences = list(dict.fromkeys(query for query in queries if not is_role_query(query)))
    if "torch" in sys.modules or cores < 2 or (queries and not sentences) or not sys.executable:
        return None
    told = manifest_of(index)
    if told.get("shards") or (parser or _parser_of(told)) != NAME:
        return None
    try:
        return Ahead(sentences)
    except DataError:
        return None


def _parser_of(told: dict[str, Any]) -> str:
    """Of a manifest; what it does not say, or says wrongly, the model does, and that is looked at again."""
    trained = told.get("provenance")
    trained = trained.get("parser") if isinstance(trained, dict) else None
    return told.get("parser") or (trained.get("name") if isinstance(trained, dict) else None) or NAME
