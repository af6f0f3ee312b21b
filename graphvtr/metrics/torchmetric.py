"""The retrieval metrics as a torchmetrics class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from graphvtr._optional import optional_import
from graphvtr.metrics.positives import Positives, Relevant
from graphvtr.metrics.ranks import Ranks, Ties
from graphvtr.metrics.retrieval import KS, Median, rank, summarise

torchmetrics = optional_import("torchmetrics", "train", "RetrievalMetric")


class RetrievalMetric(torchmetrics.Metric):  # type: ignore[misc,name-defined]
    """Recall at K, median and mean rank over batches of queries, each scored against all items.

    A thin class over :func:`graphvtr.metrics.retrieval_metrics`: it keeps one rank a query and sums up over
    batches and processes. The mean rank is over the best relevant item of each query.

    Args:
        ks: the K of the recalls.
        ties: as in :func:`graphvtr.metrics.retrieval_metrics`.
        median: ditto.

    Example:
        >>> metric = RetrievalMetric(ks=(1, 2))
        >>> metric.update(torch.tensor([[0.9, 0.1, 0.3]]), [[0]])
        >>> metric.update(torch.tensor([[0.2, 0.4, 0.8]]), [[1]])
        >>> {name: value.item() for name, value in metric.compute().items()}
        {'R@1': 50.0, 'R@2': 100.0, 'MedR': 1.5, 'MnR': 1.5}
    """

    is_differentiable = False
    higher_is_better = None
    full_state_update = False
    best: list[Tensor]

    def __init__(
        self, *, ks: Sequence[int] = KS, ties: Ties = "pessimistic", median: Median = "plain", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.ks, self.ties, self.median = tuple(ks), ties, median
        self.add_state("best", default=[], dist_reduce_fx="cat")

    def update(self, scores: Tensor, relevant: Relevant) -> None:
        """Add queries: their scores [B, Ni] and relevant items, as :func:`graphvtr.metrics.retrieval_metrics`."""
        positives = Positives.build(relevant, len(scores), scores.size(1))
        # float32 holds every rank below 2**24 exactly, and all devices have it
        self.best.append(rank(scores, positives, self.ties).best.float().to(self.device))

    def compute(self) -> dict[str, Tensor]:
        """The metrics of all queries so far, each a scalar tensor."""
        best = self.best if isinstance(self.best, Tensor) else torch.cat(self.best)
        ranks = Ranks(best.double().cpu(), None, torch.arange(len(best) + 1))
        return {name: torch.tensor(value) for name, value in summarise(ranks, ks=self.ks, median=self.median).items()}
