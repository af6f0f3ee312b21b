"""CosineMatch against a loop over pairs."""

from __future__ import annotations

import pytest
import torch

from graphvtr.errors import DataError
from graphvtr.nn import CosineMatch, Level


def test_values_and_gradients() -> None:
    video = torch.randn(3, 5, dtype=torch.double, requires_grad=True)
    text = torch.randn(4, 5, dtype=torch.double, requires_grad=True)
    scores = CosineMatch()(Level(video), Level(text))
    expected = torch.stack([torch.stack([v @ c / (v @ v).sqrt() / (c @ c).sqrt() for c in text]) for v in video])
    torch.testing.assert_close(scores, expected)
    probe = torch.randn_like(scores)
    for mine, other in zip(
        torch.autograd.grad((scores * probe).sum(), (video, text)),
        torch.autograd.grad((expected * probe).sum(), (video, text)),
        strict=True,
    ):
        torch.testing.assert_close(mine, other)


def test_a_zero_vector_scores_zero_and_gets_no_gradient() -> None:
    video = torch.zeros(1, 5, requires_grad=True)
    text = torch.randn(2, 5, requires_grad=True)
    scores = CosineMatch()(Level(video), Level(text))
    assert not scores.any()
    scores.sum().backward()
    assert video.grad is not None
    assert text.grad is not None
    assert not video.grad.any()
    assert not text.grad.any()


def test_sets_are_refused() -> None:
    sets = Level(torch.randn(3, 5), torch.tensor([0, 1, 3]))
    with pytest.raises(DataError, match="text level: holds sets of vectors"):
        CosineMatch()(Level(torch.randn(2, 5)), sets)
    with pytest.raises(DataError, match="video level: holds sets of vectors"):
        CosineMatch()(sets, Level(torch.randn(2, 5)))
