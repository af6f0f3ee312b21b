"""Retrieval galleries: queries, and the clips they found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from graphvtr.errors import DataError
from graphvtr.plot.style import CARD_COLOUR, RIGHT_COLOUR, WRONG_COLOUR, name_end, plain, pyplot, wrap

LEVELS_WIDTH, BESIDE_WIDTH = 46, 90  # letters of level scores below a clip, beside a caption
STRIP = 3.1  # inches of the frames of a clip


@dataclass(frozen=True)
class Hit:
    """One retrieved clip.

    Args:
        frames: uint8 [T, H, W, 3]; a few of them are shown side by side. None where there are no pictures.
        score: similarity to the query.
        right: whether the clip is relevant.
        name: name of the clip.
        levels: level -> score, written below.
        caption: what stands in place of pictures.
    """

    frames: np.ndarray[Any, Any] | None
    score: float
    right: bool
    name: str = ""
    levels: Mapping[str, float] = field(default_factory=dict)
    caption: str = ""


@dataclass(frozen=True)
class FoundCaption:
    """One retrieved caption.

    Args:
        text: the sentence.
        score: similarity to the clip.
        right: whether it describes the clip.
        levels: level -> score, written beside.
    """

    text: str
    score: float
    right: bool
    levels: Mapping[str, float] = field(default_factory=dict)


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
    sentences = [wrap(query, 24, 6) for query in queries]
    plt = pyplot()
    figure, axes = plt.subplots(
        len(queries),
        columns + 1,
        figsize=(2.4 + 3.1 * columns, 0.1 + _row_height(sentences, hits, frames_per_clip) * len(queries)),
        width_ratios=[0.95, *[1.25] * columns],
        squeeze=False,
        layout="constrained",
    )
    for row, (sentence, found) in enumerate(zip(sentences, hits, strict=True)):
        axes[row, 0].set_axis_off()
        axes[row, 0].text(0.0, 0.5, sentence, va="center", ha="left", fontsize=9.5, **plain())
        for rank, hit in enumerate(found, start=1):
            _show(axes[row, rank], hit, rank, frames_per_clip)
    return figure


def _row_height(sentences: Sequence[str], hits: Sequence[Sequence[Hit]], count: int) -> float:
    """Inches that the tallest strip of frames takes with what is written about it, or the longest sentence."""
    shown = [hit for row in hits for hit in row]
    shapes = [(hit.frames.shape, min(count, len(hit.frames))) for hit in shown if hit.frames is not None]
    strip = max((STRIP * shape[1] / (shape[2] * frames) for shape, frames in shapes), default=STRIP / 3)
    levels = max(_levels(hit.levels, LEVELS_WIDTH).count("\n") + bool(hit.levels) for hit in shown)
    return max(min(strip, 1.6) + 0.35 + 0.15 * levels, 0.2 + 0.165 * max(text.count("\n") + 1 for text in sentences))


def plot_caption_gallery(
    clips: Sequence[np.ndarray[Any, Any] | None],
    found: Sequence[Sequence[FoundCaption]],
    *,
    names: Sequence[str] | None = None,
    captions: Sequence[str] | None = None,
    frames_per_clip: int = 3,
) -> Any:
    """A row a clip: some frames, then its best captions, green with a tick or orange with a cross (HGR, Figure 5).

    Args:
        clips: Q clips, uint8 [T, H, W, 3], or None where there are no pictures.
        found: for each clip its captions, best first.
        names: Q names of clips.
        captions: Q texts, each in place of a clip without pictures.
        frames_per_clip: how many frames of a clip stand side by side, evenly spaced in time.

    Returns:
        The matplotlib Figure.

    Raises:
        DataError: clips and captions do not fit, or there are none.
    """
    if not clips or len(clips) != len(found) or not all(found):
        raise DataError("found", f"does not fit {len(clips)} clips", "give every clip one caption or more")
    most = max(map(len, found))
    lines = max(_levels(one.levels, BESIDE_WIDTH).count("\n") + bool(one.levels) for row in found for one in row)
    plt = pyplot()
    figure, axes = plt.subplots(
        len(clips),
        2,
        figsize=(10.2, 0.3 + (0.35 + (0.4 + 0.15 * lines) * most) * len(clips)),
        width_ratios=[0.48, 1.0],
        squeeze=False,
        layout="constrained",
    )
    for row, (clip, best) in enumerate(zip(clips, found, strict=True)):
        picture, text = axes[row]
        _clip(picture, clip, frames_per_clip, captions[row] if captions is not None else "", 46)
        if names is not None:
            picture.set_title(name_end(names[row], 40), fontsize=8, loc="left", **plain())
        text.set_axis_off()
        for rank, caption in enumerate(best, start=1):
            colour, mark = (RIGHT_COLOUR, "✓") if caption.right else (WRONG_COLOUR, "✗")
            sentence = wrap(f"{rank}. {caption.text}", 78, 2)
            levels = _levels(caption.levels, BESIDE_WIDTH).replace("\n", "\n    ")
            text.text(
                0.0,
                1 - (rank - 0.5) / most,
                f"{mark} {caption.score:.3f}",
                color=colour,
                fontsize=9,
                va="center",
                transform=text.transAxes,
                weight="bold",
            )
            text.text(
                0.105,
                1 - (rank - 0.5) / most,
                sentence + (f"\n    {levels}" if levels else ""),
                fontsize=8.5,
                va="center",
                transform=text.transAxes,
                **plain(),
            )
    return figure


def _levels(levels: Mapping[str, float], width: int) -> str:
    """The scores of the levels, in lines of at most ``width`` letters."""
    lines = [""]
    for level, score in levels.items():
        text = f"{level} {score:.2f}"
        if lines[-1] and len(lines[-1]) + len(text) + 2 > width:
            lines.append("")
        lines[-1] += f"  {text}" if lines[-1] else text
    return "\n".join(lines)


def _strip(frames: np.ndarray[Any, Any], count: int) -> np.ndarray[Any, Any]:
    """Some frames of a clip side by side, with gaps."""
    chosen = np.linspace(0, len(frames) - 1, min(count, len(frames))).round().astype(int)
    gap = np.full((frames.shape[1], max(1, frames.shape[2] // 24), 3), 255, dtype=np.uint8)
    strip: list[np.ndarray[Any, Any]] = []
    for frame in frames[chosen]:
        strip += [frame, gap]
    return np.concatenate(strip[:-1], axis=1)


def _clip(ax: Any, frames: np.ndarray[Any, Any] | None, count: int, caption: str, width: int) -> None:
    """Some frames of a clip, or a caption on a card."""
    ax.set_xticks([])
    ax.set_yticks([])
    if frames is not None:
        ax.imshow(_strip(frames, count), interpolation="nearest")
        return
    ax.set_facecolor(CARD_COLOUR)
    ax.text(
        0.5,
        0.5,
        wrap(caption, width, 3) if caption else "no pictures",
        ha="center",
        va="center",
        fontsize=8,
        style="italic",
        transform=ax.transAxes,
        **plain(),
    )


def _show(ax: Any, hit: Hit, rank: int, count: int) -> None:
    _clip(ax, hit.frames, count, hit.caption, 38)
    colour, mark = (RIGHT_COLOUR, "✓") if hit.right else (WRONG_COLOUR, "✗")
    for spine in ax.spines.values():
        spine.set_color(colour)
        spine.set_linewidth(3)
        spine.set_linestyle("-" if hit.right else (0, (4, 2)))
    ax.set_title(
        f"{mark} {rank}. {name_end(hit.name, 28)}  {hit.score:.3f}", fontsize=8, color=colour, loc="left", **plain()
    )
    if hit.levels:
        ax.set_xlabel(_levels(hit.levels, LEVELS_WIDTH), fontsize=7, **plain())
