from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
import torch

pytest.importorskip("pytorch_lightning")
import pytorch_lightning as pl
from lightning_fabric.plugins.environments import SLURMEnvironment, TorchElasticEnvironment

from graphvtr.errors import DataError, DivergedError, MissingExtraError
from graphvtr.nn.models import RetrievalModel
from graphvtr.tasks import CheckpointInfo, evaluate, load, prepare
from graphvtr.tasks.callbacks import RunFiles
from graphvtr.tasks.trainer import FitResult, TrainOptions, _logger, _trainer, first_process, fit, started


@pytest.fixture
def run(tmp_path: Path, toy_dataset, toy_vocabulary, toy_model) -> Callable[..., FitResult]:
    """``run(folder, resume=..., model=..., **options)`` trains the toy model on the toy collection."""

    def train(folder: str = "run", *, resume: bool = False, model=None, info=None, **options) -> FitResult:
        defaults = {"epochs": 3, "batch_size": 6, "lr": 1e-2, "device": "cpu"}
        return fit(
            toy_model() if model is None else model,
            toy_vocabulary,
            toy_dataset("train"),
            toy_dataset("val", videos=6),
            tmp_path / folder,
            TrainOptions(**{**defaults, **options}),
            info=info,
            resume=resume,
            progress=False,
        )

    return train


def weights(path: Path) -> dict[str, torch.Tensor]:
    return load(path).state_dict()


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(a[name], b[name]) for name in a)


def test_learns_eight_pairs_by_heart(run, toy_dataset, toy_vocabulary) -> None:
    result = run(epochs=25, batch_size=16, lr=2e-2)
    model = load(result.last)
    info = CheckpointInfo.of(model)
    found = evaluate(model, prepare(toy_dataset("train"), model, toy_vocabulary))
    assert found.fused.metrics["t2v"]["R@1"] == 100
    assert found.fused.metrics["v2t"]["R@1"] == 100
    assert info.epoch == len(result.scores) == 25
    assert info.scores == result.scores


def test_same_seed_same_numbers(run) -> None:
    first, again, other = run("a"), run("b"), run("c", seed=1)
    assert first.scores == again.scores
    assert same(weights(first.last), weights(again.last))
    assert not same(weights(first.last), weights(other.last))


@pytest.mark.parametrize("schedule", ["none", "plateau", "cosine"])
def test_resumed_equals_uninterrupted(run, schedule: str) -> None:
    options = {"schedule": schedule, "schedule_patience": 1, "captions_per_video": "one", "batch_size": 3}
    whole = run("whole", epochs=5, **options)
    # stop after two epochs as a kill would: the schedule knows the full length
    with pytest.MonkeyPatch.context() as patch:
        stop_after(patch, 2)
        run("parts", epochs=5, **options)
    resumed = run("parts", epochs=5, resume=True, **options)
    assert resumed.scores == whole.scores
    assert same(weights(resumed.last), weights(whole.last))
    assert same(weights(resumed.best), weights(whole.best))
    assert optimiser_state(resumed.last) == optimiser_state(whole.last)


def stop_after(patch: pytest.MonkeyPatch, epochs: int) -> None:
    from graphvtr.tasks.module import RetrievalModule

    def on_train_epoch_end(module: RetrievalModule) -> None:
        module.trainer.should_stop = module.current_epoch + 1 >= epochs

    patch.setattr(RetrievalModule, "on_train_epoch_end", on_train_epoch_end, raising=False)


def optimiser_state(path: Path) -> list[tuple[float, float]]:
    state = torch.load(path, weights_only=True)["optimizer_states"][0]
    moments = [(float(s["step"]), float(s["exp_avg_sq"].double().sum())) for s in state["state"].values()]
    return [*moments, (state["param_groups"][0]["lr"], 0.0)]


def test_longer_training_of_a_finished_run(run) -> None:
    whole = run("whole", epochs=4)
    run("parts", epochs=2)
    assert run("parts", epochs=4, resume=True).scores == whole.scores


def test_best_is_the_epoch_of_the_best_validation(run) -> None:
    result = run(epochs=4)
    info = CheckpointInfo.of(load(result.best))
    assert info.scores[-1] == max(result.scores)
    assert info.epoch == result.scores.index(max(result.scores)) + 1


def test_stops_early(run) -> None:
    result = run(epochs=12, patience=2, lr=1e-7)  # nothing is learnt at this rate
    best = result.scores.index(max(result.scores))
    assert len(result.scores) == best + 3 < 12


def test_learning_rate_follows_the_schedule(run) -> None:
    last = torch.load(run(epochs=3, schedule="exponential", factor=0.1, lr=1e-2).last, weights_only=True)
    assert last["optimizer_states"][0]["param_groups"][0]["lr"] == pytest.approx(1e-4)


def test_gradients_are_clipped(run) -> None:
    free, clipped = run("free", epochs=1), run("clipped", epochs=1, clip_grad=1e-4)
    assert not same(weights(free.last), weights(clipped.last))
    # Adam's first moment is a running mean of gradients, whose norm the clipping bounds
    moments = torch.load(clipped.last, weights_only=True)["optimizer_states"][0]["state"].values()
    assert torch.cat([s["exp_avg"].flatten() for s in moments]).norm() <= 1e-4


def test_determinism_switch_is_restored(run) -> None:
    run(epochs=1)
    assert not torch.are_deterministic_algorithms_enabled()


def test_logs_and_quietness(run, tmp_path, capsys, recwarn) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run(epochs=2)
    events = EventAccumulator(str(tmp_path / "run" / "tensorboard")).Reload()
    tags = set(events.Tags()["scalars"])
    assert {"train/loss", "train/fused", "lr", "val/rsum", "val/t2v_R@1", "val/v2t_R@10", "val/t2v_MedR"} <= tags
    assert len(events.Scalars("val/rsum")) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert [str(w.message) for w in recwarn if "lightning" in (w.filename or "")] == []


def test_epoch_lines(tmp_path, toy_dataset, toy_vocabulary, toy_model, capsys) -> None:
    options = TrainOptions(epochs=2, batch_size=6, device="cpu")
    train, val = toy_dataset("train"), toy_dataset("val")
    fit(toy_model(), toy_vocabulary, train, val, tmp_path / "run", options)
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("epoch ")]
    assert len(lines) == 2
    assert lines[0].endswith("best")
    figures = r"  loss \d+\.\d{4}  val rsum .*  [1-9][\d,]* captions/s  \d+\.\d GB  \d+:\d\d left"
    for epoch, line in enumerate(lines, 1):
        assert re.match(rf"epoch {epoch}/2{figures}", line)


def test_an_error_before_the_first_epoch_is_the_one_that_shows(
    tmp_path, toy_dataset, toy_vocabulary, toy_model, monkeypatch
) -> None:
    from graphvtr.tasks.module import RetrievalModule

    def fail(module: RetrievalModule) -> None:
        raise RuntimeError("no optimiser")

    monkeypatch.setattr(RetrievalModule, "configure_optimizers", fail)
    with pytest.raises(RuntimeError, match="no optimiser"):
        fit(toy_model(), toy_vocabulary, toy_dataset("train"), toy_dataset("val"), tmp_path, TrainOptions(device="cpu"))


def test_a_run_is_not_overwritten(run, tmp_path) -> None:
    run(epochs=1)
    with pytest.raises(DataError, match=r"holds a run already .*--resume"):
        run(epochs=1)
    with pytest.raises(DataError, match="nothing to resume"):
        run("empty", resume=True)
    assert not (tmp_path / "empty").exists()


def test_resume_of_something_else(run, toy_model, tmp_path) -> None:
    run(epochs=1)
    with pytest.raises(DataError, match=r"margin 0.2 instead of 0.3"):
        run(resume=True, model=toy_model(margin=0.3))
    with pytest.raises(DataError, match="was trained on toy"):
        run(resume=True, info=CheckpointInfo("hgr", dataset="msvd"))
    with pytest.raises(DataError, match="checkpoint of hgr, not of visern"):
        run(resume=True, info=CheckpointInfo("visern", dataset="toy"))
    (tmp_path / "run" / "last.ckpt").write_bytes(b"damaged")
    with pytest.raises(DataError, match=r"last.ckpt: is damaged"):
        run(resume=True)


def test_resume_with_another_vocabulary(run, toy_dataset, toy_vocabulary, toy_model, tmp_path) -> None:
    run(epochs=1)
    other = type(toy_vocabulary)(sorted(toy_vocabulary.words[3:], reverse=True))
    with pytest.raises(DataError, match="another vocabulary"):
        fit(toy_model(), other, toy_dataset("train"), toy_dataset("val"), tmp_path / "run", resume=True)


def test_loss_that_is_not_finite(run, toy_model) -> None:
    model = toy_model()
    with torch.no_grad():
        next(model.video_encoder.parameters()).fill_(torch.nan)
    with pytest.raises(DivergedError, match=r"training loss: is nan in epoch 1 .*lr"):
        run(model=model)


@pytest.mark.parametrize("batch_size", [3, 16])  # it happens within the epoch, or in the validation after it
@pytest.mark.parametrize("name", ["hgr", "vse", "dual_encoding", "vsrnet"])
def test_a_training_that_leaves_float_range(name: str, batch_size: int, tmp_path: Path) -> None:
    from graphvtr.text import Vocabulary
    from tests.every_model import collection, small

    data = collection()
    vocabulary = Vocabulary.from_captions(data.words())
    options = TrainOptions(epochs=3, batch_size=batch_size, lr=1e30, device="cpu")
    with pytest.raises(DataError, match=r"(training loss: is|leave the range of float32|is NaN)"):
        fit(small(name, vocabulary), vocabulary, data, data, tmp_path / "run", options, progress=False)
    assert not (tmp_path / "run" / "best.ckpt").exists()


def test_unregistered_model(run, toy_model) -> None:
    class Other(type(toy_model())):  # type: ignore[misc]
        pass

    model = toy_model()
    model.__class__ = Other
    assert isinstance(model, RetrievalModel)
    with pytest.raises(DataError, match="Other: is not a registered model"):
        run(model=model)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": 0}, "epochs: is 0"),
        ({"batch_size": 0}, "batch_size: is 0"),
        ({"patience": 0}, "patience: is 0"),
        ({"workers": -1}, "workers: is -1"),
        ({"warmup_epochs": -1}, "warmup_epochs: is -1"),
        ({"schedule_monitor": "mrr"}, "schedule_monitor: is 'mrr'"),
        ({"device": "tpu"}, "device: is 'tpu'"),
        ({"lr": 0.0}, "lr: is 0.0"),
        ({"schedule": "steps"}, "schedule: is 'steps' .*plateau"),
    ],
)
def test_bad_options(options, message) -> None:
    with pytest.raises(DataError, match=message):
        TrainOptions(**options)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_no_gpu() -> None:
    with pytest.raises(DataError, match="device 'cuda': is not there"):
        TrainOptions(device="cuda")


TORCHRUN = {"RANK": "5", "LOCAL_RANK": "1", "WORLD_SIZE": "8", "LOCAL_WORLD_SIZE": "4"}
SLURM = {"NTASKS": 4, "NTASKS_PER_NODE": 2, "JOB_NAME": "train", "JOB_ID": 7, "PROCID": 2, "LOCALID": 0, "NODEID": 1}


@pytest.mark.parametrize(
    ("environment", "devices", "first"),
    [
        ({}, (1, 1), True),
        (TORCHRUN, (4, 2), False),
        ({**TORCHRUN, "RANK": "0", "LOCAL_RANK": "0"}, (4, 2), True),
        ({"LOCAL_RANK": "1"}, (1, 1), False),  # a process that Lightning has started
        ({"SLURM_PROCID": "3"}, (1, 1), False),
        ({"SLURM_PROCID": "3", "SLURM_NTASKS_PER_NODE": "2", "SLURM_NNODES": "3"}, (2, 3), False),
        ({"SLURM_PROCID": "0", "SLURM_NTASKS_PER_NODE": "2", "SLURM_JOB_NAME": "interactive"}, (1, 1), True),
        ({"NODE_RANK": "1"}, (1, 1), False),  # the first process of another node
        ({"NODE_RANK": "1", "LOCAL_RANK": "0"}, (1, 1), False),
        ({**TORCHRUN, "RANK": "0", "NODE_RANK": "1"}, (4, 2), True),
    ],
)
def test_processes_of_a_cluster(environment, devices, first, monkeypatch) -> None:
    for name in (
        *TORCHRUN,
        "NODE_RANK",
        *(f"SLURM_{name}" for name in ("PROCID", "NTASKS_PER_NODE", "NNODES", "JOB_NAME")),
    ):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    options = started(TrainOptions(device="cpu"))
    assert (options.devices, options.num_nodes) == devices
    assert first_process() == first


def test_a_job_of_slurm_is_one_process_of_its_nodes_and_is_not_queued_again(tmp_path, monkeypatch) -> None:
    for name, value in {**SLURM, "NODELIST": "node[1-2]"}.items():
        monkeypatch.setenv(f"SLURM_{name}", str(value))
    options = TrainOptions(device="cpu", devices=2, num_nodes=2)
    trainer = _trainer(tmp_path, options, RunFiles(tmp_path), progress=False)
    environment = trainer.strategy.cluster_environment
    assert isinstance(environment, SLURMEnvironment)
    assert not environment.auto_requeue  # a run goes on from its last.ckpt
    assert (trainer.world_size, trainer.global_rank, trainer.is_global_zero) == (4, 2, False)


def test_torchrun_within_a_job_of_slurm(tmp_path, monkeypatch) -> None:
    environment = {
        **TORCHRUN,
        "GROUP_RANK": "1",
        "TORCHELASTIC_RUN_ID": "1",
        **{f"SLURM_{k}": str(v) for k, v in SLURM.items()},
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    options = started(TrainOptions(device="cpu"))
    trainer = _trainer(tmp_path, options, RunFiles(tmp_path), progress=False)
    assert isinstance(trainer.strategy.cluster_environment, TorchElasticEnvironment)
    assert (trainer.world_size, trainer.global_rank, trainer.local_rank) == (8, 5, 1)


def test_devices_that_lightning_refuses(run, tmp_path) -> None:
    with pytest.raises(DataError, match=r"strategy dpp: Lightning refuses them: .*invalid strategy name"):
        run(strategy="dpp")
    assert not any((tmp_path / "run").glob("*"))


def test_weights_and_biases(tmp_path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(MissingExtraError, match=r"--logger wandb.*graphvtr\[wandb\]"):
        _logger(tmp_path / "run", "wandb")
    monkeypatch.setitem(sys.modules, "wandb", ModuleType("wandb"))
    monkeypatch.setattr(pl.loggers, "WandbLogger", dict)
    assert _logger(tmp_path / "run", "wandb") == {"name": "run", "save_dir": tmp_path / "run", "project": "graphvtr"}
