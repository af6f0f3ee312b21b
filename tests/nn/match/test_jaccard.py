from __future__ import annotations

import pytest
import torch

from graphvtr.errors import DataError
from graphvtr.nn import JaccardMatch, Level


def by_definition(video: torch.Tensor, text: torch.Tensor) -> torch.Tensor:
    pairs = (video[:, None], text[None])
    return torch.minimum(*pairs).sum(-1) / torch.maximum(*pairs).sum(-1)


def test_equals_the_definition() -> None:
    video, text = (torch.rand(n, 9, dtype=torch.float64, requires_grad=True) for n in (4, 3))
    grad = torch.randn(4, 3, dtype=torch.float64)
    scores, expected = JaccardMatch()(Level(video), Level(text)), by_definition(video, text)
    torch.testing.assert_close(scores, expected)
    found = torch.autograd.grad(scores, (video, text), grad)
    torch.testing.assert_close(found, torch.autograd.grad(expected, (video, text), grad))


def test_sets() -> None:
    video = torch.tensor([[1.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
    text = torch.tensor([[1.0, 1.0, 0.0], [0.0, 1.0, 1.0], [0.0, 0.0, 0.0]])
    scores = JaccardMatch()(Level(video), Level(text))
    torch.testing.assert_close(scores, torch.tensor([[1.0, 1 / 3, 0.0], [0.0, 0.0, 0.0]]))
    assert JaccardMatch()(Level(torch.zeros(2, 0)), Level(torch.zeros(3, 0))).tolist() == [[0.0] * 3] * 2
    assert JaccardMatch()(Level(torch.zeros(0, 4)), Level(torch.zeros(3, 4))).shape == (0, 3)


def test_empty_vocabulary_has_a_gradient() -> None:
    video = torch.zeros(2, 3, requires_grad=True)
    JaccardMatch()(Level(video), Level(torch.zeros(2, 3))).sum().backward()
    assert torch.isfinite(video.grad).all()


def test_sets_of_vectors_are_refused() -> None:
    with pytest.raises(DataError, match="video level: holds sets"):
        JaccardMatch()(Level(torch.zeros(2, 4), torch.tensor([0, 2])), Level(torch.zeros(1, 4)))
