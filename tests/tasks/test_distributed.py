"""Two real processes with gloo between them: what they compute together is what one would compute."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

pytest.importorskip("pytorch_lightning")
from graphvtr.tasks import load
from tests.every_model import NAMES

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
pytestmark = pytest.mark.skipif(not torch.distributed.is_gloo_available(), reason="torch without gloo")


def start(*arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", *map(str, arguments)]
    return subprocess.Popen(
        command, cwd=ROOT, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def finish(process: subprocess.Popen[str]) -> str:
    try:
        out, error = process.communicate(timeout=300)
    finally:
        process.kill()
    assert process.returncode == 0, error[-3000:]
    return out


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, float]]:
    folder = tmp_path_factory.mktemp("ranks")
    for process in [start("tests.tasks.equal_ranks", folder, rank) for rank in range(2)]:
        finish(process)
    found = [json.loads((folder / f"equal{rank}.json").read_text()) for rank in range(2)]
    return {key: {name: max(one[key][name] for one in found) for name in found[0][key]} for key in found[0]}


@pytest.mark.parametrize("name", NAMES)
def test_loss_gradient_and_statistics_of_every_model(name: str, results: dict[str, dict[str, float]]) -> None:
    batches = {key: value for key, value in results.items() if key.startswith(f"{name}, ")}
    assert len(batches) >= 2
    assert batches[f"{name}, batch"]["scale"] > 0.01
    for difference in batches.values():
        assert max(difference["loss"], difference["gradient"], difference["statistics"]) < 1e-5


def test_evaluation(results: dict[str, dict[str, float]]) -> None:
    assert results["evaluations equal"]["yes"] == 1.0


def test_training(tmp_path: Path) -> None:
    processes = [start("tests.tasks.train_ranks", tmp_path / str(ranks), ranks) for ranks in (1, 2)]
    one, two = (finish(process) for process in processes)
    scores = [[line for line in out.splitlines() if line.startswith("scores")] for out in (one, two)]
    assert scores[1] == scores[0] * 2  # both ranks know them
    assert [line.split("  ")[0] for line in two.splitlines() if line.startswith("epoch")] == ["epoch 1/2", "epoch 2/2"]
    assert {path.name for path in (tmp_path / "2").iterdir()} == {
        "best.ckpt",
        "last.ckpt",
        "config.yaml",
        "tensorboard",
    }
    weights = [load(tmp_path / str(ranks) / "last.ckpt").state_dict() for ranks in (1, 2)]
    for name, tensor in weights[0].items():
        torch.testing.assert_close(weights[1][name], tensor, rtol=1e-5, atol=1e-5)
