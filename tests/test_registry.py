"""Registries: names, and that no test leaves an entry behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from graphvtr.datasets import DATASETS, build_dataset
from graphvtr.errors import DataError
from graphvtr.nn import MODELS
from graphvtr.registry import Registry


def test_names_are_given_once_and_unknown_ones_are_explained() -> None:
    shapes: Registry[type] = Registry("shape")
    shapes.register("disc")(int)
    with pytest.raises(ValueError, match="shape 'disc' is registered twice"):
        shapes.register("disc")(int)
    with pytest.raises(DataError, match=r"shape 'disk': unknown \(did you mean 'disc'\? known: disc\)"):
        shapes["disk"]


@pytest.mark.parametrize("run", [1, 2])
def test_what_a_test_registers_is_gone_after_it(run: int, tmp_path: Path) -> None:
    """Each run would meet what the other registered, replaced and removed."""
    assert "left_over" not in DATASETS
    assert MODELS["hgr"].__name__ == "HGR"
    DATASETS.register("left_over")(lambda split, source: None)  # type: ignore[arg-type, return-value]
    MODELS._entries["hgr"] = MODELS._entries.pop("vse")


@pytest.mark.parametrize("run", [1, 2])
def test_a_file_that_registers_is_run_again_in_the_next_test(run: int) -> None:
    file = Path(__file__).parent / "datasets" / "two_clips_by_file.py"
    assert build_dataset(f"{file}:two_clips_by_file", "train").captions == ["dog", "cat"]
