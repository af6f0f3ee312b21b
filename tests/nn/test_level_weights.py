"""Weights of levels, chosen on held-out videos."""

from __future__ import annotations

import torch

from graphvtr.metrics import both_directions
from graphvtr.nn.level_weights import GRID, MOST_TEXTS, MOST_VIDEOS, choose_weights, few_pairs


def test_a_level_that_helps_is_let_through_and_one_that_does_not_is_not() -> None:
    torch.manual_seed(0)
    owner = torch.arange(20).repeat_interleave(2)
    truth = torch.zeros(20, 40)
    truth[owner, torch.arange(40)] = 1.0
    levels = torch.stack([truth + torch.randn(20, 40), -truth, truth + torch.randn(20, 40)])
    weights = choose_weights(levels, owner)
    assert weights[0] == 0
    assert weights[1] in GRID[1:]
    total = levels[0] + torch.tensordot(weights, levels[1:], 1)
    assert both_directions(total, owner)["rsum"] > both_directions(levels[0], owner)["rsum"]


def test_what_changes_nothing_gets_no_weight() -> None:
    scores = torch.randn(6, 6)
    assert choose_weights(torch.stack([scores, torch.ones(6, 6), scores]), torch.arange(6)).tolist() == [0, 0]


def test_few_pairs_are_all_of_a_small_split_and_enough_of_a_large_one() -> None:
    owner = torch.tensor([2, 0, 0, 2, 5])
    videos, texts = few_pairs(owner)
    assert videos.tolist() == [0, 2, 5]
    assert texts.tolist() == [0, 1, 2, 3, 4]
    many = torch.arange(3 * MOST_VIDEOS).repeat(20)
    videos, texts = few_pairs(many)
    assert len(videos) == MOST_VIDEOS
    assert len(texts) == MOST_TEXTS
    assert torch.equal(many[texts].unique(), videos)
