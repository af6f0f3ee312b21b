"""Where lies what is dear to make and can be made again."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """``$GRAPHVTR_CACHE``, or ``~/.cache/graphvtr``: parsed captions, the built-in data, kernels, measurements."""
    return Path(os.environ.get("GRAPHVTR_CACHE") or Path.home() / ".cache" / "graphvtr")
