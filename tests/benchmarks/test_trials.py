"""Rows of the accuracy tables: trained once a seed, kept, resumed, and summarised over seeds and queries."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from graphvtr.datasets import DataSource, build_dataset
from graphvtr.errors import DataError, DivergedError
from graphvtr.tasks.prepare import make_vocabulary
from graphvtr.tasks.trainer import TrainOptions, fit

FIT = "benchmarks.lib.training_run.fit"


@pytest.fixture
def trials(load_benchmark: Callable[[str], Any]) -> Any:
    return load_benchmark("lib.trials")


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    cache = tmp_path_factory.mktemp("scenes")
    source = DataSource(cache=cache, options={"num_clips": 40, "progress": False, "workers": 0})
    return {split: build_dataset("moving_scenes", split, source) for split in ("train", "val", "test")}


def make(trials: Any, scenes: dict[str, Any], root: Path, **options: Any) -> Any:
    vocabulary = make_vocabulary(scenes["train"])
    return trials.Trials("test", scenes, vocabulary, data={"num_clips": 40}, root=root, **options)


def row(trials: Any, **train: Any) -> Any:
    return trials.Trial("small", "hgr", {"hidden": 8, "word_dim": 4}, {"epochs": 2, "lr": 1e-3, **train})


def refuse(*_: object, **__: object) -> None:
    raise AssertionError("trained again")


def test_a_finished_run_is_not_trained_again(
    trials: Any, scenes: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = make(trials, scenes, tmp_path).result(row(trials), 0)
    assert first.scores["test"].shape == (len(scenes["test"].videos), len(scenes["test"].captions))
    assert first.checkpoint.is_file()
    assert len(first.val_rsum) == 2
    monkeypatch.setattr(FIT, refuse)
    again = make(trials, scenes, tmp_path).result(row(trials), 0)
    assert torch.equal(first.scores["test"], again.scores["test"])
    with pytest.raises(AssertionError, match="trained again"):
        make(trials, scenes, tmp_path).result(row(trials), 1)
    with pytest.raises(AssertionError, match="trained again"):
        make(trials, scenes, tmp_path).result(row(trials, lr=2e-3), 0)
    with pytest.raises(AssertionError, match="trained again"):
        make(trials, scenes, tmp_path, fresh=True).result(row(trials), 0)


def test_a_stopped_run_goes_on_and_gives_the_same_numbers(
    trials: Any, scenes: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = make(trials, scenes, tmp_path / "whole").result(row(trials), 0)
    resumed = []

    def stop_after_one_epoch(*arguments: Any, **options: Any) -> Any:
        *rest, train = arguments
        fit(*rest, TrainOptions(**{**vars(train), "epochs": 1}), **options)
        raise KeyboardInterrupt

    def go_on(*arguments: Any, **options: Any) -> Any:
        resumed.append(options["resume"])
        return fit(*arguments, **options)

    monkeypatch.setattr(FIT, stop_after_one_epoch)
    with pytest.raises(KeyboardInterrupt):
        make(trials, scenes, tmp_path / "cut").result(row(trials), 0)
    monkeypatch.setattr(FIT, go_on)
    cut = make(trials, scenes, tmp_path / "cut").result(row(trials), 0)
    assert resumed == [True]
    assert cut.val_rsum == whole.val_rsum
    assert torch.equal(cut.scores["test"], whole.scores["test"])


def test_a_run_that_diverges_counts_by_its_best_epoch_before(
    trials: Any,
    scenes: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    load_benchmark: Callable[[str], Any],
) -> None:
    whole = make(trials, scenes, tmp_path / "whole").result(row(trials, epochs=1), 0)

    def diverge(*args: Any, **options: Any) -> None:
        def stop(scores: list[float]) -> None:
            raise DivergedError("training loss", "is nan in epoch 2", "lower lr")

        fit(*args, **options, after_epoch=stop)
        raise AssertionError("did not stop")

    monkeypatch.setattr(FIT, diverge)
    records = tmp_path / "records"
    for root in ("here", "elsewhere"):
        made = make(trials, scenes, tmp_path / root, records=records)
        assert made.curve(row(trials), 0) == [0.0]  # as a setting it is none
        about = made.about(row(trials), [0])
        assert about["curves"] == [whole.val_rsum]
        assert about["diverged"] == {0: "training loss is nan in epoch 2"}
        monkeypatch.setattr(FIT, refuse)
    found = make(trials, scenes, tmp_path / "here").result(row(trials), 0)
    assert torch.equal(found.scores["test"], whole.scores["test"])
    load_benchmark("lib.tables").print_diverged({"small": about})
    assert capsys.readouterr().out == (
        "small, seed 0, diverged, and its best epoch before counts:\n  training loss is nan in epoch 2\n"
    )


def test_a_setting_that_diverges_in_its_first_epoch_counts_as_nothing(
    trials: Any, scenes: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make(trials, scenes, tmp_path / "here", records=tmp_path / "records")
    with pytest.raises(DivergedError):
        made.record(row(trials, lr=1e30), 0)
    assert made.curve(row(trials, lr=1e30), 0) == [0.0]
    monkeypatch.setattr(FIT, refuse)
    assert made.curve(row(trials, lr=1e30), 0) == [0.0]
    with pytest.raises(DataError, match="batch_size"):  # a bad option is no divergence
        make(trials, scenes, tmp_path / "bad").curve(row(trials, batch_size=0), 0)


def test_what_is_missing_is_trained_a_seed_of_every_row_before_the_next(
    trials: Any, scenes: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make(trials, scenes, tmp_path)
    done: list[tuple[str, int] | str] = [("b", 0)]
    monkeypatch.setattr(made, "finished", lambda trial, seeds: [seed for seed in seeds if (trial.name, seed) in done])
    monkeypatch.setattr(made, "record", lambda trial, seed: done.append((trial.name, seed)))
    rows = (trials.Trial(name, "hgr") for name in "abc")
    clock = iter([0.0, 300.0, 700.0, 700.0, 800.0, 900.0, 1000.0])
    monkeypatch.setattr(trials, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    made.train_missing(rows, range(2), lambda: done.append("written"))
    assert done == [("b", 0), ("a", 0), ("c", 0), "written", ("a", 1), ("b", 1), ("c", 1)]


def test_runs_hold_a_value_for_every_seed(trials: Any, scenes: dict[str, Any], tmp_path: Path) -> None:
    runs = make(trials, scenes, tmp_path).runs(row(trials, epochs=1), range(2), "test")
    assert runs.values["rsum"].shape == (2,)
    low, high = runs.summary()["rsum"]["interval"]
    assert low < runs.summary()["rsum"]["mean"] < high


def test_a_run_of_uncommitted_code_counts_only_while_there_is_some(
    trials: Any, scenes: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trials, "uncommitted", lambda: ["graphvtr/nn/models/hgr.py"])
    first = make(trials, scenes, tmp_path)
    assert first.result(row(trials, epochs=1), 0).commit.endswith("+changes")
    assert first.finished(row(trials, epochs=1), [0]) == [0]
    assert len(first.curve(row(trials, epochs=1), 0)) == 1
    monkeypatch.setattr(trials, "uncommitted", list)
    assert first.finished(row(trials, epochs=1), [0]) == []


def test_a_closed_form_is_solved_once(trials: Any, scenes: dict[str, Any], tmp_path: Path) -> None:
    owner = scenes["test"].video_of_caption
    scores = torch.rand(len(scenes["test"].videos), len(owner), generator=torch.Generator().manual_seed(0))

    def again() -> torch.Tensor:
        raise AssertionError("solved again")

    for root in ("here", "elsewhere"):
        made = make(trials, scenes, tmp_path / root, records=tmp_path / "records")
        found = made.closed_form("ridge", (lambda: scores) if root == "here" else again)
        assert found.summary() == trials.Runs.of([scores], owner).summary()
    with pytest.raises(AssertionError, match="solved again"):
        made.closed_form("another", again)


def test_what_follows_from_the_splits_is_made_once(trials: Any, scenes: dict[str, Any], tmp_path: Path) -> None:
    made = []

    def make_it() -> torch.Tensor:
        made.append(1)
        return torch.eye(2, dtype=torch.float64)

    for _ in range(2):
        assert torch.equal(make(trials, scenes, tmp_path).kept("a", make_it, 3), torch.eye(2, dtype=torch.float64))
    assert len(made) == 1
    make(trials, scenes, tmp_path).kept("a", make_it, 4)
    make(trials, scenes, tmp_path, fresh=True).kept("a", make_it, 4)
    assert len(made) == 3


def test_a_record_stands_for_its_run_on_another_machine(
    trials: Any, scenes: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def total(model: Any, scores: Any) -> torch.Tensor:
        return scores["test"].sum(1)

    records = tmp_path / "records"
    here = make(trials, scenes, tmp_path / "here", records=records, measure={"total": total})
    trial = row(trials)
    expected = trials.Runs.of([here.result(trial, 0).scores["test"]], scenes["test"].video_of_caption)
    about = here.about(trial, [0])
    (path,) = records.iterdir()
    assert path.stat().st_size < 20_000

    monkeypatch.setattr(FIT, refuse)
    elsewhere = make(trials, scenes, tmp_path / "elsewhere", records=records, measure={"total": total, "later": total})
    assert elsewhere.finished(trial, range(2)) == [0]
    assert elsewhere.trained(trial, range(2)) == []
    assert elsewhere.about(trial, [0]) == about
    assert elsewhere.curve(trial, 0) == about["curves"][0]
    found = elsewhere.runs(trial, [0])
    for name, draws in expected.draws.items():
        assert (found.draws[name] == draws).all(), name
    assert torch.equal(elsewhere.measured(trial, [0], "total")[0], here.result(trial, 0).scores["test"].sum(1))
    assert elsewhere.measured(trial, [0], "later") == []
    # what is asked for later is measured where the checkpoint is
    later = make(trials, scenes, tmp_path / "here", records=records, measure={"later": total})
    assert len(later.measured(trial, [0], "later")) == len(later.measured(trial, [0], "total")) == 1
    with pytest.raises(AssertionError, match="trained again"):
        make(trials, scenes, tmp_path / "elsewhere", records=records, fresh=True).record(trial, 0)
