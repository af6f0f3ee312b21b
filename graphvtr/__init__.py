"""graphvtr: graph learning for video-text retrieval on PyTorch Geometric.

``graphvtr.load`` reads a model in any of its saved forms; the folders (``graphvtr.nn``, ``graphvtr.video``, ...) are
imported when they are first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from graphvtr._version import __version__

if TYPE_CHECKING:
    from graphvtr.tasks.checkpoint import load

FOLDERS = ("datasets", "graphs", "metrics", "nn", "ops", "plot", "search", "serve", "tasks", "text", "video")

__all__ = ["__version__", "load"]


def __getattr__(name: str) -> Any:
    if name == "load":
        from graphvtr.tasks.checkpoint import load

        return load
    if name in FOLDERS:
        return importlib.import_module(f"graphvtr.{name}")
    raise AttributeError(f"module 'graphvtr' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted({*globals(), *FOLDERS, *__all__})
