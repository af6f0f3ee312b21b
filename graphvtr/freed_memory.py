"""Memory that a process frees and soon wants again, and what looks for memory to free."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
from collections.abc import Iterator

#: glibc's ``M_TRIM_THRESHOLD`` and ``M_MMAP_THRESHOLD``, and what they are set to: the most it takes.
SETTINGS = ((-1, 2**31 - 1), (-3, 32 * 2**20))
OWN = ("GLIBC_TUNABLES", "LD_PRELOAD", "MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_")


def keep_freed_memory() -> bool:
    """Let glibc keep what this process frees, instead of giving it back to the system and asking for it again.

    A training step on a CPU makes and frees the same hundreds of megabytes every time, and every page of them is a
    fault that the system fills with zeros: 42,000 a step of HGR at its released sizes, 6 with this. The process stays
    as large as it once was. For a command that owns its process, not for a library.

    Returns:
        Whether it could: not without glibc, and not where the environment chooses an allocator or its settings.
    """
    if any(os.environ.get(name) for name in OWN):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, TypeError, AttributeError):  # no C library to ask, or one without it
        return False
    return min(mallopt(name, value) for name, value in SETTINGS) == 1


@contextlib.contextmanager
def nothing_collected() -> Iterator[None]:
    """Make many small objects that all stay without Python's search for cycles, which looks at all of them again and
    again: the entries of 163,000 texts are read in 1.9 s and not in 4.8 so."""
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()
