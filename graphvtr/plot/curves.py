"""Curves of training and histograms of ranks."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from graphvtr.errors import DataError
from graphvtr.metrics import Positives, chance_level
from graphvtr.plot.style import line_style, plain, pyplot, wrap

MANY = 5  # names that still fit into a corner of the axes


def plot_curves(
    runs: Mapping[str, Sequence[float]],
    ax: Any = None,
    *,
    ylabel: str = "validation rsum",
    best: str | None = "max",
    chance: float | None = None,
) -> Any:
    """One line a run over epochs 1, 2, ...; lines differ in colour, dashes and marker.

    Args:
        runs: name -> a value an epoch; runs may have different lengths.
        ax: a matplotlib Axes; a new figure when not given.
        ylabel: what the values are.
        best: ``"max"`` or ``"min"`` rings the best epoch of each run; None rings none.
        chance: what guessing gives, a dotted line.

    Returns:
        The Axes.

    Raises:
        DataError: no run, or a run without values.
    """
    if not runs or any(not len(values) for values in runs.values()):
        raise DataError("runs", "hold no values", "give one value an epoch")
    if ax is None:
        _, ax = pyplot().subplots(figsize=(9.0 if len(runs) > MANY else 6.4, 3.8), layout="constrained")
    for position, (name, values) in enumerate(runs.items()):
        numbers = np.asarray(values, dtype=float)
        epochs = np.arange(1, len(numbers) + 1)
        ax.plot(epochs, numbers, label=wrap(name, 40, 2), markevery=max(1, len(numbers) // 12), **line_style(position))
        if best is not None and np.isfinite(numbers).any():
            at = int(np.nanargmax(numbers) if best == "max" else np.nanargmin(numbers))
            ax.plot(epochs[at], numbers[at], "o", markersize=11, fillstyle="none", color="black", markeredgewidth=1)
    if chance is not None:
        ax.axhline(chance, color="black", linestyle=":", linewidth=1, label="chance")
    ax.set_xlabel("epoch")
    ax.set_ylabel(ylabel, **plain())
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.grid(alpha=0.3)
    if len(runs) > 1 or next(iter(runs)) or chance is not None:
        _legend(ax)
    return ax


def plot_rank_histogram(
    ranks: Mapping[str, Sequence[int] | np.ndarray[Any, Any]],
    ax: Any = None,
    *,
    items: int | None = None,
    positives: Positives | None = None,
) -> Any:
    """Where the right item stands: the share of queries by rank, in bins that double (1, 2, 3-4, 5-8, ...).

    Args:
        ranks: name -> the rank of each query's (best) right item, from 1 on.
        ax: a matplotlib Axes; a new figure when not given.
        items: how many items are ranked, of which one is right; draws what chance gives.
        positives: which items are right for which query, instead of ``items`` where several are.

    Returns:
        The Axes.

    Raises:
        DataError: nothing to draw, or a rank below 1.
    """
    arrays = {name: np.asarray(values) for name, values in ranks.items()}
    if not arrays or any(not values.size or values.min() < 1 for values in arrays.values()):
        raise DataError("ranks", "are empty or below 1", "give the rank of each query's right item, from 1 on")
    if positives is None and items is not None:
        positives = Positives.build(torch.zeros(1, dtype=torch.long), 1, items)
    largest = max(int(values.max()) for values in arrays.values()) if positives is None else positives.num_items
    ends = [1]
    while ends[-1] < largest:
        ends.append(ends[-1] * 2)
    edges = np.array([0, *ends]) + 0.5
    if ax is None:
        _, ax = pyplot().subplots(figsize=(max(5.5, 0.75 * len(ends)), 3.6), layout="constrained")
    width = 0.8 / len(arrays)
    spots = np.arange(len(ends))
    for position, (name, values) in enumerate(arrays.items()):
        share = 100 * np.histogram(values, edges)[0] / values.size
        style = line_style(position)
        ax.bar(
            spots + (position - (len(arrays) - 1) / 2) * width,
            share,
            width * 0.95,
            label=wrap(name, 40, 2),
            color=style["color"],
            hatch=("", "//", "..", "xx", "\\\\", "++", "oo")[position % 7],
            edgecolor="white",
            linewidth=0.5,
        )
    if positives is not None:
        recalls = chance_level(positives, ks=ends)
        chance = np.diff([0.0, *(recalls[f"R@{end}"] for end in ends)])
        ax.plot(spots, chance, color="black", marker="_", markersize=18, linestyle="", label="chance")
    names = [
        "1",
        *(
            f"{low + 1}–{min(high, largest)}" if low + 1 < min(high, largest) else str(low + 1)
            for low, high in itertools.pairwise(ends)
        ),
    ]
    ax.set_xticks(spots, names, fontsize=8)
    ax.set_xlabel("rank of the right item")
    ax.set_ylabel("share of queries, %")
    ax.grid(axis="y", alpha=0.3)
    ax.set_axisbelow(True)
    _legend(ax)
    return ax


def _legend(ax: Any) -> None:
    """Inside the axes; beside them where many names would cover the drawing."""
    many = len(ax.get_legend_handles_labels()[1]) > MANY
    beside = {"loc": "upper left", "bbox_to_anchor": (1.01, 1.0)} if many else {}
    for text in ax.legend(fontsize=8, **beside).get_texts():
        text.set(**plain())
