"""Benchmarks are scripts: their tests import them from their folder."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def load_benchmark(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    """``load_benchmark(name)``: the module ``benchmarks/NAME.py``."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module
