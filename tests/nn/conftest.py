"""Fixtures of the layers' tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.tiny_bert import write_bert as write_one


@pytest.fixture(scope="session")
def write_bert(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """``write_bert(hidden=, layers=, positions=)``: a Hugging Face folder of a BERT with few words."""
    return lambda **sizes: write_one(tmp_path_factory.mktemp("bert"), **sizes)
