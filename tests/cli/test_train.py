from __future__ import annotations

import json
import re
import signal
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from graphvtr.cli.main import main
from graphvtr.video import FeatureStore
from tests.processes import Command

pytest.importorskip("pytorch_lightning")
pytest.importorskip("spacy")
from graphvtr.tasks import config

CAPTIONS = {
    "a": ["a dog runs", "the dog runs"],
    "b": ["a cat sleeps", "the cat sleeps"],
    "c": ["a man sings", "the man sings"],
    "d": ["a bird flies", "the bird flies"],
}


@pytest.fixture
def msvd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Four clips in MSVD's layout, all in every split, and the flags that name them."""
    monkeypatch.setenv("GRAPHVTR_CACHE", str(tmp_path / "cache"))
    root = tmp_path / "msvd"
    root.mkdir()
    (root / "captions_msvd.json").write_text(json.dumps(CAPTIONS))
    for split in ("train", "val", "test"):
        (root / f"{split}_list.txt").write_text("\n".join(CAPTIONS))
    store = FeatureStore.create(tmp_path / "store", {"frame_x": 6}, {"features": {"name": "pixels"}})
    for index, name in enumerate(CAPTIONS):
        frames = torch.zeros(3, 6)
        frames[:, index] = 1
        store.add(name, {"frame_x": frames, "frame_time": torch.arange(3.0)})
    return ["--data", "msvd", "--root", str(root), "--store", str(tmp_path / "store"), "--parser", "spacy"]


SMALL = ["--model.hidden", "8", "--model.word_dim", "4", "--model.num_layers", "1", "--batch-size", "8", "--lr", "0.03"]


def test_train_then_eval(msvd: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = tmp_path / "run"
    assert main(["train", "hgr", *msvd, *SMALL, "--out", str(run), "--epochs", "30", "--device", "cpu"]) == 0
    out = capsys.readouterr().out
    assert "epoch 30/30" in out
    assert "best epoch " in out.splitlines()[-1]
    assert {path.name for path in run.iterdir()} == {"best.ckpt", "last.ckpt", "config.yaml", "tensorboard"}
    header = torch.load(run / "best.ckpt", weights_only=True)["graphvtr"]
    assert (header["info"]["dataset"], header["info"]["parser"]) == ("msvd", "spacy")
    assert (header["info"]["featurizer"], header["info"]["video_dim"]) == ("pixels", 6)
    arguments = ["eval", str(run / "best.ckpt"), *msvd, "--split", "test", "--save-scores", str(tmp_path / "s.npz")]
    assert main(arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    (line,) = [line for line in lines if line.startswith("text -> video")]
    assert line.split()[3:6] == ["100.0", "[100.0,", "100.0]"]  # R@1 of four clips that differ in everything
    with np.load(tmp_path / "s.npz", allow_pickle=False) as saved:
        assert saved["captions"].tolist() == [text for texts in CAPTIONS.values() for text in texts]


def test_resume(msvd: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = ["train", "hgr", *msvd, *SMALL, "--out", str(tmp_path / "run"), "--device", "cpu"]
    assert main([*run, "--epochs", "1"]) == 0
    assert main([*run, "--epochs", "2"]) == 2
    assert "graphvtr: error: " in capsys.readouterr().err
    assert main([*run, "--epochs", "2", "--resume"]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("epoch")]
    assert [line.split("  ")[0] for line in lines] == ["epoch 2/2"]
    assert yaml.safe_load((tmp_path / "run" / "config.yaml").read_text())["epochs"] == 2


def test_find_lr_prints_rates_and_trains_nothing(msvd: list[str], tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.setattr(config, "learning_rate_range", partial(config.learning_rate_range, steps=12))
    assert main(["train", "hgr", *msvd, *SMALL, "--out", str(tmp_path / "run"), "--find_lr", "true"]) == 0
    assert "steepest at lr" in capsys.readouterr().out
    assert not (tmp_path / "run").exists()


def test_resume_that_makes_no_sense_changes_nothing(msvd, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = ["train", "hgr", *msvd, *SMALL, "--out", str(tmp_path / "run"), "--device", "cpu", "--progress", "false"]
    assert main([*run, "--epochs", "2"]) == 0
    config = (tmp_path / "run" / "config.yaml").read_text()
    assert main([*run, "--epochs", "1", "--resume"]) == 2
    assert "epochs: is 1, and 2 are behind the run" in capsys.readouterr().err
    assert (tmp_path / "run" / "config.yaml").read_text() == config
    assert main([*run, "--epochs", "3", "--lr", "0.5", "--resume"]) == 0
    assert main(["export", str(tmp_path / "run" / "last.ckpt"), "--out", str(tmp_path / "shared")]) == 0
    card = (tmp_path / "shared" / "README.md").read_text()
    assert "with lr 0.03 → 0.5" in card
    assert "epochs: 3" in card


def check_stopped(run: list[str], folder: Path, error: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The last line tells how far a stopped run has come and how it goes on, and so it does."""
    last = error.strip().splitlines()[-1]
    found = re.fullmatch(r"graphvtr: stopped after epoch (\d+) of 100000; continue with --resume", last)
    assert found, error
    epochs = int(found.group(1))
    assert epochs >= 2  # the line of an epoch comes before its files
    assert "Traceback" not in error
    header = torch.load(folder / "last.ckpt", weights_only=True)["graphvtr"]
    assert header["info"]["epoch"] == epochs
    assert main([*run, "--epochs", str(epochs + 1), "--resume"]) == 0
    assert f"epoch {epochs + 1}/{epochs + 1}  " in capsys.readouterr().out


def test_a_run_refuses_a_second_one_and_ends_with_a_word(msvd: list[str], tmp_path: Path, capsys) -> None:
    run = ["train", "hgr", *msvd, *SMALL, "--out", str(tmp_path / "run"), "--device", "cpu"]
    with Command(*run, "--epochs", "100000") as process:
        for line in process.stdout:
            if line.startswith("epoch 3/"):
                break
        for resume in ([], ["--resume"]):
            assert main([*run, "--epochs", "1", *resume]) == 2
            assert f"another run writes here (pid {process.pid}, since 2" in capsys.readouterr().err
        assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        _, error = process.communicate(60)
        assert process.poll() == 143, error
    check_stopped(run, tmp_path / "run", error, capsys)


def test_ctrl_c_within_a_batch(msvd: list[str], tmp_path: Path, monkeypatch, capsys) -> None:
    """Lightning catches it, ignores it from then on, and exits with 1."""
    from graphvtr.tasks.callbacks import Progress

    def stop(self: Progress, trainer: Any, *_: Any) -> None:
        if trainer.current_epoch == 2:
            signal.raise_signal(signal.SIGINT)

    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where the tests run in the background
    run = ["train", "hgr", *msvd, *SMALL, "--out", str(tmp_path / "run"), "--device", "cpu"]
    with monkeypatch.context() as patch:
        patch.setattr(Progress, "on_train_batch_end", stop)
        assert main([*run, "--epochs", "100000"]) == 130
    check_stopped(run, tmp_path / "run", capsys.readouterr().err, capsys)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_print_config_is_fed_back(msvd: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [*msvd, *SMALL, "--out", str(tmp_path / "run"), "--epochs", "2", "--progress", "false"]
    with pytest.raises(SystemExit) as stop:
        main(["train", "hgr", *arguments, "--print_config"])
    assert stop.value.code == 0
    (tmp_path / "config.yaml").write_text(capsys.readouterr().out)
    assert main(["train", "hgr", "--config", str(tmp_path / "config.yaml"), "--device", "cpu"]) == 0
    found = yaml.safe_load((tmp_path / "run" / "config.yaml").read_text())
    expected = yaml.safe_load((tmp_path / "config.yaml").read_text())
    assert found == {**expected, "device": "cpu"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["hrg", "--data", "msvd", "--out", "x"], "model 'hrg': unknown (did you mean 'hgr'? known: "),
        (["hgr", "--data", "mvsd", "--out", "x"], "dataset 'mvsd': unknown (did you mean 'msvd'? known: "),
        (["hgr", "--data", "msvd", "--out", "x"], "dataset 'msvd': needs the folder of its files (pass --root DIR)"),
        (["hgr", "--data", "msvd", "--out", "x", "--lr", "0"], "lr: is 0.0 (give a number over 0)"),
        (["hgr", "--out", "x"], "graphvtr train hgr: needs --data"),
        (["hgr", "--data", "msvd", "--out", "x", "--model.depth", "3"], "--model.depth"),
    ],
)
def test_errors_are_one_line(arguments, message, capsys, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["train", *arguments]) == 2
    error = capsys.readouterr().err.strip()
    assert error.startswith("graphvtr: error: ")
    assert message in error
    assert "\n" not in error
    assert not (tmp_path / "x").exists()


def test_unknown_split(msvd: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "hgr", *msvd, "--out", str(tmp_path / "x"), "--val_split", "valid"]) == 2
    assert "split 'valid' of msvd: unknown (known: train, val, test)" in capsys.readouterr().err


def test_evaluation_takes_the_captions_that_training_took(msvd: list[str], tmp_path: Path, capsys) -> None:
    run = tmp_path / "run"
    chosen = ["--option", "max_captions=1", "--option", "choose_captions=random"]
    assert main(["train", "hgr", *msvd, *SMALL, *chosen, "--out", str(run), "--epochs=1", "--device=cpu"]) == 0
    header = torch.load(run / "best.ckpt", weights_only=True)["graphvtr"]
    assert header["info"]["captions"] == {"max_captions": 1, "choose_captions": "random"}
    capsys.readouterr()
    counts = []
    for options in ([], ["--option", "max_captions=2"]):
        assert main(["eval", str(run / "best.ckpt"), *msvd, "--json", "--samples=10", *options]) == 0
        counts.append(json.loads(capsys.readouterr().out)["captions"])
    assert counts == [4, 8]
