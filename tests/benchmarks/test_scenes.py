"""The papers' ablations on MovingScenes: rows, what is claimed of them, what the unseen world costs; tuning."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graphvtr.nn.models import MODELS

pytest.importorskip("pytorch_lightning")


def test_claims_are_about_rows(load_benchmark: Callable[[str], Any]) -> None:
    rows = load_benchmark("lib.scenes_rows")
    names = [trial.name for study in rows.STUDIES.values() for trial in study]
    assert len(set(names)) == len(names)
    claimed = {name for claims in rows.CLAIMS.values() for pair in claims for name in pair}
    assert claimed <= set(names)
    assert {trial.model for study in rows.STUDIES.values() for trial in study} <= set(MODELS)
    assert all(trial.train["twins"] for study in rows.STUDIES.values() for trial in study)


def test_what_the_unseen_world_costs_one_more_than_the_other(load_benchmark: Callable[[str], Any]) -> None:
    scenes, runs = load_benchmark("scenes"), load_benchmark("lib.runs")
    clips = np.random.default_rng(0).normal(0, 3, 4000)

    def row(seen: float, unseen: float, noise: float) -> dict[str, Any]:
        """Of a model that follows the difficulty of the clips, and a noise of its own."""
        own = np.random.default_rng(round(seen)).normal(0, noise, (2, 4000))
        return {
            name: runs.Runs({"rsum": np.array([value])}, {"rsum": (value + clips + one)[None]})
            for name, value, one in zip(("test", "test_unseen"), (seen, unseen), own, strict=True)
        }

    found = scenes.drop(row(400.0, 390.0, 1.0), row(500.0, 460.0, 1.0))
    assert found["mean"] == pytest.approx(-30)
    # what is common to both models on the same clips is gone: four noises of variance 1 are left
    assert found["smallest_visible"] == pytest.approx(2.8 * 2, rel=0.1)
    assert found["interval"][0] < -30 < found["interval"][1] < 0


class Split:
    videos = ("a", "b", "c")


def never_read(trials: Any, root: Path, **options: Any) -> Any:
    """Runs whose training is replaced: only the size of the splits is asked for."""
    return trials.Trials("t", {"train": Split(), "val": Split()}, None, data={}, root=root, **options)


def test_a_setting_that_cannot_be_trained_counts_as_none(
    load_benchmark: Callable[[str], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tune, trials = load_benchmark("lib.tune"), load_benchmark("lib.trials")
    made = never_read(trials, tmp_path, records=tmp_path / "r")
    row = trials.Trial("HGR", "hgr", {"hidden": 8}, {"lr": 1e-3})
    tried: list[float] = []

    def train(self: Any, trial: Any, seed: int) -> Any:
        tried.append(trial.train["lr"])
        if len(tried) == 1:
            raise trials.DivergedError("loss", "is nan")
        record = trials.Record({"val_rsum": [len(tried)], "gates": {}}, {})
        self._keep(trial, seed, record)
        return record

    monkeypatch.setattr(trials.Trials, "record", train)
    assert not tune.is_tuned(made, {"train": Split()}, row, 3)
    best = tune.tuned(made, {"train": Split()}, [row], 3)["HGR"]
    assert [one["val_rsum"] for one in best.tried] == [0.0, 2, 3]
    assert best.trial == tune.candidates(row, 3)[2]
    assert tune.is_tuned(made, {"train": Split()}, row, 3)
    assert not tune.is_tuned(made, {"train": Split()}, row, 4)


def test_the_best_setting_is_trained_slower_too(
    load_benchmark: Callable[[str], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tune, trials = load_benchmark("lib.tune"), load_benchmark("lib.trials")
    made = never_read(trials, tmp_path, records=tmp_path / "r")
    row = trials.Trial("VSE++", "vse++", {"hidden": 8}, {"lr": 1e-3, "schedule": "plateau", "warmup_epochs": 5})
    scores = {("plateau", 1e-3): 2.0, ("none", 1e-3): 3.0}

    def train(self: Any, trial: Any, seed: int) -> Any:
        value = scores.get((trial.train["schedule"], trial.train["lr"]), 1.0)
        record = trials.Record({"val_rsum": [value], "gates": {}}, {})
        self._keep(trial, seed, record)
        return record

    monkeypatch.setattr(trials.Trials, "record", train)
    found = tune.Tuned(row, [{"val_rsum": 2.0}])
    assert tune.settled(made, found) == found
    best = tune.settled(made, found, train=True)
    assert best.trial == tune.slower(row)
    assert best.trial.train == {"lr": 1e-3, "schedule": "none", "patience": 12, "epochs": 100, "warmup_epochs": 20}
    assert [one["val_rsum"] for one in best.tried] == [2.0, 3.0]
    assert tune.settled(made, found) == best
    scores["none", 1e-3] = 2.0
    again = never_read(trials, tmp_path / "again")
    assert tune.settled(again, found, train=True).trial == row
    own = tune.Tuned(trials.Trial("GraphVTR", "graphvtr", {"hidden": 8}, {"lr": 1e-3, "schedule": "cosine"}), [])
    assert tune.settled(made, own, train=True) == own
