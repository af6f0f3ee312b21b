"""Where caches lie: one place for all of them, which the environment names."""

from __future__ import annotations

from pathlib import Path

import pytest

from graphvtr.cache_folder import cache_folder
from graphvtr.ops.dispatch import table_path


def test_the_environment_names_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GRAPHVTR_CACHE", str(tmp_path / "here"))
    assert cache_folder() == tmp_path / "here"
    assert table_path("cpu").parent == tmp_path / "here" / "measured"
    for nothing in (None, ""):
        if nothing is None:
            monkeypatch.delenv("GRAPHVTR_CACHE")
        else:
            monkeypatch.setenv("GRAPHVTR_CACHE", nothing)
        assert cache_folder() == Path.home() / ".cache" / "graphvtr"
