"""What a training is about to see: sizes of its splits, and what guessing would score."""

from __future__ import annotations

import logging

from graphvtr.datasets import RetrievalDataset
from graphvtr.metrics import RetrievalRanks
from graphvtr.tasks.ranking import chance

logger = logging.getLogger(__name__)

FEW = 20
"""Clips below which a figure says little."""


def chance_rsum(dataset: RetrievalDataset) -> float:
    """The validation rsum that random rankings are expected to reach.

    It is 600 for a split of one clip, whatever the model.
    """
    ranks = RetrievalRanks(dataset.video_of_caption, len(dataset.videos), len(dataset.captions))
    return float(chance(ranks)["rsum"])


def split_summary(train: RetrievalDataset, val: RetrievalDataset) -> str:
    """One line; a split of few clips is warned of."""
    for dataset in (train, val):
        if len(dataset.videos) < FEW:
            logger.warning(
                "%s/%s has %d clips, fewer than %d: its figures say little",
                dataset.name,
                dataset.split,
                len(dataset.videos),
                FEW,
            )
    sizes = ", ".join(
        f"{part.split} {len(part.videos):,} clips with {len(part.captions):,} captions" for part in (train, val)
    )
    return f"{train.name}: {sizes}; guessing gives a validation rsum of {chance_rsum(val):.1f}"
