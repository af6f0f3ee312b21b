"""Where benchmarks find data and leave results."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "benchmarks" / "results"
# real clips and captions, never part of the repository
DATA = Path(os.environ.get("GRAPHVTR_DATA", ROOT.parent / "shared" / "data"))
