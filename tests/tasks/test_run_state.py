"""A run's state comes from its checkpoint: a folder may be moved, copied, cut short, and is never half overwritten."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import torch

pytest.importorskip("pytorch_lightning")
from graphvtr.errors import DataError
from graphvtr.tasks import CheckpointInfo, load, module
from graphvtr.tasks.run_state import out_of_patience
from graphvtr.tasks.trainer import FitResult, TrainOptions, fit

Train = Callable[..., FitResult]


@pytest.fixture
def train(tmp_path: Path, toy_dataset, toy_vocabulary, toy_model, monkeypatch: pytest.MonkeyPatch) -> Train:
    """``train(folder, scores, resume=..., **options)``: an epoch for each score, which takes the real rsum's place."""

    def run(
        folder: str = "run", scores: tuple[float, ...] = (), *, resume=False, val=None, config=None, **options: Any
    ) -> FitResult:
        coming = iter(scores)
        real = module.by_protocol
        monkeypatch.setattr(module, "by_protocol", lambda *found: {**real(*found), "rsum": next(coming)})
        defaults = {"epochs": len(scores), "batch_size": 6, "lr": 1e-2, "device": "cpu"}
        try:
            return fit(
                toy_model(),
                toy_vocabulary,
                toy_dataset("train"),
                val or toy_dataset("val", videos=6),
                tmp_path / folder,
                TrainOptions(**{**defaults, **options}),
                resume=resume,
                progress=False,
                config=config,
            )
        finally:
            monkeypatch.setattr(module, "by_protocol", real)

    return run


def info(path: Path) -> CheckpointInfo:
    return CheckpointInfo.of(load(path))


def test_best_survives_a_move(train: Train, tmp_path: Path) -> None:
    train("run", (375.0, 350.0))
    shutil.move(tmp_path / "run", tmp_path / "moved")
    result = train("moved", (345.0,), resume=True, epochs=3)
    assert result.scores == [375, 350, 345]
    assert (info(result.best).epoch, info(result.best).scores) == (1, [375])
    assert train("moved", (380.0,), resume=True, epochs=4).scores == [375, 350, 345, 380]
    assert info(result.best).epoch == 4


def test_patience_survives_resumes(train: Train, caplog: pytest.LogCaptureFixture) -> None:
    result = train("run", (300.0, 200.0, 200.0, 200.0), epochs=10, patience=2)
    assert result.scores == [300, 200, 200]
    for _ in range(3):
        again = train("run", (999.0,), resume=True, epochs=10, patience=2)
        assert again.scores == [300, 200, 200]
    assert "nothing to do, stopped early after epoch 3" in caplog.text
    assert train("run", (200.0,), resume=True, epochs=10, patience=3).scores == [300, 200, 200, 200]


def test_patience_counts_the_epochs_before_a_stop(train: Train) -> None:
    train("run", (300.0, 200.0), epochs=2, patience=2)  # one epoch without a gain, and the run ends, or is killed
    result = train("run", (250.0, 999.0), resume=True, epochs=10, patience=2)
    assert result.scores == [300, 200, 250]
    assert info(result.best).epoch == 1


@pytest.mark.parametrize(
    ("scores", "patience", "stop"),
    [
        ((), 1, False),
        ((1.0,), 1, False),
        ((2.0, 1.0), 1, True),
        ((2.0, 2.0), 1, True),
        ((1.0, 0.0, 2.0), 1, False),
        ((3.0, 1.0), 2, False),
        ((3.0, 1.0, 2.0), 2, True),
        ((3.0, 1.0), None, False),
    ],
)
def test_out_of_patience(scores: tuple[float, ...], patience: int | None, stop: bool) -> None:
    assert out_of_patience(scores, patience) is stop


@pytest.mark.parametrize(
    ("scores", "stop"),
    [
        ((9.0, 9.0, 9.0), False),  # nothing but the warm-up
        ((9.0, 8.0, 7.0, 1.0, 2.0, 3.0), False),  # worse than in the warm-up, and climbing
        ((9.0, 8.0, 7.0, 3.0, 2.0, 1.0), True),
    ],
)
def test_patience_begins_after_the_warm_up(scores: tuple[float, ...], stop: bool) -> None:
    assert out_of_patience(scores, 2, warmup=3) is stop


def test_a_run_goes_on_where_the_harder_loss_begins(train: Train) -> None:
    scores = (9.0, 1.0, 2.0, 3.0, 2.0)
    assert len(train("cold", scores, patience=2).scores) == 3
    result = train("warm", scores, patience=2, warmup_epochs=1)
    assert len(result.scores) == 5
    assert info(result.best).epoch == 1  # the best is still the best of all


def test_a_finished_run_has_nothing_to_do(train: Train, caplog: pytest.LogCaptureFixture) -> None:
    first = train("run", (1.0, 2.0), config="epochs: 2")
    before = {path.name: path.read_bytes() for path in first.last.parent.iterdir() if path.is_file()}
    assert train("run", (), resume=True, epochs=2, config="other").scores == [1, 2]
    assert {path.name: path.read_bytes() for path in first.last.parent.iterdir() if path.is_file()} == before
    assert "all 2 epochs are trained; more with --epochs" in caplog.text


def test_other_options_are_told_and_kept(train: Train, caplog: pytest.LogCaptureFixture) -> None:
    train("run", (1.0,), lr=1e-4)
    result = train(
        "run",
        (2.0,),
        resume=True,
        epochs=2,
        lr=0.5,
        batch_size=4,
        seed=3,
        schedule="cosine",
        weight_decay=0.1,
        workers=1,
    )
    changes = info(result.last).changes
    told = (
        "epochs 1 -> 2",
        "batch_size 6 -> 4",
        "lr 0.0001 -> 0.5",
        "seed 0 -> 3",
        "schedule none -> cosine",
        "weight_decay 0.0 -> 0.1",
    )
    assert all(text in caplog.text for text in told)
    assert len(changes) == len(told)  # workers change no number
    (rate,) = [change for change in changes if change["option"] == "lr"]
    assert {"from": 1e-4, "to": 0.5, "epoch": 1}.items() <= rate.items()
    assert all(datetime.fromisoformat(change["time"]).tzinfo for change in changes)
    again = train(
        "run", (3.0,), resume=True, epochs=3, lr=0.5, batch_size=4, seed=3, schedule="cosine", weight_decay=0.1
    )
    assert [change["epoch"] for change in info(again.last).changes] == [1] * 6 + [2]  # kept, and the new one


def test_fewer_epochs_than_are_trained(train: Train, tmp_path: Path) -> None:
    result = train("run", (1.0, 2.0, 3.0), config="epochs: 3")
    before = result.last.read_bytes()
    with pytest.raises(DataError, match=r"epochs: is 2, and 3 are behind the run .*\(give more than 3\)"):
        train("run", (1.0, 2.0), resume=True, config="epochs: 2")
    assert (tmp_path / "run" / "config.yaml").read_text() == "epochs: 3"
    assert result.last.read_bytes() == before


def test_other_validation_data(train: Train, toy_dataset) -> None:
    train("run", (1.0,))
    with pytest.raises(DataError, match=r"validated on val \(6 videos, 12 captions, \w+\), not on val \(5 videos"):
        train("run", (1.0, 2.0), resume=True, val=toy_dataset("val", videos=5))


def test_best_that_a_kill_left_behind(train: Train) -> None:
    result = train("run", (1.0, 2.0))
    stale = result.best.read_bytes()
    result.best.unlink()  # killed after last.ckpt, before best.ckpt
    train("run", (1.5,), resume=True, epochs=3)
    assert (info(result.best).epoch, info(result.best).scores) == (2, [1, 2])
    fresh, old = (torch.load(path, weights_only=True) for path in (result.best, _written(result.best, stale)))
    assert fresh.keys() - {"pytorch-lightning_version"} <= old.keys()
    assert all(torch.equal(fresh["state_dict"][name], tensor) for name, tensor in old["state_dict"].items())


def _written(beside: Path, data: bytes) -> Path:
    path = beside.with_name("other.ckpt")
    path.write_bytes(data)
    return path


def test_best_that_is_missing_or_of_another_run(train: Train) -> None:
    result, other = train("run", (2.0, 1.0)), train("other", (3.0, 1.0))
    for act in (lambda: shutil.copy(other.best, result.best), result.best.unlink):
        act()
        with pytest.raises(DataError, match=r"best.ckpt: is not that of epoch 1, the best of the run"):
            train("run", (1.0,) * 3, resume=True)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda content: content.pop("optimizer_states"), "has no field 'optimizer_states'"),
        (lambda content: content.pop("loops"), "has no field 'loops'"),
        (lambda content: content["state_dict"].popitem(), "cannot be continued: .*Missing"),
        (lambda content: content["optimizer_states"][0]["param_groups"].clear(), "cannot be continued: "),
        (lambda content: content["graphvtr"].update(training={"options": 3}), "has a wrong field 'training'"),
        (lambda content: content["graphvtr"]["info"].update(scores=[]), "does not know the score of each"),
    ],
)
def test_no_foreign_exception(train: Train, damage: Callable[[Any], Any], message: str) -> None:
    result = train("run", (1.0,), config="first")
    content = torch.load(result.last, weights_only=True)
    damage(content)
    torch.save(content, result.last)
    with pytest.raises(DataError, match=message):
        train("run", (1.0, 2.0), resume=True, config="second")
    assert (result.last.parent / "config.yaml").read_text() == "first"


def test_best_cannot_be_resumed(train: Train) -> None:
    result = train("run", (1.0,))
    shutil.copy(result.best, result.last)
    with pytest.raises(DataError, match=r"last.ckpt: has no field 'optimizer_states', so it cannot be continued"):
        train("run", (1.0, 2.0), resume=True)
