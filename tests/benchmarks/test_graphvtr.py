"""The one entry to GraphVTR's tables: studies and rows that run, where the model stands; its name hides nothing."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from graphvtr.errors import DataError

pytest.importorskip("pytorch_lightning")
pytest.importorskip("av")


def row(mean: float) -> dict[str, Any]:
    return {"rsum": {"mean": mean, "interval": [mean - 1, mean + 1], "seeds": [mean]}}


def test_scripts_beside_it_import_the_library(load_benchmark: Callable[[str], Any]) -> None:
    root = load_benchmark("lib.paths").ROOT
    command = [sys.executable, str(root / "benchmarks" / "run.py"), "list"]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    done = subprocess.run(command, env=environment, cwd=root, capture_output=True, text=True, check=True)
    assert "graphvtr.py" in done.stdout


def test_studies_run_in_turn_or_say_what_is_missing(
    load_benchmark: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    entry = load_benchmark("graphvtr")
    ran: list[tuple[str, int]] = []
    needs = {"a": (), "b": ("no_such_data",), "c": ()}
    studies = {
        name: entry.Study(lambda told, name=name: ran.append((name, told.seeds)), what) for name, what in needs.items()
    }
    monkeypatch.setattr(entry, "STUDIES", studies)
    for line, expected in (([], [("a", 5), ("c", 5)]), (["c", "--quick"], [("c", 1)])):
        ran.clear()
        monkeypatch.setattr(sys, "argv", ["graphvtr.py", *line])
        entry.main()
        assert ran == expected
    assert "b: left out, no no_such_data" in capsys.readouterr().err
    monkeypatch.setattr(sys, "argv", ["graphvtr.py", "d"])
    with pytest.raises(SystemExit):
        entry.main()
    assert "no study 'd': choose of a, b, c" in capsys.readouterr().err


def test_rows_to_train(load_benchmark: Callable[[str], Any]) -> None:
    study = load_benchmark("lib.graphvtr_msrvtt")
    rows = study.rows(Path("pairs.jsonl"))
    told = {"rows": None, "tables_only": False}
    assert study.wanted(rows, argparse.Namespace(**told)) == list(rows.values())
    assert study.wanted(rows, argparse.Namespace(**{**told, "rows": ["GraphVTR", "HGR"]})) == [rows["GraphVTR"]]
    assert study.wanted(rows, argparse.Namespace(**{**told, "tables_only": True})) == []


def test_what_training_costs(load_benchmark: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    speed = load_benchmark("lib.graphvtr_speed")
    rows = speed.rows()
    assert [trial.model for trial in rows.values()] == ["graphvtr", "graphvtr", "hgr", "mcsan", "visern", "vsrnet"]
    spent = iter((100.0, 50.0, 70.0))
    monkeypatch.setattr(speed, "_fit_seconds", lambda trials, trial, epochs: next(spent))
    found = speed.training_seconds(None, rows["HGR"], 36.5)
    assert found == {"before": 30.0, "epoch": 20.0, "epochs": 36.5, "whole": 30.0 + 36.5 * 20.0}


def test_epochs_are_those_that_the_recorded_runs_took(
    load_benchmark: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    speed = load_benchmark("lib.graphvtr_speed")
    row = speed.rows()["HGR"]
    best = replace(row, train={**row.train, "lr": 4e-3})

    class Study:
        def __init__(self, lengths: dict[int, int]) -> None:
            self.lengths = lengths

        def finished(self, trial: Any, seeds: range) -> list[int]:
            return [seed for seed in seeds if trial == best and seed in self.lengths]

        def about(self, trial: Any, seeds: list[int]) -> dict[str, Any]:
            return {"curves": [[1.0] * self.lengths[seed] for seed in seeds]}

    monkeypatch.setattr(
        speed.msrvtt, "chosen", lambda trials, rows: {"HGR": load_benchmark("lib.tune").Tuned(best, [])}
    )
    assert speed.taken([Study({}), Study({0: 20, 2: 31})], {"HGR": row}) == {"HGR": 25.5}
    with pytest.raises(DataError, match=r"HGR: has no record .*msrvtt_real.py"):
        speed.taken([Study({}), Study({})], {"HGR": row})


def test_where_it_stands(load_benchmark: Callable[[str], Any], tmp_path: Path) -> None:
    figure = load_benchmark("lib.graphvtr_figure")
    ours = {"chance": row(3), "ridge, MiniLM": row(107), "GraphVTR": row(146), "without the bag": row(140)}
    (tmp_path / "flagship.json").write_text(json.dumps({"rows": {"rows": ours}}))
    assert list(figure.standings(tmp_path)) == ["GraphVTR", "ridge, MiniLM", "chance"]
    theirs = {"ridge, MiniLM": row(1), "HGR, MiniLM": row(120), "HGR, GloVe": row(80), "GraphVTR, MiniLM": row(1)}
    (tmp_path / "msrvtt_real.json").write_text(json.dumps({"rows": {"rows": theirs}}))
    found = figure.standings(tmp_path)
    assert {name: one["kind"] for name, one in found.items()} == {
        "GraphVTR": "GraphVTR",
        "HGR": "other models",
        "ridge, MiniLM": "closed forms",
        "chance": "closed forms",
    }
    assert [one["mean"] for one in found.values()] == [146, 120, 107, 3]
    pytest.importorskip("matplotlib")
    figure.draw(found, tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 5000


def test_choices_on_cad120(load_benchmark: Callable[[str], Any]) -> None:
    cad120 = load_benchmark("accuracy.cad120")
    kind = np.array(["open box"] * 2 + ["close box"] * 6)
    right = torch.tensor([[1, 1, 0, 0, 0, 0, 0, 0], [1, 1, 1, 1, 1, 0, 0, 0]]).double().numpy()
    one, other = cad120.Choices(right, kind), cad120.Choices(np.ones((1, 8)), kind)
    assert one.mean() == pytest.approx((100 + 25) / 2)  # kinds count alike, whatever their clips
    assert one.draws().std() > 0
    difference = other.difference(one)
    assert difference["mean"] == pytest.approx(37.5)
    assert 0 < difference["interval"][0] < 37.5 < difference["interval"][1]
    names = [trial.name for trial in cad120.ROWS]
    assert len(set(names)) == len(names) == 21
    assert all(trial.options.get("text") == "minilm" for trial in cad120.ROWS if "MiniLM" in trial.name)
