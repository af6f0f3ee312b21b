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
    tried: list[Any] = []

    def train(self: Any, trial: Any, seed: int) -> Any:
        if path := self._recorded_at(trial, seed):
            return trials.Record.load(path)
        tried.append(trial)
        if len(tried) == 1:
            raise trials.DivergedError("loss", "is nan")
        record = trials.Record({"val_rsum": [len(tried)], "gates": {}}, {})
        self._keep(trial, seed, record)
        return record

    monkeypatch.setattr(trials.Trials, "record", train)
    few = {"train": Split()}
    assert tune.tuned(made, few, [row], 3) == {}
    best = tune.tuned(made, few, [row], 3, train=["HGR"])["HGR"]
    assert [one["val_rsum"] for one in best.tried] == [0.0, 2, 3]
    assert best.trial == tune.candidates(row, 3)[2]
    assert tune.tuned(made, few, [row], 3) == {"HGR": best}
    assert tune.tuned(made, few, [row], 4) == {}


def test_rows_of_a_model_are_tried_with_what_is_best_for_each_of_them(
    load_benchmark: Callable[[str], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tune, trials = load_benchmark("lib.tune"), load_benchmark("lib.trials")
    made, few = never_read(trials, tmp_path, records=tmp_path / "r"), {"train": Split()}
    own = {"lr": 1e-3, "schedule": "plateau"}
    walk = trials.Trial("walk", "visern", {"normalization": "random_walk"}, own)
    plain = trials.Trial("bare", "visern", {"normalization": "none"}, own)
    other = trials.Trial("other", "hgr", {}, own)
    rows, budget = [walk, plain, other], 4
    drawn = {row.name: tune.candidates(row, budget) for row in rows}
    favourite = next(one for one in drawn["walk"] if one.options.get("batch_norm"))

    def train(self: Any, trial: Any, seed: int) -> Any:
        drawn_too = all(trial.train.get(name) == favourite.train.get(name) for name in ("lr", "clip_grad"))
        score = 10.0 if drawn_too and trial.options.get("dropout") == favourite.options["dropout"] else 9.6
        record = trials.Record({"val_rsum": [score if trial.train != own else 9.8], "gates": {}}, {})
        self._keep(trial, seed, record)
        return record

    monkeypatch.setattr(trials.Trials, "record", train)
    alone = tune.tuned(made, few, [walk], budget, train=["walk"])
    assert alone["walk"].trial == favourite
    assert [one.train for one in alone["walk"].near] == [own]
    found = tune.tuned(made, few, rows, budget, train=["walk", "bare", "other"])
    assert found["walk"].trial == favourite
    best = found["bare"].trial
    assert best not in drawn["bare"]
    assert best.train == favourite.train
    assert best.options == {
        "normalization": "none",
        "dropout": favourite.options["dropout"],
        "mining": best.options["mining"],
    }
    assert {len(one.tried) for one in found.values()} == {budget + 1}
    assert tune.tuned(made, few, rows, budget) == found


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
    second = trials.Trial("VSE++", "vse++", {"hidden": 8}, {"lr": 2e-3, "schedule": "plateau"})
    scores["none", 2e-3] = 5.0
    near = tune.Tuned(row, [{"val_rsum": 2.0}], [second])
    assert tune.settled(again, near).trial == row  # not there yet
    assert tune.settled(again, near, train=True).trial == tune.slower(second)
    own = tune.Tuned(trials.Trial("GraphVTR", "graphvtr", {"hidden": 8}, {"lr": 1e-3, "schedule": "cosine"}), [])
    assert tune.settled(made, own, train=True) == own
