"""Memory, processor time and page faults of a process and its workers, for ``loading.py``."""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np


def _family(pid: int | None = None) -> Iterable[int]:
    """This process and its living children."""
    pid = os.getpid() if pid is None else pid
    yield pid
    try:
        children = [
            child for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()
        ]
    except OSError:  # it has just ended
        return
    for child in children:
        yield from _family(int(child))


def held_bytes() -> int:
    """Memory that is no file cache: anonymous and shared pages, those that processes share counted once."""
    total = 0
    for pid in _family():
        try:
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith(("Pss_Anon:", "Pss_Shmem:")):
                    total += int(line.split()[1]) * 1024
        except OSError:
            continue
    return total


@dataclass(frozen=True)
class Usage:
    """Processor seconds and page faults so far."""

    cpu: float
    faults: int


def usage() -> Usage:
    """Of this process and its living children: on a busy machine they do not grow as time does."""
    ticks = faults = 0
    for pid in _family():
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        faults += int(fields[7])
        ticks += int(fields[11]) + int(fields[12])
    return Usage(ticks / os.sysconf("SC_CLK_TCK"), faults)


class MemoryWatch:
    """Samples :func:`held_bytes` in the background."""

    def __init__(self, every: float = 0.1) -> None:
        self.samples: list[tuple[float, int]] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, args=(every,), daemon=True)

    def _watch(self, every: float) -> None:
        while not self._stop.wait(every):
            self.samples.append((time.perf_counter(), held_bytes()))

    def __enter__(self) -> MemoryWatch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def halves(self, begin: float, end: float) -> tuple[int, int]:
        """Largest samples of the first and of the second half."""
        middle = (begin + end) / 2
        parts = ([m for t, m in self.samples if t <= middle], [m for t, m in self.samples if t > middle])
        return max(parts[0], default=0), max(parts[1], default=0)


def touch_memory(size: int) -> float:
    """Use ``size`` bytes once, in a process of its own, and give them back; returns the seconds it took.

    A virtual machine gets its memory when it is first touched, at many times the price of a page fault. Whoever reads
    first would pay for the page cache of all.
    """
    begin = time.perf_counter()
    process = multiprocessing.get_context("fork").Process(target=_touch, args=(size,))
    process.start()
    process.join()
    return time.perf_counter() - begin


def _touch(size: int) -> None:
    np.empty(size, dtype=np.uint8)[::4096] = 1
