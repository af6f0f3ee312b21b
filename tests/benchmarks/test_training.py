"""A measurement that goes on keeps what there is, with the commits of then; the shipped GraphVTR is measured too."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("pytorch_lightning")
from benchmarks import training


def test_rows_are_kept_with_their_commits(tmp_path: Path) -> None:
    rows = [
        {"model": "hgr", "variant": "plain", "captions_per_second": 3.0},
        {"model": "hgr", "variant": "bfloat16", "cut": "TimeoutError: takes over 200 s", "commit": "older"},
        {"model": "hgr", "variant": "chunks", "left_out": "after 14 minutes"},
    ]
    path = tmp_path / "training.json"
    assert training.finished(path) == {}
    path.write_text(json.dumps({"environment": {"commit": "whole"}, "rows": rows}))
    assert {key: row["commit"] for key, row in training.finished(path).items()} == {
        ("hgr", "plain"): "whole",
        ("hgr", "bfloat16"): "older",
    }
    assert list(training.finished(path, again=True)) == [("hgr", "plain")]


def test_the_shipped_model_has_its_relations(monkeypatch: pytest.MonkeyPatch) -> None:
    def asked(*given: object) -> None:
        raise LookupError(*given)

    monkeypatch.setattr(training, "default_model", asked)
    with pytest.raises(LookupError) as found:
        training.step_of("graphvtr.yaml", "plain", 2, "cpu")
    name, _, options = found.value.args
    assert (name, options["relations"]) == ("graphvtr", 6)
