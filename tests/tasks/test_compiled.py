"""Encoders through the compiler: the same loss and gradients, and one line where it fails."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

pytest.importorskip("pytorch_lightning")
from graphvtr.errors import DataError
from graphvtr.tasks import CheckpointInfo
from graphvtr.tasks.batches import PairData
from graphvtr.tasks.module import RetrievalModule
from graphvtr.tasks.schedule import LearningRate
from graphvtr.tasks.trainer import TrainOptions, fit
from tests.every_model import CASES, collection, small_run
from tests.tasks.equal_ranks import gradients

Steps = list[tuple[Tensor, dict[str, Tensor]]]


def steps(name: str, options: dict[str, Any], compile: bool) -> Steps:
    """Loss and gradients of two batches of other sizes."""
    model, dataset, vocabulary = small_run(name, **options)
    parts = (model, vocabulary, LearningRate(0.1), CheckpointInfo(name), dataset.video_of_caption)
    module, data = RetrievalModule(*parts, compile=compile), PairData(dataset)
    torch.manual_seed(0)
    return [gradients(module, data[captions])[:2] for captions in (torch.arange(8), torch.arange(4, 15))]


def check(name: str, options: dict[str, Any]) -> None:
    """Compiled encoders train as they are."""
    for (loss, plain), (again, found) in zip(*(steps(name, options, on) for on in (False, True)), strict=True):
        torch.testing.assert_close(again, loss, rtol=1e-5, atol=1e-6)
        for key, gradient in plain.items():
            torch.testing.assert_close(found[key], gradient, rtol=1e-4, atol=1e-5)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """With ``--full-product`` every model, else one: the compiler reads some for a minute."""
    if "name" in metafunc.fixturenames:
        cases = CASES if metafunc.config.getoption("full_product") else [("devise", {})]
        metafunc.parametrize(("name", "options"), cases, ids=str)


@pytest.mark.slow
def test_encoders_that_the_compiler_has_read(
    name: str, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without making machine code of what was read, which takes longer still."""
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="aot_eager"))
    check(name, options)


@pytest.mark.slow
def test_compiled_encoders() -> None:
    check("vse", {})


def test_a_compiler_that_fails_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise OSError("no compiler on this machine")

    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend=broken))
    model, _, vocabulary = small_run("vse")
    options = TrainOptions(epochs=1, compile=True, device="cpu", logger="none")
    with pytest.raises(DataError, match=r"^compile: fails for vse: .*no compiler .*without --compile true"):
        fit(model, vocabulary, collection(), collection(), tmp_path / "run", options, progress=False)
    torch.compiler.reset()
