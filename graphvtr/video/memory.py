"""Memory back to the system."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable


def trim_memory() -> None:
    """Give the pages that were freed back to the system, where the C library can (glibc).

    glibc keeps freed memory for the next allocation. Work that goes on for hours and frees blocks of changing sizes
    between others that stay leaves holes: without this an extraction grows by some 40 KiB a frame although nothing is
    held. Takes a few milliseconds.
    """
    _trimmer()(0)


@functools.cache
def _trimmer() -> Callable[[int], object]:
    try:
        trim: Callable[[int], object] = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):  # another C library
        return lambda pad: None
    return trim
