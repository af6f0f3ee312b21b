"""TripletRankingLoss against loops over pairs and negatives (HGR, Eq 14)."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch
from torch import Tensor

from graphvtr.errors import DataError
from graphvtr.nn import TripletRankingLoss

REDUCE = {"hardest": max, "all": sum, "mean": lambda costs: sum(costs) / len(costs)}


def plain(scores: Tensor, video_of_text: list[int], margin: float, mining: str, reduction: str) -> Tensor:
    total = scores.new_zeros(())
    for text, video in enumerate(video_of_text):
        texts = [scores[video, other] for other, owner in enumerate(video_of_text) if owner != video]
        videos = [scores[other, text] for other in range(len(scores)) if other != video]
        for negatives in (texts, videos):
            costs = [torch.relu(margin + negative - scores[video, text]) for negative in negatives]
            if costs:
                total = total + REDUCE[mining](costs)
    return total / len(video_of_text) if reduction == "mean" else total


BATCHES = {
    "one caption a video": (5, [0, 1, 2, 3, 4]),
    "several captions of one video": (3, [1, 0, 1, 2, 1, 0]),
    "a video without captions": (4, [0, 0, 3]),
    "one video": (1, [0, 0]),
    "one pair": (1, [0]),
    "shuffled": (4, [3, 1, 0, 2]),
}


@pytest.mark.parametrize(("batch", "mining", "reduction"), list(itertools.product(BATCHES, REDUCE, ("mean", "sum"))))
def test_values_and_gradients(batch: str, mining: Any, reduction: Any) -> None:
    videos, video_of_text = BATCHES[batch]
    scores = torch.randn(videos, len(video_of_text), dtype=torch.double, requires_grad=True)
    loss = TripletRankingLoss(0.3, mining, reduction)(scores, torch.tensor(video_of_text))
    expected = plain(scores, video_of_text, 0.3, mining, reduction)
    torch.testing.assert_close(loss, expected)
    (gradient,) = torch.autograd.grad(loss, scores)
    if expected.requires_grad:
        torch.testing.assert_close(gradient, torch.autograd.grad(expected, scores)[0])
    else:
        assert not gradient.any()


def test_captions_of_one_video_are_never_negatives() -> None:
    scores = torch.tensor([[0.9, 5.0, 0.1], [0.1, 0.1, 0.9]], requires_grad=True)
    loss = TripletRankingLoss(0.2)(scores, torch.tensor([0, 0, 1]))
    assert loss.item() == 0
    TripletRankingLoss(0.2)(scores, torch.tensor([0, 1, 1])).backward()
    assert scores.grad is not None
    assert scores.grad[0, 1] > 0  # the same score is a negative once the caption belongs to the other video


def test_a_batch_without_captions() -> None:
    scores = torch.randn(3, 0, requires_grad=True)
    loss = TripletRankingLoss()(scores, torch.empty(0, dtype=torch.long))
    loss.backward()
    assert loss.item() == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"margin": -0.1}, "margin: is -0.1"),
        ({"mining": "soft"}, "mining: is 'soft' \\(use one of hardest, all, mean\\)"),
        ({"reduction": "none"}, "reduction: is 'none' \\(use one of mean, sum\\)"),
    ],
)
def test_unknown_options(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        TripletRankingLoss(**arguments)


def test_captions_that_do_not_fit_the_scores() -> None:
    with pytest.raises(DataError, match=r"video_of_text: has shape \[2\] for scores \[3, 3\]"):
        TripletRankingLoss()(torch.zeros(3, 3), torch.tensor([0, 1]))


def test_repr() -> None:
    assert repr(TripletRankingLoss()) == "TripletRankingLoss(margin=0.2, mining=hardest, reduction=mean)"


@pytest.mark.parametrize(("mining", "reduction"), list(itertools.product(REDUCE, ("mean", "sum"))))
def test_sibling_negatives_are_the_released_code(mining: Any, reduction: Any) -> None:
    """Off the diagonal of the matrix of pairs everything is a negative, the video's own other captions too."""
    video_of_text = torch.tensor([1, 0, 1, 2])
    scores = torch.randn(3, 4, dtype=torch.double, requires_grad=True)
    loss = TripletRankingLoss(0.3, mining, reduction, sibling_negatives=True)(scores, video_of_text)
    pairs = scores[video_of_text]  # [pair's video, caption]
    expected = scores.new_zeros(())
    for own in range(4):
        for line in (pairs[own], pairs[:, own]):
            costs = [torch.relu(0.3 + line[other] - pairs[own, own]) for other in range(4) if other != own]
            expected = expected + REDUCE[mining](costs)
    expected = expected / 4 if reduction == "mean" else expected
    torch.testing.assert_close(loss, expected)
    grads = [torch.autograd.grad(value, scores, retain_graph=True)[0] for value in (loss, expected)]
    torch.testing.assert_close(*grads)
