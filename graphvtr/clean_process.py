"""Worker processes that begin clean: nothing is forked, and the caller's script is not run again."""

from __future__ import annotations

import sys
from multiprocessing.context import SpawnContext, SpawnProcess
from multiprocessing.process import BaseProcess
from types import ModuleType
from typing import Any


class _CleanProcess(SpawnProcess):
    @staticmethod
    def _Popen(process_obj: BaseProcess) -> Any:  # noqa: N802 - its name in multiprocessing
        main = sys.modules["__main__"]
        sys.modules["__main__"] = ModuleType("__main__")  # a started process runs the file that this one names
        try:
            return SpawnProcess._Popen(process_obj)
        finally:
            sys.modules["__main__"] = main


class CleanContext(SpawnContext):
    """Starts processes for work that is the library's own, asked for by any script or notebook.

    A fork of a process with threads (torch's, a notebook's) takes their locks with it, held by nobody, and may hang;
    a spawned process runs the script of its parent again, which then needs ``if __name__ == "__main__"``. These do
    neither, so they know nothing that the script has defined or registered.

    Example:
        >>> from concurrent.futures import ProcessPoolExecutor
        >>> with ProcessPoolExecutor(1, CleanContext()) as pool:
        ...     pool.submit(abs, -3).result()
        3
    """

    Process = _CleanProcess  # type: ignore[assignment]
