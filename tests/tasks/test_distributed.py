"""Two real processes with gloo between them: what they compute together is what one would compute."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest
import torch

pytest.importorskip("pytorch_lightning")
from graphvtr.tasks import load
from graphvtr.tasks.checkpoint import KEY
from tests.every_model import CASES, NAMES
from tests.processes import Child, clean_context
from tests.tasks import equal_ranks, train_ranks

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(not torch.distributed.is_gloo_available(), reason="torch without gloo")


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, float]]:
    folder = tmp_path_factory.mktemp("ranks")
    processes = [clean_context().Process(target=equal_ranks.main, args=(folder, rank)) for rank in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(300)
        process.kill()
    assert [process.exitcode for process in processes] == [0, 0]
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


def test_training_of_every_model(
    tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By two processes as torchrun starts them and by one; with ``--full-product`` really every model, else the one of
    most parts."""
    number = str(len(CASES) if request.config.getoption("full_product") else 1)
    with ExitStack() as stack:
        alone = stack.enter_context(Child(train_ranks.train_every, str(tmp_path / "1"), number))
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = str(free.getsockname()[1])
        torchrun = {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "TORCHELASTIC_RUN_ID": "test"}
        for name, value in {**torchrun, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}.items():
            monkeypatch.setenv(name, value)
        both = []
        for rank in ("0", "1"):
            for name in ("RANK", "LOCAL_RANK"):
                monkeypatch.setenv(name, rank)
            both.append(stack.enter_context(Child(train_ranks.train_every, str(tmp_path / "2"), number)))
        for process in (alone, *both):
            _, errors = process.communicate(300)
            assert process.poll() == 0, errors[-3000:]
    folders = sorted((tmp_path / "1").iterdir())
    assert len(folders) == int(number)
    for folder in folders:
        files = [tmp_path / ranks / folder.name / "last.ckpt" for ranks in ("1", "2")]
        one, two = (torch.load(file, weights_only=True) for file in files)
        assert two[KEY]["info"]["scores"] == pytest.approx(one[KEY]["info"]["scores"]), folder.name
        for name, tensor in one["state_dict"].items():
            torch.testing.assert_close(two["state_dict"][name], tensor, rtol=1e-6, atol=1e-6)


def test_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two devices as a user asks for them: Lightning starts the second process by this one's command."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "tests.tasks.train_ranks", str(tmp_path / "2"), "2"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    # a clean process for both: Adam makes much of the least difference in how they compute
    with Child(train_ranks.main, str(tmp_path / "1"), 1) as process:
        alone, errors = process.communicate(300)
    assert process.poll() == 0, errors[-3000:]
    two, [one] = done.stdout, [line for line in alone.splitlines() if line.startswith("scores")]
    assert [line for line in two.splitlines() if line.startswith("scores")] == [one, one]  # both ranks know them
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
    told: list[str] = []
    monkeypatch.setattr("graphvtr.tasks.run_state.logger.warning", lambda text, *values: told.append(text % values))
    train_ranks.train_small(tmp_path / "2", 1, epochs=3, resume=True)
    assert any("goes on with other options: epochs 2 -> 3; devices 2 -> 1" in line for line in told)
