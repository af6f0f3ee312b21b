from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from graphvtr.graphs import RoleGraph, VideoGraph, node_ptr
from graphvtr.metrics import both_directions
from graphvtr.nn import CosineMatch, LevelEmbeddings, TripletRankingLoss
from graphvtr.nn.models import MODELS, RetrievalModel
from graphvtr.ops import segment_reduce
from graphvtr.tasks import CheckpointInfo, prepare
from graphvtr.tasks.batches import PairData
from graphvtr.tasks.checkpoint import read_file, read_header
from graphvtr.tasks.data import RetrievalData
from graphvtr.tasks.module import RetrievalModule, validation_loss
from graphvtr.tasks.schedule import LearningRate
from graphvtr.tasks.trainer import TrainOptions, fit


class MeanPool(RetrievalModel):
    """One level: mean frame against mean word, the least that keeps the contract."""

    levels = ("event",)

    def __init__(self, vocab_size: int, video_dim: int, hidden: int = 8) -> None:
        super().__init__()
        self.config = {"vocab_size": vocab_size, "video_dim": video_dim, "hidden": hidden}
        self.video, self.word = nn.Linear(video_dim, hidden), nn.Embedding(vocab_size, hidden)
        self.matchers = nn.ModuleDict({"event": CosineMatch()})
        self.ranking = TripletRankingLoss()

    def encode_video(self, graph: VideoGraph) -> LevelEmbeddings:
        return LevelEmbeddings(event=self.video(segment_reduce(graph["frame"].x, node_ptr(graph, "frame"), "mean")))

    def encode_text(self, graph: RoleGraph) -> LevelEmbeddings:
        return LevelEmbeddings(event=segment_reduce(self.word(graph["word"].id), node_ptr(graph, "word"), "mean"))

    def loss(self, video: LevelEmbeddings, text: LevelEmbeddings, video_of_text: Tensor) -> dict[str, Tensor]:
        loss = self.ranking(self.similarity(video, text), video_of_text)
        return {"loss": loss, "half": loss / 2}


@pytest.fixture
def mean_pool(monkeypatch: pytest.MonkeyPatch) -> type[MeanPool]:
    monkeypatch.setitem(MODELS._entries, "mean_pool", MeanPool)
    return MeanPool


def test_any_model_of_the_contract_trains(mean_pool, toy_dataset, toy_vocabulary, tmp_path) -> None:
    model = mean_pool(len(toy_vocabulary), 10)
    options = TrainOptions(epochs=30, batch_size=16, lr=3e-2, device="cpu")
    train = toy_dataset("train")
    result = fit(model, toy_vocabulary, train, train, tmp_path, options, progress=False)
    assert result.scores[-1] > 590
    content = torch.load(result.best, weights_only=True)
    assert content["graphvtr"]["info"]["model"] == "mean_pool"


def test_losses_are_those_of_the_model(mean_pool, toy_dataset, toy_vocabulary) -> None:
    model = mean_pool(len(toy_vocabulary), 10)
    dataset = prepare(toy_dataset(), model, toy_vocabulary)
    module = RetrievalModule(model, toy_vocabulary, LearningRate(0.1), CheckpointInfo("m"), dataset.video_of_caption)
    logged: dict[str, Any] = {}
    module.log = lambda name, value, **options: logged.update({name: (float(value), options.get("batch_size"))})
    loss = module.training_step(PairData(dataset)[torch.arange(6)], 0)
    loss.backward()
    assert model.video.weight.grad is not None
    assert logged == {
        "train/loss": (pytest.approx(loss.item()), 6),
        "train/half": (pytest.approx(loss.item() / 2), 6),
    }


def test_what_a_model_calibrates_on_validation_is_in_the_checkpoint_of_its_epoch(
    mean_pool, toy_dataset, toy_vocabulary, tmp_path
) -> None:
    model = mean_pool(len(toy_vocabulary), 10)
    model.register_buffer("seen", torch.zeros(3))
    model.calibrate = lambda video, text, owner: model.seen.copy_(
        torch.tensor([len(video["event"]), len(text["event"]), len(owner)])
    )
    options, train = TrainOptions(epochs=1, batch_size=16, device="cpu"), toy_dataset("train")
    result = fit(model, toy_vocabulary, train, train, tmp_path, options, progress=False)
    seen = read_file(result.best)["state_dict"]["model.seen"]
    assert seen.tolist() == [len(train.videos), len(train.captions), len(train.captions)]


def test_validation_equals_the_metrics(mean_pool, toy_dataset, toy_vocabulary) -> None:
    model = mean_pool(len(toy_vocabulary), 10)
    dataset = prepare(toy_dataset(videos=9), model, toy_vocabulary)
    module = RetrievalModule(model, toy_vocabulary, LearningRate(0.1), CheckpointInfo("m"), dataset.video_of_caption)
    trainer = pl.Trainer(
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    data = RetrievalData(dataset, dataset, batch_size=4)
    (found,) = trainer.validate(module, data.val_dataloader(), verbose=False)
    with torch.inference_mode():
        scores = model.similarity(
            model.encode_video(dataset.video_graphs.batch(range(9))),
            model.encode_text(dataset.role_graphs.batch(range(18))),
        )
    expected = both_directions(scores, dataset.video_of_caption)
    assert found["val/rsum"] == pytest.approx(expected["rsum"])
    assert found["val/v2t_MnR"] == pytest.approx(expected["v2t"]["MnR"])
    assert module.scores == [pytest.approx(expected["rsum"])]


def test_weight_decay(mean_pool, toy_vocabulary) -> None:
    module = RetrievalModule(
        mean_pool(5, 3), toy_vocabulary, LearningRate(0.1), CheckpointInfo("m"), torch.zeros(1), weight_decay=0.3
    )
    (group,) = module.configure_optimizers().param_groups
    assert (group["lr"], group["weight_decay"], group["fused"]) == (0.1, 0.3, True)


def test_warm_up_takes_the_mean_and_then_the_hardest(toy_model, toy_vocabulary, toy_dataset, tmp_path) -> None:
    seen: list[tuple[int, bool, str]] = []
    model = toy_model(mining="hardest")
    plain = model.ranking.forward

    def spy(scores: torch.Tensor, owner: torch.Tensor) -> torch.Tensor:
        seen.append((len(seen), model.training, model.ranking.mining))
        return plain(scores, owner)

    model.ranking.forward = spy  # type: ignore[method-assign]
    options = TrainOptions(epochs=3, batch_size=16, warmup_epochs=2, schedule_monitor="loss", device="cpu")
    result = fit(model, toy_vocabulary, toy_dataset(), toy_dataset("val"), tmp_path, options, progress=False)
    trained = [mining for _, training, mining in seen if training]
    assert trained == ["mean", "mean", "hardest"]
    assert {mining for _, training, mining in seen if not training} == {"hardest"}
    assert len(result.scores) == 3


def test_validation_loss_is_that_of_the_model(toy_model, toy_vocabulary, toy_dataset) -> None:
    model = toy_model().eval()
    val = prepare(toy_dataset("val"), model, toy_vocabulary)
    with torch.inference_mode():
        video = model.encode_video(val.video_graphs.batch(range(len(val.videos))))
        text = model.encode_text(val.role_graphs.batch(range(len(val))))
        whole = float(model.loss(video, text, val.video_of_caption)["loss"])
        assert validation_loss(model, video, text, val.video_of_caption, len(val)) == pytest.approx(whole)
        halves = [validation_loss(model, video, text, val.video_of_caption, 5) for _ in range(2)]
    assert halves[0] == halves[1] != whole  # fewer negatives a batch, the same ones every time


def test_rate_follows_the_validation_loss(toy_model, toy_vocabulary, toy_dataset, tmp_path, monkeypatch) -> None:
    losses = iter([3.0, 2.0, 2.5, 2.6, 1.0])
    monkeypatch.setattr("graphvtr.tasks.module.validation_loss", lambda *_: next(losses))
    rates: list[float] = []
    monkeypatch.setattr(
        RetrievalModule, "on_train_epoch_end", lambda self: rates.append(self.optimizers().param_groups[0]["lr"])
    )
    options = TrainOptions(
        epochs=3, batch_size=16, lr=0.1, schedule="plateau", schedule_patience=2, schedule_monitor="loss", device="cpu"
    )
    data = (toy_vocabulary, toy_dataset(), toy_dataset("val"), tmp_path)
    fit(toy_model(), *data, options, progress=False)
    assert read_header(tmp_path / "last.ckpt", read_file(tmp_path / "last.ckpt"))["info"]["losses"] == [3.0, 2.0, 2.5]
    fit(toy_model(), *data, replace(options, epochs=5), resume=True, progress=False)
    assert rates == [0.1, 0.1, 0.1, 0.1, 0.05]  # two epochs without a lower loss, one of them before the stop
