"""OrderMatch against the definition, in blocks too."""

from __future__ import annotations

import pytest
import torch

from graphvtr.nn.levels import Level
from graphvtr.nn.match import order
from graphvtr.nn.match.order import OrderMatch


@pytest.mark.parametrize("block", [1, 10**6])
def test_values_and_gradients(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order, "ROWS", block)
    video, text = (torch.rand(n, 4, dtype=torch.double, requires_grad=True) for n in (5, 3))
    scores = OrderMatch()(Level(video), Level(text))
    expected = torch.stack([torch.stack([-torch.relu(c - v).square().sum() for c in text]) for v in video])
    torch.testing.assert_close(scores, expected, check_dtype=False)
    for one, other in zip(
        torch.autograd.grad(scores.sum(), (video, text)),
        torch.autograd.grad(expected.sum(), (video, text)),
        strict=True,
    ):
        torch.testing.assert_close(one, other)


def test_a_more_general_caption_violates_nothing() -> None:
    video = torch.tensor([[1.0, 2.0]])
    assert OrderMatch()(Level(video), Level(torch.tensor([[0.5, 2.0]]))).item() == 0
    assert OrderMatch()(Level(video[:0]), Level(video)).shape == (0, 1)
