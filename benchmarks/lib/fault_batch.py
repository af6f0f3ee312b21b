"""Many trials in one forked process."""

from __future__ import annotations

import pickle
import tempfile
from collections.abc import Callable, Iterator

from benchmarks.lib.fault_material import SHORT
from benchmarks.lib.fault_runs import HANG, Child, allow


def in_batch(trials: Callable[[], Iterator[tuple[str, str]]]) -> Iterator[tuple[str, str]]:
    """Trials of one process; if it dies, that is the last trial's outcome."""
    with tempfile.NamedTemporaryFile() as file:

        def call() -> None:
            with open(file.name, "ab") as out:
                for trial in trials():
                    pickle.dump(trial, out)
                    out.flush()
                    allow(HANG)  # for the next one

        ended = Child(call).wait()
        with open(file.name, "rb") as found:
            while True:
                try:
                    yield pickle.load(found)  # noqa: S301 - our own
                except EOFError:
                    break
        if ended.code:
            yield ended.outcome if ended.outcome in SHORT else "crash", f"{ended.code}: {ended.last_line}"
