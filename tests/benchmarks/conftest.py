"""Benchmarks are scripts: their tests import them as modules."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture
def load_benchmark() -> Callable[[str], Any]:
    """``load_benchmark(name)``: the module ``benchmarks.NAME``."""
    return lambda name: importlib.import_module(f"benchmarks.{name}")
