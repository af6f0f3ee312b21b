"""Retrieval galleries: queries, and the clips they found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphvtr.errors import DataError
from graphvtr.plot.style import RIGHT_COLOUR, WRONG_COLOUR, pyplot, wrap


@dataclass(frozen=True)
class Hit:
    """One retrieved clip.

    Args:
        frames: uint8 [T, H, W, 3]; a few of them are shown side by side.
        score: similarity to the query.
        right: whether the clip is relevant.
        name: name of the clip.
    """

    frames: np.ndarray[Any, Any]
    score: float
    right: bool
    name: str = ""


def plot_gallery(queries: Sequence[str], hits: Sequence[Sequence[Hit]], *, frames_per_clip: int = 3) -> Any:
    """A row a query: the sentence, then its best clips, framed green with a tick or orange with a cross.

    Args:
        queries: Q sentences.
        hits: for each query its clips, best first; as many for each.
        frames_per_clip: how many frames of a clip stand side by side, evenly spaced in time.

    Returns:
        The matplotlib Figure.

    Raises:
        DataError: queries and hits do not fit, or there are none.
    """
    if not queries or len(queries) != len(hits) or len({len(row) for row in hits}) != 1 or not hits[0]:
        raise DataError("hits", f"do not fit {len(queries)} queries", "give every query the same number of clips")
    columns = len(hits[0])
    plt = pyplot()
    figure, axes = plt.subplots(
        len(queries),
        columns + 1,
        figsize=(2.4 + 3.1 * columns, 0.35 + 1.45 * len(queries)),
        width_ratios=[0.95, *[1.25] * columns],
        squeeze=False,
        layout="constrained",
    )
    for row, (query, found) in enumerate(zip(queries, hits, strict=True)):
        axes[row, 0].set_axis_off()
        axes[row, 0].text(0.0, 0.5, wrap(query, 24, 6), va="center", ha="left", fontsize=9.5)
        for rank, hit in enumerate(found, start=1):
            _show(axes[row, rank], hit, rank, frames_per_clip)
    return figure


def _show(ax: Any, hit: Hit, rank: int, count: int) -> None:
    chosen = np.linspace(0, len(hit.frames) - 1, min(count, len(hit.frames))).round().astype(int)
    gap = np.full((hit.frames.shape[1], max(1, hit.frames.shape[2] // 24), 3), 255, dtype=np.uint8)
    strip: list[np.ndarray[Any, Any]] = []
    for frame in hit.frames[chosen]:
        strip += [frame, gap]
    ax.imshow(np.concatenate(strip[:-1], axis=1), interpolation="nearest")
    ax.set_xticks([])
    ax.set_yticks([])
    colour, mark = (RIGHT_COLOUR, "✓") if hit.right else (WRONG_COLOUR, "✗")
    for spine in ax.spines.values():
        spine.set_color(colour)
        spine.set_linewidth(3)
    ax.set_title(f"{mark} {rank}. {hit.name[:28]}  {hit.score:.3f}", fontsize=8, color=colour, loc="left")
