"""Layers, and a training step of every model, on an NVIDIA GPU beside a CPU; ``make gpu-check`` runs them."""

from __future__ import annotations

import copy
from functools import cache

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from graphvtr.tasks import CheckpointInfo
from graphvtr.tasks.batches import PairData
from graphvtr.tasks.module import RetrievalModule
from graphvtr.tasks.schedule import LearningRate
from tests.every_model import NAMES, small_run
from tests.tasks.equal_ranks import gradients
from tests.test_pyg_citizen import CONVS, SQUARE, TARGETS, D

if not torch.cuda.is_available():
    pytest.skip("needs an NVIDIA GPU", allow_module_level=True)
DEVICE = "cuda"
#: Largest difference from float64 on a CPU, absolute and relative.
TOLERANCE = {torch.float64: 1e-9, torch.float32: 1e-4, torch.bfloat16: 5e-2}


@pytest.mark.parametrize("dtype", TOLERANCE, ids=lambda dtype: str(dtype).removeprefix("torch."))
@pytest.mark.parametrize("name", CONVS)
def test_layers(name: str, dtype: torch.dtype) -> None:
    conv, x = CONVS[name], torch.randn(TARGETS, D, dtype=torch.float64)
    layer = conv.make().double()

    def outcomes(device: str, dtype: torch.dtype) -> list[Tensor]:
        moved, leaf = copy.deepcopy(layer).to(device, dtype), x.to(device, dtype).requires_grad_()
        out = conv(moved, leaf, SQUARE.to(device))
        return [out, *torch.autograd.grad(out.square().sum(), [leaf, *moved.parameters()], materialize_grads=True)]

    for found, wanted in zip(outcomes(DEVICE, dtype), outcomes("cpu", torch.float64), strict=True):
        assert_close(found.double().cpu(), wanted, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])


run = cache(small_run)


def step(name: str, device: str, dtype: torch.dtype) -> tuple[Tensor, dict[str, Tensor]]:
    """Loss and gradients; in bfloat16 under autocast."""
    model, dataset, vocabulary = run(name)
    moved = copy.deepcopy(model).to(device, torch.float32 if dtype == torch.bfloat16 else dtype)
    parts = (moved, vocabulary, LearningRate(0.1), CheckpointInfo(name), dataset.video_of_caption)
    torch.manual_seed(0)
    with torch.autocast(device, torch.bfloat16, enabled=dtype == torch.bfloat16):
        return gradients(RetrievalModule(*parts), PairData(dataset)[torch.arange(14)].to(device))[:2]


expected = cache(step)


@pytest.mark.parametrize("dtype", TOLERANCE, ids=lambda dtype: str(dtype).removeprefix("torch."))
@pytest.mark.parametrize("name", NAMES)
def test_a_step_of_every_model(name: str, dtype: torch.dtype) -> None:
    exact = name != "graphvtr"  # whose features of a frozen language model stay float32
    if dtype == torch.float64 and not exact:
        dtype = torch.float32
    (loss, found), (wanted, plain) = (
        step(name, DEVICE, dtype),
        expected(name, "cpu", torch.float64 if exact else torch.float32),
    )
    tolerance = TOLERANCE[dtype]
    assert_close(loss.double().cpu(), wanted.double(), rtol=tolerance, atol=tolerance)
    scale = max(float(gradient.abs().max()) for gradient in plain.values())
    for key, gradient in plain.items():
        assert_close(found[key].double().cpu(), gradient.double(), rtol=0, atol=4 * tolerance * scale)
