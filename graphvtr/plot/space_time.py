"""Which regions of which frames each frame of a clip hears: the space-time attention of VSR-Net."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from graphvtr.errors import DataError
from graphvtr.plot.style import EDGE_COLOUR, plain, pyplot, wrap

COLOUR_MAP = "magma"
Floats = NDArray[np.floating[Any]]


def space_time_matrix(
    temporal: Floats, shares: Floats, frame: NDArray[np.integer[Any]]
) -> tuple[Floats, NDArray[np.bool_]]:
    """How much of each frame comes from each region of the clip.

    Args:
        temporal: ``[T, T]``, how much of frame t comes from frame s; rows sum to 1.
        shares: ``[R]``, how much of its frame each region is; 1 in sum over a frame.
        frame: ``[R]``, the frame of each region, sorted.

    Returns:
        ``[T, R + frames without regions]`` and which of its columns are frames without regions: they take a column
        each, at their place in time, so that rows sum to 1 as well.

    Raises:
        DataError: shapes that do not go together.

    Example:
        >>> temporal = np.array([[0.75, 0.25], [0.5, 0.5]])
        >>> matrix, empty = space_time_matrix(temporal, np.array([0.5, 0.5]), np.array([0, 0]))
        >>> matrix.tolist(), empty.tolist()
        ([[0.375, 0.375, 0.25], [0.25, 0.25, 0.5]], [False, False, True])
    """
    temporal, shares, frame = np.asarray(temporal), np.asarray(shares), np.asarray(frame)
    count = len(temporal)
    if temporal.shape != (count, count) or shares.shape != frame.shape or frame.ndim != 1:
        raise DataError(
            "temporal",
            f"has shape {list(temporal.shape)} for {shares.size} shares and {frame.size} frames",
            "give [T, T], [R] and [R]",
        )
    if frame.size and not 0 <= frame.min() <= frame.max() < count:
        raise DataError("frame", f"lies outside the {count} frames", f"use 0..{count - 1}")
    missing = np.setdiff1d(np.arange(count), frame)
    owner = np.concatenate([frame, missing])
    share = np.concatenate([shares, np.ones(len(missing))])
    order = np.argsort(owner, kind="stable")
    return temporal[:, owner[order]] * share[order], order >= len(frame)


def plot_space_time_attention(
    temporal: Floats,
    shares: Floats,
    frame: NDArray[np.integer[Any]],
    *,
    weights: Floats | None = None,
    time: Floats | None = None,
    caption: str = "",
) -> Any:
    """A row for each frame that hears, a column for each region that is heard, frames apart by lines.

    Args:
        temporal: ``[T, T]``, from :func:`graphvtr.nn.attention_rollout.attention_matrix`.
        shares: ``[R]``, from :func:`graphvtr.nn.attention_rollout.region_shares`.
        frame: ``[R]``, the frame of each region, sorted.
        weights: ``[T]``, how much each frame counts in the video's vector: bars beside the rows.
        time: ``[T]``, seconds; frames are numbered without it.
        caption: shown on top.

    Returns:
        The matplotlib Figure.

    Raises:
        DataError: shapes that do not go together.
    """
    matrix, empty = space_time_matrix(temporal, shares, frame)
    count, columns = matrix.shape
    owner = np.sort(np.concatenate([np.asarray(frame), np.setdiff1d(np.arange(count), frame)]))
    plt = pyplot()
    title = wrap(caption, 90, 2)
    figure, axes = plt.subplots(
        1,
        2,
        figsize=(min(12.0, 4.2 + 0.06 * columns), 1.4 + 0.2 * count + 0.2 * bool(caption)),
        width_ratios=[6, 1],
        sharey=True,
        layout="constrained",
    )
    ax, bars = axes
    # a frame keeps half of itself in every block: on a straight scale nothing else would be seen
    norm = plt.matplotlib.colors.PowerNorm(0.5, vmin=0)
    image = ax.imshow(matrix, aspect="auto", cmap=COLOUR_MAP, norm=norm, interpolation="nearest")
    for edge in np.flatnonzero(np.diff(owner)) + 0.5:
        ax.axvline(edge, color="white", linewidth=0.4, alpha=0.6)
    for column in np.flatnonzero(empty):
        ax.text(column, -0.75, "∅", ha="center", va="bottom", fontsize=7, color=EDGE_COLOUR)
    names = [str(number) for number in range(count)] if time is None else [f"{float(one):.1f} s" for one in time]
    middle = np.array([np.flatnonzero(owner == number).mean() for number in range(count)])
    shown, rows = (np.arange(0, count, -(-count // most)) for most in (8, 16))
    ax.set_xticks(middle[shown], [names[number] for number in shown], fontsize=7)
    ax.set_yticks(rows, [names[number] for number in rows], fontsize=7)
    ax.set_xlabel("regions heard, frame by frame", fontsize=9)
    ax.set_ylabel("frame that hears", fontsize=9)
    key = figure.colorbar(image, ax=axes, fraction=0.03, pad=0.01)
    key.ax.tick_params(labelsize=7)
    key.set_label("share of the frame", fontsize=8)
    if weights is None:
        bars.set_axis_off()
    else:
        bars.barh(np.arange(count), np.asarray(weights), color="#0072B2", height=0.8)
        bars.tick_params(labelsize=7, left=False)
        bars.set_xlabel("weight in\nthe video", fontsize=8)
        for side in ("top", "right"):
            bars.spines[side].set_visible(False)
    if caption:
        figure.suptitle(title, fontsize=10, **plain())
    return figure
