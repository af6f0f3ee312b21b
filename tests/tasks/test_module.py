from __future__ import annotations

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
from graphvtr.tasks.data import PairData, RetrievalData
from graphvtr.tasks.module import RetrievalModule
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
    assert (group["lr"], group["weight_decay"]) == (0.1, 0.3)
