"""Weights of a model's levels, chosen on held-out videos instead of learned on training ones."""

from __future__ import annotations

import torch
from torch import Tensor

from graphvtr.metrics import both_directions

GRID = (0.0, 0.25, 0.5, 1.0, 2.0)
MOST_VIDEOS, MOST_TEXTS = 1000, 10_000


def choose_weights(levels: Tensor, video_of_text: Tensor, rounds: int = 2) -> Tensor:
    r"""Weights of residual levels beside a first one, :math:`s_0 + \sum_l w_l s_l`, with the best rsum.

    From training batches weights cannot be learned: networks soon know these by heart, and what they say about them
    tells nothing of other videos. Weights begin at 0 and are set one after another to the best of :data:`GRID`, the
    smaller of equals, so that the sum is never behind the first level alone on the videos it is chosen on.

    Args:
        levels: [1 + L, Nv, Nt], scores.
        video_of_text: [Nt], the video of each caption; every video has one.
        rounds: how often to go over the levels; it ends earlier where nothing changes.

    Returns:
        [L], on the device of the scores.

    Example:
        >>> right, wrong = torch.eye(3), -torch.eye(3)
        >>> choose_weights(torch.stack([torch.zeros(3, 3), right, wrong]), torch.arange(3)).tolist()
        [0.25, 0.0]
    """
    weights = levels.new_zeros(len(levels) - 1)
    best = both_directions(levels[0], video_of_text)["rsum"]
    total = levels[0].clone()
    for _ in range(rounds):
        before = weights.clone()
        for level, scores in enumerate(levels[1:]):
            rest = total - weights[level] * scores
            for weight in GRID:
                found = both_directions(rest + weight * scores, video_of_text)["rsum"]
                if found > best or (found == best and weight < weights[level]):
                    best, weights[level] = found, weight
            total = rest + weights[level] * scores
        if torch.equal(before, weights):
            break
    return weights


def few_pairs(video_of_text: Tensor) -> tuple[Tensor, Tensor]:
    """Evenly spaced videos, and captions of them, that are enough to choose weights on: all of an ordinary split.

    Returns:
        Positions of the videos and of the captions, each ascending. Every video has a caption.
    """
    described = video_of_text.unique()
    videos = described[torch.linspace(0, len(described) - 1, min(MOST_VIDEOS, len(described))).long()]
    texts = torch.isin(video_of_text, videos).nonzero().squeeze(1)
    if len(texts) > MOST_TEXTS:  # the first of each video, then further ones of all
        order = torch.argsort(_rank_in_video(video_of_text[texts]), stable=True)
        texts = texts[order[:MOST_TEXTS]].sort().values
    return videos, texts


def _rank_in_video(owner: Tensor) -> Tensor:
    """How many captions of the same video stand before each."""
    order = torch.argsort(owner, stable=True)
    counts = torch.unique_consecutive(owner[order], return_counts=True)[1]
    begin = torch.repeat_interleave(counts.cumsum(0) - counts, counts)
    rank = torch.empty_like(owner)
    rank[order] = torch.arange(len(owner), device=owner.device) - begin
    return rank
