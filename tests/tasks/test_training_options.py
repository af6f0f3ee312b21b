"""Options of a training beside its plain form: large batches, precision, averages, validation by steps, replay."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

pytest.importorskip("pytorch_lightning")
from graphvtr.cli.main import main
from graphvtr.errors import DataError, DivergedError
from graphvtr.tasks import CheckpointInfo, load
from graphvtr.tasks.batches import PairBatch, PairData
from graphvtr.tasks.data import RetrievalData
from graphvtr.tasks.learning_rate_range import _steepest, learning_rate_range
from graphvtr.tasks.module import RetrievalModule
from graphvtr.tasks.replay import replay
from graphvtr.tasks.sampler import CaptionSampler
from graphvtr.tasks.schedule import LearningRate
from graphvtr.tasks.trainer import FitResult, TrainOptions, fit
from graphvtr.text import Vocabulary
from tests.every_model import CASES, collection, small, small_run

Train = Callable[..., FitResult]


@pytest.fixture
def train(tmp_path: Path, toy_dataset, toy_vocabulary, toy_model) -> Train:
    """``train(folder, **options)`` trains the toy model."""

    def run(folder: str = "run", *, resume: bool = False, model=None, **options) -> FitResult:
        defaults = {"epochs": 2, "batch_size": 6, "lr": 1e-2, "device": "cpu"}
        data = toy_dataset("train"), toy_dataset("val", videos=6)
        return fit(
            model or toy_model(),
            toy_vocabulary,
            *data,
            tmp_path / folder,
            TrainOptions(**{**defaults, **options}),
            resume=resume,
            progress=False,
        )

    return run


def gradients(module: RetrievalModule, batch: PairBatch) -> tuple[float, dict[str, Tensor]]:
    module.model.zero_grad()
    loss = module.model.loss(*module.encode(batch), batch.video_of_text)["loss"]
    loss.backward()
    return float(loss.detach()), {n: p.grad.clone() for n, p in module.model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize(("name", "options"), CASES, ids=str)
def test_gradient_caching_has_the_plain_gradient(name: str, options: dict[str, Any]) -> None:
    """To 1e-6 in double precision, where what is left is no rounding of float32, which GraphVTR's 1 / temperature
    makes large."""
    model, dataset, vocabulary = small_run(name, **options)
    model.double()
    batch = PairData(dataset)[torch.arange(14)]
    parts = (model, vocabulary, LearningRate(0.1), CheckpointInfo(name), dataset.video_of_caption)
    if any(isinstance(part, nn.BatchNorm1d) for part in model.modules()):
        with pytest.raises(DataError, match="encode_chunk: would change the batch normalisation"):
            RetrievalModule(*parts, encode_chunk=3)
        return
    loss, plain = gradients(RetrievalModule(*parts), batch)
    again, cached = gradients(RetrievalModule(*parts, encode_chunk=3), batch)
    assert again == pytest.approx(loss, rel=1e-6)
    assert plain.keys() == cached.keys()
    for key, gradient in plain.items():
        torch.testing.assert_close(cached[key], gradient, rtol=1e-6, atol=1e-6)


def test_accumulation_says_what_it_does_to_negatives(train: Train, caplog: pytest.LogCaptureFixture) -> None:
    result = train(accumulate=2, epochs=1)
    assert "the negatives of a pair are those of its own batch" in caplog.text
    state = torch.load(result.last, weights_only=True)["optimizer_states"][0]["state"][0]
    assert float(state["step"]) == math.ceil(3 / 2)  # 16 captions in batches of 6


def test_bfloat16_trains(train: Train) -> None:
    result = train(precision="bfloat16", epochs=12, clip_grad=10.0)
    assert max(result.scores) > 400
    assert all(weight.dtype == torch.float32 for weight in load(result.last).parameters())


def test_average_is_validated_saved_and_resumed(train: Train) -> None:
    whole = train("whole", ema=0.5, epochs=3)
    train("parts", ema=0.5, epochs=2)
    again = train("parts", ema=0.5, epochs=3, resume=True)
    assert again.scores == whole.scores
    content = torch.load(whole.last, weights_only=True)
    trained, averaged = content["trained_weights"], content["state_dict"]
    assert any(not torch.equal(trained[name], averaged[name]) for name in trained)
    resumed = torch.load(again.last, weights_only=True)
    assert all(torch.equal(resumed["state_dict"][name], averaged[name]) for name in averaged)
    assert all(torch.equal(resumed["trained_weights"][name], trained[name]) for name in trained)
    assert "trained_weights" not in torch.load(whole.best, weights_only=True)


def test_steps_between_validations(train: Train) -> None:
    whole = train("whole", val_every=2, epochs=4)
    assert len(whole.scores) == 4
    state = torch.load(whole.last, weights_only=True)
    assert state["global_step"] == 8
    train("parts", val_every=2, epochs=3)
    assert train("parts", val_every=2, epochs=4, resume=True).scores == whole.scores


def test_steps_between_validations_are_steps_of_the_optimizer(train: Train) -> None:
    result = train(val_every=3, accumulate=2, epochs=2)
    assert len(result.scores) == 2
    assert torch.load(result.last, weights_only=True)["global_step"] == 6


@pytest.mark.parametrize("distinct", [False, True])
def test_stretches_lie_end_to_end(distinct: bool) -> None:
    owner = torch.arange(26) // 2
    options = {"seed": 3, "distinct_videos": distinct}
    passes = []
    for turn in range(3):
        sampler = CaptionSampler(owner, 4, **options)
        sampler.set_epoch(turn)
        passes += [batch.tolist() for batch in sampler]
    stretched = CaptionSampler(owner, 4, steps=5, **options)
    found = []
    for epoch in range(4):
        stretched.set_epoch(epoch)
        assert len(stretched) == 5
        found += [batch.tolist() for batch in stretched]
    assert found[: len(passes)] == passes[: len(found)]


def test_overfit(train: Train, tmp_path: Path) -> None:
    result = train(overfit=4, epochs=30, lr=3e-2)
    assert max(result.scores) > 590
    assert len(CheckpointInfo.of(load(result.last)).scores) == 30


@pytest.mark.parametrize(("logger", "files"), [("csv", {"csv"}), ("none", set())])
def test_loggers(train: Train, tmp_path: Path, logger: str, files: set[str]) -> None:
    train(logger=logger, epochs=1)
    assert {path.name for path in (tmp_path / "run").iterdir()} == {"best.ckpt", "last.ckpt", *files}
    if logger == "csv":
        assert "val/rsum" in (tmp_path / "run" / "csv" / "metrics.csv").read_text()


def test_a_resume_keeps_the_rows_of_before(train: Train, tmp_path: Path) -> None:
    train(logger="csv", epochs=2)
    train(logger="csv", epochs=4, resume=True, ema=0.5)
    with (tmp_path / "run" / "csv" / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["epoch"]) for row in rows if row["val/rsum"]] == [0, 1, 2, 3]
    assert sum(bool(row["train/loss"]) for row in rows) == 4


def test_a_loss_that_is_not_finite_is_kept_for_replay(train: Train, toy_model, tmp_path: Path, capsys) -> None:
    model = toy_model()
    with torch.no_grad():
        model.text_encoder.words.embedding.weight[5] = torch.inf
    with pytest.raises(DataError, match=r"training loss: is nan in epoch 1 .*graphvtr train --replay"):
        train(model=model)
    file = tmp_path / "run" / "failed_batch.ckpt"
    found = replay(file)
    assert (found.epoch, math.isnan(found.losses["loss"])) == (1, True)
    assert found.inputs == []
    assert found.weights == ["text_encoder.words.embedding.weight"]
    assert found.modules[0].startswith("text_encoder.words.embedding")
    assert main(["train", "--replay", str(file)]) == 0
    assert "weights that are not finite: text_encoder.words.embedding.weight" in capsys.readouterr().out
    assert main(["train", "--replay", str(tmp_path / "missing")]) == 2


def test_embeddings_without_a_length_are_kept_for_replay(tmp_path: Path) -> None:
    """A cosine of them is 0, and the loss a number."""
    data = collection()
    vocabulary = Vocabulary.from_captions(data.words())
    model = small("vse", vocabulary)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            weight.mul_(1e25 if name.startswith("video") else 1.0)
    options = TrainOptions(epochs=1, batch_size=6, device="cpu", logger="none")
    with pytest.raises(DataError, match=r"embeddings, level '\w+' of videos: leave the range of float32 .*--replay"):
        fit(model, vocabulary, data, data, tmp_path, options, progress=False)
    found = replay(tmp_path / "failed_batch.ckpt")
    assert math.isfinite(found.losses["loss"])
    assert found.levels[0].endswith("of videos")
    assert found.levels[0] in str(found)


@pytest.mark.parametrize("accumulate", [1, 2])
def test_gradients_that_are_not_finite_are_kept_for_replay(
    train: Train, toy_model, tmp_path: Path, accumulate: int
) -> None:
    """The loss is finite, and the weights would not be after the step."""
    model = toy_model()
    weight = model.text_encoder.words.embedding.weight
    weight.register_hook(lambda gradient: gradient * torch.inf)
    with pytest.raises(DivergedError, match=r"gradient: is not finite in epoch 1 .*graphvtr train --replay"):
        train(model=model, accumulate=accumulate)
    found = replay(tmp_path / "run" / "failed_batch.ckpt")
    assert math.isfinite(found.losses["loss"])
    assert (found.step, found.weights) == (1, [])


def test_of_a_batch_that_processes_share_the_first_keeps_all(tmp_path: Path) -> None:
    model, dataset, vocabulary = small_run("hgr")
    info = CheckpointInfo("hgr", video_dim=6)
    module = RetrievalModule(model, vocabulary, LearningRate(0.1), info, dataset.video_of_caption, folder=tmp_path)
    data = RetrievalData(dataset, dataset, batch_size=7, model=model)
    captions = list(data.sampler)[1]
    module._trainer = SimpleNamespace(datamodule=data, current_epoch=0, global_step=1)
    module._random = {"cpu": torch.get_rng_state(), "negative_weight": 1.0, "mining": ""}
    module._step = PairData(dataset, 0, 2)[captions], 1
    assert "--replay" in module._kept()
    loss, _ = gradients(module, PairData(dataset)[captions])
    assert replay(tmp_path / "failed_batch.ckpt").losses["loss"] == pytest.approx(loss)


def test_replay_of_what_is_no_step(train: Train) -> None:
    with pytest.raises(DataError, match="holds no step to make again"):
        replay(train(epochs=1).last)


def test_learning_rate_range(toy_dataset, toy_vocabulary, toy_model) -> None:
    model = toy_model()
    before = [weight.clone() for weight in model.parameters()]
    options = TrainOptions(batch_size=8, device="cpu")
    found = learning_rate_range(model, toy_vocabulary, toy_dataset(), options, low=1e-5, high=1.0, steps=60)
    assert all(torch.equal(old, new) for old, new in zip(before, model.parameters(), strict=True))
    assert found.rates == sorted(found.rates)
    assert found.suggestion is not None
    assert 1e-4 < found.suggestion < 0.5
    assert "steepest at lr" in str(found)
    chunks = TrainOptions(batch_size=8, device="cpu", encode_chunk=3)
    again = learning_rate_range(model, toy_vocabulary, toy_dataset(), chunks, low=1e-5, high=1.0, steps=20)
    assert len(again.losses) == 20
    with pytest.raises(DataError, match=r"learning rate range: is 1\.0 to 0\.1"):
        learning_rate_range(model, toy_vocabulary, toy_dataset(), options, low=1.0, high=0.1)


def test_an_easy_batch_is_no_fall() -> None:
    rates = [10 ** (step / 10) for step in range(100)]
    losses = [1.0 + 0.1 * (step == 11) - 0.05 * min(max(step - 60, 0), 15) for step in range(100)]
    assert min(b - a for a, b in pairwise(losses)) == losses[12] - losses[11]  # the steepest of all steps
    found = _steepest(rates, losses)
    assert found is not None
    assert rates[60] <= found <= rates[75]
    assert _steepest(rates, [1.0 + step for step in range(100)]) is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"precision": "half"}, "precision: is 'half' .*bfloat16"),
        ({"precision": "float16", "device": "cpu"}, "precision 'float16': needs a GPU"),
        ({"ema": 1.0}, "ema: is 1.0"),
        ({"encode_chunk": 0}, "encode_chunk: is 0"),
        ({"val_every": 0}, "val_every: is 0"),
        ({"logger": "mlflow"}, "logger: is 'mlflow'"),
    ],
)
def test_bad_options(options, message: str) -> None:
    with pytest.raises(DataError, match=message):
        TrainOptions(**options)
