"""Recall of rare and frequent attributes of test clips under two losses: the argument of MCSAN's Figure 2, tested."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from graphvtr.datasets import RetrievalDataset
from graphvtr.nn import ConceptModel
from graphvtr.tasks.checkpoint import load
from graphvtr.tasks.concepts import concepts_of
from graphvtr.tasks.embed import encode_videos
from graphvtr.tasks.prepare import prepare
from graphvtr.text import ConceptVocabulary, video_labels

BINS = (1, 3, 10, 30, 100)
"""Training captions that name an attribute: from 1, from 3, ..."""
SAMPLES = 1000


def longtail(checkpoints: Mapping[str, Sequence[Path]], test: RetrievalDataset) -> dict[str, Any]:
    """Recall by frequency for each loss, and the difference of the first to the second, with intervals over clips.

    Args:
        checkpoints: loss -> one checkpoint a seed.
        test: the clips; the attributes' frequencies in training are in the checkpoints.
    """
    hits: dict[str, np.ndarray] = {}
    sure: dict[str, np.ndarray] = {}
    named: np.ndarray | None = None
    for loss, paths in checkpoints.items():
        counted = [_counts(path, test) for path in paths]
        hits[loss] = np.mean([found for found, _, _ in counted], 0)  # [clips, bins]
        sure[loss] = np.mean([over for _, over, _ in counted], 0)
        named = counted[0][2]
    assert named is not None
    first, second = checkpoints
    draws = np.random.default_rng(0).integers(0, len(named), (SAMPLES, len(named)))
    present = named[draws].sum(1)  # [samples, bins]
    recall = {loss: _ratio(found[draws].sum(1), present) for loss, found in hits.items()}
    return {
        "bins": [_title(place) for place in range(len(BINS))],
        "named": named.sum(0).tolist(),
        "recall": {loss: _ratio(found.sum(0), named.sum(0)).tolist() for loss, found in hits.items()},
        "interval": {loss: _interval(recall[loss]) for loss in hits},
        "over_half": {loss: _ratio(found.sum(0), named.sum(0)).tolist() for loss, found in sure.items()},
        "difference": (_ratio(hits[first].sum(0) - hits[second].sum(0), named.sum(0))).tolist(),
        "difference_interval": _interval(recall[first] - recall[second]),
    }


def _counts(path: Path, test: RetrievalDataset) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For every clip and bin: attributes found among the likeliest, those over 0.5, and attributes there are."""
    model = load(path)
    vocabulary = model.vocabulary
    assert isinstance(model, ConceptModel)
    assert vocabulary is not None
    concepts = model.concepts
    own = concepts.labels(concepts_of(test))
    truth = video_labels(own, test.video_of_caption, len(test.videos))  # [clips, K]
    with torch.inference_mode():
        video = encode_videos(model, prepare(test, model, vocabulary).video_graphs)
        probability = model.concept_probabilities(video)
    guessed, over = torch.zeros_like(truth), torch.zeros_like(truth)
    for level, p in probability.items():
        columns = concepts.columns(level)
        guessed[:, columns] = _as_many_as(p, truth[:, columns].sum(1))
        over[:, columns] = p >= 0.5
    place = _bin_of(concepts)
    parts = [
        torch.stack([(kind & truth)[:, place == b].sum(1) for b in range(len(BINS))], 1) for kind in (guessed, over)
    ]
    there = torch.stack([truth[:, place == b].sum(1) for b in range(len(BINS))], 1)
    return parts[0].numpy(), parts[1].numpy(), there.numpy()


def _as_many_as(p: Tensor, count: Tensor) -> Tensor:
    """The ``count`` [N] likeliest of each row of ``p`` [N, K]."""
    rank = p.argsort(dim=1, descending=True, stable=True).argsort(dim=1)
    return rank < count[:, None]


def _bin_of(concepts: ConceptVocabulary) -> Tensor:
    counts = torch.tensor([count for level in concepts.counts.values() for count in level])
    return torch.bucketize(counts, torch.tensor(BINS), right=True) - 1


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return 100.0 * part / np.maximum(whole, 1)


def _interval(draws: np.ndarray) -> list[tuple[float, float]]:
    low, high = np.percentile(draws, [2.5, 97.5], axis=0)
    return [(float(a), float(b)) for a, b in zip(low, high, strict=True)]


def _title(place: int) -> str:
    return f"{BINS[place]}-{BINS[place + 1] - 1}" if place + 1 < len(BINS) else f"{BINS[place]}+"


def print_longtail(name: str, found: dict[str, Any]) -> None:
    """Recall by frequency."""
    losses = list(found["recall"])
    print(f"\n{name}: recall of a test clip's attributes among as many guesses,\nby training captions that name them")
    print(f"{'captions':>10} {'named':>7}" + "".join(f" {loss:>22}" for loss in losses) + "   difference [95 %]")
    for place, title in enumerate(found["bins"]):
        low, high = found["difference_interval"][place]
        values = "".join(f" {found['recall'][loss][place]:>22.1f}" for loss in losses)
        difference = f"{found['difference'][place]:+.1f} [{low:+.1f}, {high:+.1f}]"
        print(f"{title:>10} {found['named'][place]:>7}{values}   {difference}")
    print(
        "over a probability of 0.5: "
        + "; ".join(f"{loss} " + ", ".join(f"{value:.1f}" for value in found["over_half"][loss]) for loss in losses)
    )


def draw_longtail(tails: Mapping[str, dict[str, Any]], path: Path) -> None:
    """A panel a dataset: recall against frequency, a line a loss."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    titles = {"moving_scenes": "MovingScenes", "msvd": "MSVD clips"}
    figure, axes = plt.subplots(1, len(tails), figsize=(4.6 * len(tails), 3.6), layout="constrained", squeeze=False)
    for ax, (name, found) in zip(axes[0], tails.items(), strict=True):
        for shift, (loss, colour) in enumerate(zip(found["recall"], ("#0072B2", "#D55E00"), strict=True)):
            shown = [place for place, count in enumerate(found["named"]) if count]
            x = np.array(shown) + 0.12 * (shift - 0.5)
            y = np.array(found["recall"][loss])[shown]
            low, high = np.array(found["interval"][loss])[shown].T
            ax.errorbar(
                x,
                y,
                [np.maximum(y - low, 0), np.maximum(high - y, 0)],
                fmt="o-",
                color=colour,
                capsize=3,
                label=loss,
                markersize=4,
                linewidth=1.3,
            )
        ticks = [f"{title}\n({count})" for title, count in zip(found["bins"], found["named"], strict=True)]
        ax.set_xticks(range(len(found["bins"])), ticks, fontsize=8)
        ax.set_xlabel("training captions that name the attribute (times it is in a test clip)", fontsize=8)
        ax.set_title(titles.get(name, name), fontsize=10)
        ax.set_ylim(bottom=-2)
        ax.grid(axis="y", alpha=0.3)
    axes[0][0].set_ylabel("recall of attributes, %")
    axes[0][0].legend(frameon=False, fontsize=8, loc="upper left")
    figure.savefig(path, dpi=130)
    plt.close(figure)
