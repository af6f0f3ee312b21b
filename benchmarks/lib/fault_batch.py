"""Many trials in one forked process."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from benchmarks.lib.fault_material import SHORT, Outcome
from benchmarks.lib.fault_runs import HANG, Child, allow


def in_batch(numbers: Iterable[int], trial: Callable[[int], list[Outcome]]) -> Iterator[Outcome]:
    """Outcomes of numbered trials, which share a process. What ends it is the outcome of the trial that it was at; the
    next ones go on in another."""
    left = list(numbers)
    while left:
        with tempfile.NamedTemporaryFile() as file:
            path = Path(file.name)

            def call(left: list[int] = left, path: Path = path) -> None:
                with path.open("a") as out:
                    for number in left:
                        out.write(json.dumps(trial(number)) + "\n")
                        out.flush()
                        allow(HANG)  # for the next one

            ended = Child(call).wait(progress=lambda path=path: os.stat(path).st_size)
            done = path.read_text().split("\n")[:-1]
        for line in done:
            yield from ((outcome, detail) for outcome, detail in json.loads(line))
        left = left[len(done) :]
        if left:
            outcome = ended.outcome if ended.outcome in SHORT else "crash"
            yield outcome, f"trial {left.pop(0)}: {ended.code}: {ended.told}"
