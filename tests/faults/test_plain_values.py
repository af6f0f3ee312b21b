"""Options given as NumPy's or torch's numbers are Python's once inside, and files with them are read again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from graphvtr.datasets import build_dataset
from graphvtr.datasets.source import DataSource
from graphvtr.errors import DataError
from graphvtr.nn import HGR
from graphvtr.tasks.checkpoint import CheckpointInfo, load, save_checkpoint
from graphvtr.tasks.prepare import make_vocabulary
from graphvtr.tasks.ranking import EvalOptions
from graphvtr.tasks.schedule import LearningRate
from graphvtr.tasks.trainer import TrainOptions, fit
from graphvtr.text import Vocabulary
from graphvtr.video.store.convert.base import ConvertOptions


def model(**options: Any) -> HGR:
    sizes: dict[str, Any] = {
        "vocab_size": np.int64(5),
        "video_dim": torch.tensor(6),
        "hidden": np.int32(8),
        "word_dim": 4,
    }
    return HGR(**{**sizes, **options})


def test_a_model_made_with_numpy_numbers_is_the_model_of_plain_ones(tmp_path: Path) -> None:
    made = model(margin=np.float64(0.2), level_weights=np.array([1.0, 2.0, 3.0]), attention=np.bool_(True))
    assert all(type(made.config[name]) is int for name in ("vocab_size", "video_dim", "hidden"))
    assert type(made.config["margin"]) is float
    assert made.config["level_weights"] == [1.0, 2.0, 3.0]
    made.vocabulary = Vocabulary.from_captions([["a", "b"]])
    made.info = {"epoch": np.int64(3), "scores": [np.float32(0.5)]}
    save_checkpoint(tmp_path / "m.ckpt", made, made.vocabulary, CheckpointInfo("hgr", epoch=np.int64(3)))  # type: ignore[arg-type]
    assert load(tmp_path / "m.ckpt").config == made.config
    made.save_pretrained(tmp_path / "m")
    assert load(tmp_path / "m").config == made.config
    assert load(tmp_path / "m").info == {"epoch": 3, "scores": [0.5]}


@pytest.mark.parametrize("wrong", [object(), {1, 2}, lambda: 0.2, 1j])
def test_a_model_refuses_what_no_file_can_hold(wrong: Any) -> None:
    with pytest.raises(DataError, match="HGR: margin: is "):
        model(margin=wrong)


def test_the_constructor_still_speaks_of_its_own_arguments() -> None:
    with pytest.raises(TypeError, match="multiple values for argument 'vocab_size'"):
        HGR(5, 6, vocab_size=5)
    with pytest.raises(TypeError, match="unexpected keyword argument 'colour'"):
        HGR(5, 6, colour=1)


def test_a_run_with_numpy_options_is_read_again(tmp_path: Path) -> None:
    source = DataSource(options={"num_clips": np.int64(20)})
    train, val = (build_dataset("moving_scenes", split, source) for split in ("train", "val"))
    vocabulary = make_vocabulary(train, 1)
    trained = model(vocab_size=np.int64(len(vocabulary)), video_dim=np.int64(train.video_dim), margin=np.float64(0.2))
    options = TrainOptions(
        epochs=np.int64(1),
        batch_size=np.int64(16),
        lr=np.float64(1e-3),
        patience=np.int32(3),
        device=np.str_("cpu"),
        seed=np.uint32(3),
        weight_decay=np.float32(0.5),
        clip_grad=np.float64(1),
    )
    assert [type(value) for value in (options.epochs, options.lr, options.seed, options.device)] == [
        int,
        float,
        int,
        str,
    ]
    result = fit(trained, vocabulary, train, val, tmp_path, options, progress=False)
    loaded = load(result.last)
    info = CheckpointInfo.of(loaded)
    assert (type(loaded.config["margin"]), loaded.config["margin"], info.epoch) == (float, 0.2, 1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (lambda: TrainOptions(epochs=2.5), "epochs: is 2.5 .*a whole number"),
        (lambda: TrainOptions(epochs=True), "epochs: is True"),
        (lambda: TrainOptions(lr="fast"), "lr: is 'fast' .*a number"),
        (lambda: TrainOptions(deterministic=1), "deterministic: is 1 .*True or False"),
        (lambda: TrainOptions(patience="3"), "patience: is '3' .*a whole number or None"),
        (lambda: TrainOptions(clip_grad=np.array([1.0])), r"clip_grad: is \[1.0\] .*a number or None"),
        (lambda: LearningRate(None), "lr: is None"),
        (lambda: EvalOptions(batch_size=np.float64(8)), "batch_size: is 8.0"),
        (lambda: DataSource(options={"clips": object()}), "options.clips: is <object"),
        (lambda: ConvertOptions(seconds="1"), "seconds: is '1'"),
    ],
)
def test_options_of_another_kind_are_refused_by_name(options: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        options()


def test_whole_numbers_stand_for_numbers_and_paths_stay_paths() -> None:
    assert type(TrainOptions(lr=1).lr) is float
    assert DataSource(root=Path("a")).root == Path("a")
    assert EvalOptions(ks=(np.int64(1), np.int64(5))).ks == (1, 5)
    assert EvalOptions(block=np.array([2, 3])).block == [2, 3]  # type: ignore[arg-type]
