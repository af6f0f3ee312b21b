"""Retrieval metrics: pure functions, a streaming form, intervals. The torchmetrics class is in
:mod:`graphvtr.metrics.torchmetric`, which needs the extra ``train``."""

from graphvtr.metrics.bootstrap import bootstrap_intervals, percentiles, resample, rsum_samples, with_intervals
from graphvtr.metrics.positives import Positives
from graphvtr.metrics.ranks import RankCounter, Ranks
from graphvtr.metrics.retrieval import (
    Directions,
    Metrics,
    both_directions,
    chance_level,
    rank,
    retrieval_metrics,
    rsum,
    summarise,
)
from graphvtr.metrics.streaming import RetrievalRanks, first_of_each
from graphvtr.metrics.twins import between_twins, twin_positions

__all__ = [
    "Directions",
    "Metrics",
    "Positives",
    "RankCounter",
    "Ranks",
    "RetrievalRanks",
    "between_twins",
    "both_directions",
    "bootstrap_intervals",
    "chance_level",
    "first_of_each",
    "percentiles",
    "rank",
    "resample",
    "retrieval_metrics",
    "rsum",
    "rsum_samples",
    "summarise",
    "twin_positions",
    "with_intervals",
]
