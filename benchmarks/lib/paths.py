"""Where benchmarks find data and leave results.

A committed figure must be one that its commit gives again: ``RESULTS`` is ``benchmarks/results`` only when the code is
committed. With changes in the tree, or with ``--quick`` or ``$GRAPHVTR_BENCH_QUICK`` (a short run that only shows that
all works), it is ``runs/benchmarks``, which git ignores.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from graphvtr.cache_folder import cache_folder

ROOT = Path(__file__).resolve().parents[2]
COMMITTED = ROOT / "benchmarks" / "results"
# real clips and captions, never part of the repository
DATA = Path(os.environ.get("GRAPHVTR_DATA", ROOT.parent / "shared" / "data"))
# feature stores, trained rows: what is dear to make and cheap to keep
CACHE = cache_folder()


def without_places(text: str) -> str:
    """``text`` with names for the folders of this machine, which say nothing to anybody else.

    Example:
        >>> without_places(f"{ROOT}/README.md: no such file"), without_places(f"{tempfile.gettempdir()}/a1b2/x.npz")
        ('./README.md: no such file', 'TMP/x.npz')
    """
    for place, name in ((CACHE, "CACHE"), (DATA, "DATA"), (ROOT, "."), (Path.home(), "~")):
        text = text.replace(str(place), name)
    return re.sub(rf"{re.escape(tempfile.gettempdir())}/[^\s/'\":,)]+", "TMP", text)


def git(*arguments: str) -> str | None:
    """What git answers in the repository, None where there is none."""
    try:
        answer = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return answer.stdout.strip()


def uncommitted() -> list[str]:
    """Changed files that can change a figure: everything but results, pages and pictures."""
    status = git("status", "--porcelain", "--", ".", ":!benchmarks/results", ":!docs", ":!*.md")
    return [] if not status else status.splitlines()


def _results() -> Path:
    if os.environ.get("GRAPHVTR_BENCH_QUICK") or "--quick" in sys.argv:
        scratch = "a quick run"
    elif changed := uncommitted():
        scratch = f"{len(changed)} files have uncommitted changes"
    else:
        return COMMITTED
    folder = ROOT / "runs" / "benchmarks"
    folder.mkdir(parents=True, exist_ok=True)
    print(f"results go to {folder}, not to benchmarks/results: {scratch}", file=sys.stderr)
    return folder


RESULTS = _results()
