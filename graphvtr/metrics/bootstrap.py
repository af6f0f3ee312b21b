"""Bootstrap intervals of retrieval metrics."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from graphvtr.errors import DataError
from graphvtr.metrics.ranks import Ranks
from graphvtr.metrics.retrieval import KS, Median, Metrics
from graphvtr.values import as_integers

Floats = NDArray[np.float64]
Interval = tuple[float, float]
CHUNK = 1 << 23  # counts drawn at a time


def resample(
    ranks: Ranks,
    *,
    samples: int = 1000,
    seed: int = 0,
    ks: Sequence[int] = KS,
    median: Median = "plain",
    group: Tensor | None = None,
) -> dict[str, Floats]:
    """Metrics of ``samples`` resamples of the queries, drawn with replacement.

    The same seed draws the same queries, whatever their ranks: the resamples of two systems on the same queries
    are paired, and their differences are resamples of the difference.

    Args:
        ranks: ranks of Nq queries.
        samples: how many resamples.
        seed: seed of the draw; the same seed gives the same numbers.
        ks: the K of the recalls.
        median: ``'plain'`` or ``'floor'``.
        group: [Nq], draw whole groups of queries (the video of each caption, for instance: captions of one video
            are not independent); None draws single queries.

    Returns:
        Metric -> [samples].

    Raises:
        DataError: no samples, or not one group a query.
    """
    if samples < 1:
        raise DataError("samples", f"is {samples}", "give 1 or more")
    if group is not None and len(group) != len(ranks.best):
        raise DataError("group", f"has {len(group)} entries for {len(ranks.best)} queries", "give one a query")
    count = ranks.ptr.diff().double()
    total = ranks.best if ranks.every is None else _sum_by_query(ranks)
    size = torch.ones_like(total) if ranks.every is None else count
    kinds, kind = torch.unique(torch.stack([ranks.best, total, size], 1), dim=0, return_inverse=True)
    best, total_of_kind, size_of_kind = kinds.numpy().T  # sorted by best rank
    out: dict[str, list[Floats]] = {name: [] for name in (*(f"R@{k}" for k in ks), "MedR", "MnR")}
    draw = _Draws(kind.numpy(), len(kinds), group, seed)
    step = max(1, CHUNK // max(draw.units, len(kinds)))
    for begin in range(0, samples, step):
        counts = draw(min(step, samples - begin))  # [s, kinds]
        queries = counts.sum(1)
        for k in ks:
            out[f"R@{k}"].append(100 * counts[:, best <= k].sum(1) / queries)
        out["MedR"].append(_median(counts, best, median))
        out["MnR"].append(counts @ total_of_kind / (counts @ size_of_kind))
    return {name: np.concatenate(values) for name, values in out.items()}


def bootstrap_intervals(
    ranks: Ranks,
    *,
    level: float = 0.95,
    samples: int = 1000,
    seed: int = 0,
    ks: Sequence[int] = KS,
    median: Median = "plain",
    group: Tensor | None = None,
) -> dict[str, Interval]:
    """Percentile bootstrap intervals of the metrics of one direction; the arguments are those of :func:`resample`.

    Example:
        >>> ranks = Ranks(torch.tensor([1.0, 2.0, 1.0, 40.0]), None, torch.arange(5))
        >>> low, high = bootstrap_intervals(ranks)["R@1"]
        >>> 0 <= low < 50 < high <= 100
        True
    """
    drawn = resample(ranks, samples=samples, seed=seed, ks=ks, median=median, group=group)
    return {name: percentiles(values, level) for name, values in drawn.items()}


def percentiles(values: Floats, level: float = 0.95) -> Interval:
    """The middle ``level`` share of ``values``."""
    if not 0 < level < 1:
        raise DataError("level", f"is {level}", "give a share between 0 and 1")
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def rsum_samples(t2v: dict[str, Floats], v2t: dict[str, Floats]) -> Floats:
    """rsum [samples] of resamples of both directions, which are drawn independently."""
    recalls = [values for drawn in (t2v, v2t) for name, values in drawn.items() if name.startswith("R@")]
    return np.sum(recalls, axis=0, dtype=np.float64)


class _Draws:
    """How often queries of each kind come up in resamples.

    Units (queries, or groups of them) are drawn by position, so that the same seed draws the same ones whatever
    their ranks are.
    """

    def __init__(self, kind: NDArray[np.int64], kinds: int, group: Tensor | None, seed: int) -> None:
        self.rng, self.kind, self.kinds = np.random.default_rng(seed), kind, kinds
        self.units, self.table = len(kind), None
        if group is not None:
            _, member = np.unique(as_integers(group, "group").cpu().numpy(), return_inverse=True)
            self.units = int(member.max()) + 1
            self.table = np.zeros((self.units, kinds))
            np.add.at(self.table, (member, kind), 1)

    def __call__(self, samples: int) -> Floats:
        """Counts [samples, kinds]."""
        drawn = self.rng.integers(self.units, size=(samples, self.units), dtype=np.int32)
        if self.table is not None:
            return _count(drawn, self.units) @ self.table
        return _count(self.kind[drawn], self.kinds)


def _count(values: NDArray[np.int64] | NDArray[np.int32], size: int) -> Floats:
    """How often 0..size-1 come up in each row of ``values``, [rows, size]."""
    place = values + size * np.arange(len(values))[:, None]
    return np.bincount(place.ravel(), minlength=len(values) * size).reshape(-1, size).astype(np.float64)


def _median(counts: Floats, best: Floats, median: Median) -> Floats:
    """Median of each row's ranks, ``counts`` [s, kinds] saying how often each (sorted) rank was drawn."""
    reached = counts.cumsum(1)
    queries = reached[:, -1:]
    lower = best[(reached <= (queries - 1) // 2).sum(1)]
    upper = best[(reached <= queries // 2).sum(1)]
    middle: Floats = (lower + upper) / 2
    return np.floor(middle) if median == "floor" else middle


def _sum_by_query(ranks: Ranks) -> Tensor:
    assert ranks.every is not None
    owner = torch.repeat_interleave(ranks.ptr.diff())
    return torch.zeros_like(ranks.best).index_add_(0, owner, ranks.every)


def with_intervals(metrics: Metrics, intervals: dict[str, Interval]) -> dict[str, dict[str, float]]:
    """``{'R@1': {'value': ..., 'low': ..., 'high': ...}, ...}``, for json."""
    return {
        name: {"value": value, "low": intervals[name][0], "high": intervals[name][1]} for name, value in metrics.items()
    }
