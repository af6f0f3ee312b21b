"""What test_cluster.py has other processes do: a module that imports little, as each of them does."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

from graphvtr.errors import DataError


def squares() -> Callable[[int], int]:
    """Squares of numbers, one of which kills its process."""

    def work(number: int) -> int:
        if number == 100:
            os.kill(os.getpid(), signal.SIGKILL)
        if number == 50:
            raise DataError("number", "is 50")
        return number**2

    return work


def unreadable() -> None:
    """What a process does that has not the file of a class."""
    raise ImportError("no such class here")


class Unreadable:
    """Is sent, and not received."""

    def __reduce__(self) -> tuple[Callable[[], None], tuple[()]]:
        return unreadable, ()
