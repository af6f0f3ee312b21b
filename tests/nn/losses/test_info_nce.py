"""SymmetricInfoNCE against loops over pairs."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor

from graphvtr.errors import DataError
from graphvtr.nn import SymmetricInfoNCE

BATCHES = {
    "one caption a video": (5, [0, 1, 2, 3, 4]),
    "several captions of one video": (3, [1, 0, 1, 2, 1, 0]),
    "a video without captions": (4, [0, 0, 3]),
    "one video": (1, [0, 0]),
    "one pair": (1, [0]),
}


def plain(scores: Tensor, video_of_text: list[int], scale: Tensor, reduction: str) -> Tensor:
    total = scores.new_zeros(())
    for text, video in enumerate(video_of_text):
        right = torch.exp(scale * scores[video, text])
        videos = sum(torch.exp(scale * scores[other, text]) for other in range(len(scores)))
        others = [other for other, owner in enumerate(video_of_text) if owner != video]
        texts = right + sum(torch.exp(scale * scores[video, other]) for other in others)
        total = total - (torch.log(right / videos) + torch.log(right / texts)) / 2
    return total / len(video_of_text) if reduction == "mean" else total


@pytest.mark.parametrize(("batch", "reduction"), list(itertools.product(BATCHES, ("mean", "sum"))))
def test_values_and_gradients(batch: str, reduction: str) -> None:
    videos, video_of_text = BATCHES[batch]
    scores = torch.randn(videos, len(video_of_text), dtype=torch.double, requires_grad=True)
    loss = SymmetricInfoNCE(0.3, reduction=reduction).double()
    found = loss(scores, torch.tensor(video_of_text))
    expected = plain(scores, video_of_text, loss.log_scale.exp(), reduction)
    torch.testing.assert_close(found, expected)
    inputs = (scores, loss.log_scale)
    for mine, other in zip(torch.autograd.grad(found, inputs), torch.autograd.grad(expected, inputs), strict=True):
        torch.testing.assert_close(mine, other, atol=1e-12, rtol=1e-9)


def test_no_pairs_is_zero_with_a_gradient() -> None:
    scores = torch.zeros(3, 0, requires_grad=True)
    loss = SymmetricInfoNCE()(scores, torch.zeros(0, dtype=torch.long))
    loss.backward()
    assert loss.item() == 0


def test_temperature_is_learned_or_not_and_bounded() -> None:
    assert [name for name, _ in SymmetricInfoNCE().named_parameters()] == ["log_scale"]
    fixed = SymmetricInfoNCE(0.5, learned=False)
    assert not list(fixed.parameters())
    assert fixed.temperature == pytest.approx(0.5)
    sharp = SymmetricInfoNCE()
    with torch.no_grad():
        sharp.log_scale.fill_(50.0)
    assert sharp.temperature == pytest.approx(0.01)
    assert torch.isfinite(sharp(torch.randn(4, 4), torch.arange(4)))
    assert "learned=True" in repr(sharp)


@pytest.mark.parametrize("options", [{"temperature": 0.0}, {"temperature": float("nan")}, {"reduction": "none"}])
def test_bad_options(options: dict[str, object]) -> None:
    with pytest.raises(DataError, match=next(iter(options))):
        SymmetricInfoNCE(**options)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="video_of_text"):
        SymmetricInfoNCE()(torch.zeros(2, 3), torch.zeros(2, dtype=torch.long))
