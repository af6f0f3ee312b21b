from __future__ import annotations

import pytest
import torch

from graphvtr.errors import DataError
from graphvtr.nn import DistributionAlignmentLoss


def by_definition(video: torch.Tensor, text: torch.Tensor) -> torch.Tensor:
    """Eq 38, entry by entry."""
    total = video.new_zeros(())
    for v, t in zip(video, text, strict=True):
        p, q = v.exp() / v.exp().sum(), t.exp() / t.exp().sum()
        total = total + sum(p[k] * (p[k] / q[k]).log() for k in range(len(p)))
    return total / len(video)


@pytest.mark.parametrize("symmetric", [False, True])
def test_equals_the_definition(symmetric) -> None:
    video, text = (torch.randn(4, 5, dtype=torch.float64, requires_grad=True) for _ in range(2))
    loss = DistributionAlignmentLoss(symmetric)(video, text)
    expected = by_definition(video, text)
    if symmetric:
        expected = (expected + by_definition(text, video)) / 2
    torch.testing.assert_close(loss, expected)
    found = torch.autograd.grad(loss, (video, text), retain_graph=True)
    torch.testing.assert_close(found, torch.autograd.grad(expected, (video, text)))


def test_zero_for_equal_inputs_positive_otherwise() -> None:
    loss = DistributionAlignmentLoss()
    video, text = torch.randn(6, 8, dtype=torch.float64), torch.randn(6, 8, dtype=torch.float64)
    assert loss(video, video).item() == pytest.approx(0.0, abs=1e-12)
    for row in range(6):
        assert loss(video[row : row + 1], text[row : row + 1]) > 0
    assert loss(video, text) != loss(text, video)
    both = DistributionAlignmentLoss(symmetric=True)
    torch.testing.assert_close(both(video, text), both(text, video))


def test_stable_for_long_vectors() -> None:
    video = torch.tensor([[1e4, -1e4, 0.0]], requires_grad=True)
    text = torch.tensor([[-1e4, 1e4, 0.0]], requires_grad=True)
    loss = DistributionAlignmentLoss()(video, text)
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(video.grad).all()
    assert torch.isfinite(text.grad).all()


@pytest.mark.parametrize("shape", [(0, 3), (2, 0)])
def test_nothing_costs_nothing(shape) -> None:
    video = torch.zeros(shape, requires_grad=True)
    loss = DistributionAlignmentLoss()(video, torch.zeros(shape))
    loss.backward()
    assert loss.item() == 0.0


def test_shapes_must_fit() -> None:
    with pytest.raises(DataError, match=r"text: has shape \[3, 2\] beside video \[2, 2\]"):
        DistributionAlignmentLoss()(torch.zeros(2, 2), torch.zeros(3, 2))
