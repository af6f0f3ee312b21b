"""Encoders through the compiler: the same loss and gradients, and one line where it fails."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
import torch
from torch import Tensor

pytest.importorskip("pytorch_lightning")
from graphvtr.errors import DataError
from graphvtr.tasks import CheckpointInfo
from graphvtr.tasks.data import PairData
from graphvtr.tasks.module import RetrievalModule
from graphvtr.tasks.schedule import LearningRate
from graphvtr.tasks.trainer import TrainOptions, fit
from tests.every_model import collection, small_run
from tests.tasks.equal_ranks import gradients


def trained_on(name: str, compile: bool) -> tuple[Tensor, dict[str, Tensor]]:
    """Loss and gradients of a batch."""
    model, dataset, vocabulary = small_run(name)
    parts = (model, vocabulary, LearningRate(0.1), CheckpointInfo(name), dataset.video_of_caption)
    return gradients(RetrievalModule(*parts, compile=compile), PairData(dataset)[torch.arange(8)])[:2]


@pytest.mark.slow
def test_compiled_encoders_have_the_same_loss() -> None:
    (loss, plain), (again, found) = (trained_on("vse", flag) for flag in (False, True))
    torch.testing.assert_close(again, loss)
    for name, gradient in plain.items():
        torch.testing.assert_close(found[name], gradient, rtol=1e-4, atol=1e-5)


def test_a_compiler_that_fails_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise OSError("no compiler on this machine")

    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend=broken))
    model, _, vocabulary = small_run("vse")
    options = TrainOptions(epochs=1, compile=True, device="cpu", logger="none")
    with pytest.raises(DataError, match=r"^compile: fails for vse: .*no compiler .*without --compile true"):
        fit(model, vocabulary, collection(), collection(), tmp_path / "run", options, progress=False)
    torch.compiler.reset()
