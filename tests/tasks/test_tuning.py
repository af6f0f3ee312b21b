"""A search over options: trials side by side, a table, the best as a configuration, and going on with it."""

from __future__ import annotations

import csv
import os
import pickle
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml

from graphvtr.cli.main import main
from graphvtr.errors import DataError
from graphvtr.locks import output_lock
from graphvtr.tasks.tuning import Space, tune

ray = pytest.importorskip("ray")
pytest.importorskip("ray.tune")
pytest.importorskip("pytorch_lightning")

DATA = ["--data", "moving_scenes", "--option", "num_clips=30", "--epochs", "1", "--device", "cpu", "--logger", "none"]
SMALL = ["--model.hidden", "8", "--model.word_dim", "4", "--model.num_layers", "1"]


class Evil:
    """Runs a command when it is unpickled."""

    def __init__(self, touched: Path) -> None:
        self.touched = touched

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.touched}",)


def test_a_search_and_going_on_after_a_kill(
    two_workers: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "search"
    arguments = ["tune", "hgr", "--out", str(out), *DATA, *SMALL, "--search", "lr=grid(1e-3,1e-30)", "--trials", "1"]
    arguments += ["--cpus", "2"]  # one trial after the other, in one process: torch is imported once
    assert main(arguments) == 0
    told = capsys.readouterr().out
    assert "best of 2 trials: validation rsum" in told
    assert f"graphvtr train hgr --config {out / 'best.yaml'}" in told
    rows = list(csv.DictReader((out / "results.csv").open()))
    assert {row["lr"] for row in rows} == {"0.001", "1e-30"}
    assert float(rows[0]["rsum"]) >= float(rows[1]["rsum"])
    text = (out / "best.yaml").read_text()
    best = yaml.safe_load(text)
    assert (str(best["lr"]), best["model"]["hidden"]) == (rows[0]["lr"], 8)
    assert main(arguments) == 2
    assert "holds a search already" in capsys.readouterr().err
    (out / "results.csv").unlink()  # as if it had been killed in its second trial, and somebody had been at its files
    (out / "best.yaml").unlink()
    shutil.rmtree(out / "trials" / "00001")
    (out / "ray" / "tuner.pkl").write_bytes(pickle.dumps(Evil(tmp_path / "ran")))
    finished = {path: path.stat().st_mtime_ns for path in (out / "trials" / "00000").rglob("*.*")}
    assert main([*arguments, "--resume"]) == 0
    assert not (tmp_path / "ran").exists()
    assert finished == {path: path.stat().st_mtime_ns for path in (out / "trials" / "00000").rglob("*.*")}
    assert (out / "trials" / "00001" / "best.ckpt").exists()
    assert list(csv.DictReader((out / "results.csv").open())) == rows
    assert (out / "best.yaml").read_text() == text
    assert main([*arguments, "--epochs", "2", "--resume"]) == 2
    assert "holds a search of other options" in capsys.readouterr().err


def test_a_second_search_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["tune", "hgr", "--out", str(tmp_path / "search"), *DATA, "--search", "lr=grid(1e-3)"]
    with ThreadPoolExecutor(1) as other:  # a lock is held by a thread of its own, as by a process
        lock = output_lock(tmp_path / "search", folder=True)
        other.submit(lock.__enter__).result()
        assert main(arguments) == 2
        other.submit(lock.__exit__, None, None, None).result()
    assert f"another run writes here (pid {os.getpid()}, since" in capsys.readouterr().err
    assert not (tmp_path / "search").exists()


def test_spaces() -> None:
    assert Space.read("--model.hidden=choice(8, 16)") == Space("model.hidden", "choice", (8, 16))
    assert Space.read("schedule=grid('none','cosine')").first == "none"
    tune_ = ray.tune
    for text in (
        "lr=uniform(0,1)",
        "lr=loguniform(1e-4,1)",
        "lr=quniform(0,1,0.5)",
        "epochs=randint(1,3)",
        "x=choice(4,)",
    ):
        space = Space.read(text)
        assert space.of_tune(tune_).sample() >= 0


@pytest.mark.parametrize(
    "text", ["lr", "lr=normal(0,1)", "lr=uniform(1)", "lr=uniform(2,1)", "lr=loguniform(0,1)", "lr=choice(open('x'))"]
)
def test_no_space(text: str) -> None:
    with pytest.raises(DataError, match="--search"):
        Space.read(text)


def test_what_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(DataError, match="needs a --search"):
        tune("hgr", DATA, [], tmp_path / "out")
    with pytest.raises(DataError, match="trials: is 0"):
        tune("hgr", DATA, [Space("lr", "uniform", (0.1, 1.0))], tmp_path / "out", trials=0)
    with pytest.raises(DataError, match="no search to resume"):
        tune("hgr", DATA, [Space("lr", "uniform", (0.1, 1.0))], tmp_path / "out", resume=True)
    assert main(["tune", "hgr", *DATA, "--out", str(tmp_path / "x"), "--search", "depth=choice(1,2)"]) == 2
    assert "--depth" in capsys.readouterr().err
    assert main(["tune", "hgr", *DATA, "--search", "lr=choice(1,2)"]) == 2
    assert "needs --out" in capsys.readouterr().err
