"""Accuracy of several runs together: means over seeds, intervals over seeds and clips, paired differences.

Every run's queries are resampled by the same draws, so that the difference between two models is resampled as one
statistic. The seeds of a model are resampled as well, those of two models on their own: an interval says how far other
clips *and* other seeds could move a mean. Of n seeds n - 1 are drawn, as a mean of n drawn ones would vary too little
(by the factor (n - 1) / n in variance; Rao and Wu, 1988). One seed has nothing to resample: its interval is over clips.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from graphvtr.metrics import RetrievalRanks, percentiles, resample, rsum, rsum_samples
from graphvtr.metrics.positives import Relevant
from graphvtr.metrics.ranks import Ranks
from graphvtr.metrics.retrieval import summarise

METRICS = ("R@1", "R@5", "R@10", "MedR", "MnR")
POWER = 1.96 + 0.84
"""Standard errors that a true difference must have to be seen four times in five (two-sided test at 5 %)."""


@dataclass(frozen=True)
class Runs:
    """All seeds of one model on one split.

    Args:
        values: metric -> value of each seed, [seeds].
        draws: metric -> resampled values of each seed, [seeds, samples].
    """

    values: dict[str, np.ndarray]
    draws: dict[str, np.ndarray]

    @classmethod
    def of(cls, scores: list[Tensor], video_of_text: Relevant, samples: int = 1000) -> Runs:
        """Runs from the score matrices [Nv, Nt] of the seeds, given the video or the list of videos of each caption."""
        return cls.joined([cls.of_ranks(*ranks_of(matrix, video_of_text), samples) for matrix in scores])

    @classmethod
    def joined(cls, parts: list[Runs]) -> Runs:
        """The seeds of several runs of one model, resampled by the same draws."""
        values = {name: np.concatenate([part.values[name] for part in parts]) for name in parts[0].values}
        return cls(values, {name: np.concatenate([part.draws[name] for part in parts]) for name in values})

    @classmethod
    def of_ranks(cls, t2v: Tensor, v2t: Tensor, groups: Tensor, samples: int = 1000) -> Runs:
        """One run from the ranks of its captions [Nt] and videos [Nv], given the video of each caption [Nt]."""
        values: dict[str, float] = {}
        draws: dict[str, np.ndarray] = {}
        sides = {name: Ranks(best, None, torch.arange(len(best) + 1)) for name, best in (("t2v", t2v), ("v2t", v2t))}
        # captions of one video are not independent: videos are drawn, with all of theirs (of several the first)
        drawn = {
            "t2v": resample(sides["t2v"], samples=samples, seed=0, group=groups),
            "v2t": resample(sides["v2t"], samples=samples, seed=0),
        }
        metrics = {name: summarise(ranks) for name, ranks in sides.items()}
        for side in sides:
            for metric in METRICS:
                values[f"{side} {metric}"] = metrics[side][metric]
                draws[f"{side} {metric}"] = drawn[side][metric]
        values["rsum"] = rsum(metrics["t2v"], metrics["v2t"])
        draws["rsum"] = rsum_samples(drawn["t2v"], drawn["v2t"])
        return cls({k: np.array([v]) for k, v in values.items()}, {k: v[None] for k, v in draws.items()})

    @classmethod
    def of_line(cls, ranks: Tensor, videos: int, groups: Tensor) -> Runs:
        """One run from the ranks of its captions and then of its videos in one tensor, as they are measured."""
        return cls.of_ranks(*ranks.double().split([len(ranks) - videos, videos]), groups)

    def summary(self) -> dict[str, dict[str, Any]]:
        """Mean over seeds with its interval over seeds and clips, and the value of every seed."""
        return {
            name: {
                "mean": float(self.values[name].mean()),
                "interval": percentiles(self.resampled(name)),
                "seeds": [round(float(value), 2) for value in self.values[name]],
            }
            for name in self.values
        }

    def resampled(self, metric: str, seed: int = 1) -> np.ndarray:
        """The mean over resampled seeds on resampled clips, [samples]."""
        return with_seeds(self.draws[metric], seed)

    def difference(self, other: Runs, metric: str = "rsum") -> dict[str, Any]:
        """Mean over seeds of self less that of ``other``, on the same resamples of clips and resampled seeds of each;
        ``smallest_visible`` is the true difference that would be seen four times in five."""
        draws = self.resampled(metric, 1) - other.resampled(metric, 2)
        return {
            "mean": float(self.values[metric].mean() - other.values[metric].mean()),
            "interval": percentiles(draws),
            "smallest_visible": float(POWER * draws.std()),
            "seeds": [len(self.values[metric]), len(other.values[metric])],
        }


def with_seeds(draws: np.ndarray, seed: int = 1) -> np.ndarray:
    """Values of each seed on resampled clips, [seeds, samples] -> their mean over resampled seeds, [samples]."""
    seeds, samples = draws.shape
    chosen = np.random.default_rng(seed).integers(seeds, size=(max(1, seeds - 1), samples))
    return np.take_along_axis(draws, chosen, axis=0).mean(0)  # type: ignore[no-any-return]


def ranks_of(scores: Tensor, relevant: Relevant) -> tuple[Tensor, Tensor, Tensor]:
    """Ranks of captions [Nt] and of videos [Nv] among scores [Nv, Nt], and the (first) video of each caption."""
    ranks = RetrievalRanks(relevant, *scores.shape)
    ranks.add_positives(scores)
    ranks.add(scores)
    t2v, v2t = (found.best for found in ranks.ranks())
    return t2v, v2t, ranks.texts.item[ranks.texts.ptr[:-1]]


def line_of_ranks(scores: Tensor, relevant: Relevant) -> Tensor:
    """Ranks among scores [Nv, Nt] as something that is measured of a model: see :meth:`Runs.of_line`."""
    return torch.cat(ranks_of(scores, relevant)[:2]).float()


def chance_runs(video_of_text: Tensor, videos: int, seeds: int = 20) -> Runs:
    """Random scores, several times."""
    generator = torch.Generator().manual_seed(0)
    shape = (videos, len(video_of_text))
    return Runs.of([torch.rand(*shape, generator=generator) for _ in range(seeds)], video_of_text)


def print_table(title: str, models: dict[str, Runs]) -> None:
    """One row a model: text -> video, video -> text, rsum with its interval."""
    width = max(map(len, models))
    columns = ("R@1", "R@5", "R@10", "MedR")
    head = f"{'R@1':>6}{'R@5':>6}{'R@10':>6}{'MedR':>7}"
    print(f"\n{title}\n{'':{width}}{'text -> video':^{len(head)}} {'video -> text':^{len(head)}}")
    print(f"{'':{width}}{head} {head}  rsum [95 %]")
    for name, runs in models.items():
        summary = runs.summary()
        sides = [
            "".join(f"{summary[f'{side} {column}']['mean']:>{6 + (column == 'MedR')}.1f}" for column in columns)
            for side in ("t2v", "v2t")
        ]
        low, high = summary["rsum"]["interval"]
        print(f"{name:{width}}{' '.join(sides)}  {summary['rsum']['mean']:.1f} [{low:.1f}, {high:.1f}]")
