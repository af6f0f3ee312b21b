from __future__ import annotations

import pytest
import torch
from torch import nn

from graphvtr.errors import DataError
from graphvtr.tasks.averaging import WeightAverage


def test_follows_the_weights() -> None:
    layer = nn.Linear(3, 2)
    start = layer.weight.detach().clone()
    average = WeightAverage(layer, 0.9)
    expected = start.clone()
    for step in range(1, 200):
        with torch.no_grad():
            layer.weight += 0.1
        average.update(step)
        decay = min(0.9, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * layer.weight.detach()
    torch.testing.assert_close(average.weights["weight"], expected)
    kept = layer.weight.detach().clone()
    with average.in_place():
        torch.testing.assert_close(layer.weight.detach(), expected)
    assert torch.equal(layer.weight, kept)
    torch.testing.assert_close(average.weights["weight"], expected)


def test_bad_decay() -> None:
    with pytest.raises(DataError, match=r"ema: is 1\.0"):
        WeightAverage(nn.Linear(1, 1), 1.0)
