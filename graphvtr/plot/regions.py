"""Which regions of a frame a model looks at: pictures beside their attention maps (ViSERN section 4.5)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from graphvtr.errors import DataError
from graphvtr.plot.style import EDGE_COLOUR, plain, pyplot, wrap

COLOUR_MAP = "inferno"
"""Of even lightness: the map reads in grey too."""

SHARE_OF_COLOUR = 0.72
"""How much of a painted pixel is the map, the rest the picture in grey."""

Floats = NDArray[np.floating[Any]]


def region_attention_image(box: Floats, score: Floats, height: int, width: int) -> NDArray[np.float32]:
    """The map of one frame: every pixel has the largest score of the boxes over it, 0 where there is none.

    Scores are those of :func:`graphvtr.nn.attention_map` or any that are not negative. Where boxes overlap the higher
    score is seen, whatever their order: sums would paint crowds of poor regions.

    Args:
        box: ``[R, 4]``, x0 y0 x1 y1 as fractions of the frame.
        score: ``[R]``, 0 or more.
        height, width: pixels of the map.

    Returns:
        ``[height, width]``, in the unit of ``score``. A box covers at least one pixel.

    Raises:
        DataError: boxes and scores do not fit, negative or missing numbers, or a map without pixels.

    Example:
        >>> import numpy as np
        >>> box = np.array([[0.0, 0.0, 0.5, 1.0], [0.25, 0.0, 1.0, 0.5]])
        >>> region_attention_image(box, np.array([0.9, 0.1]), 2, 4).astype(float).round(1).tolist()
        [[0.9, 0.9, 0.1, 0.1], [0.9, 0.9, 0.0, 0.0]]
    """
    box, score = np.asarray(box, dtype=np.float64), np.asarray(score, dtype=np.float64)
    if box.ndim != 2 or box.shape[1:] != (4,) or score.shape != box.shape[:1]:
        raise DataError("box", f"is {list(box.shape)} for scores {list(score.shape)}", "give box [R, 4], score [R]")
    if height < 1 or width < 1:
        raise DataError("the map", f"would be {height} x {width} pixels", "give a size of one pixel or more")
    if not (np.isfinite(box).all() and np.isfinite(score).all() and (score >= 0).all()):
        raise DataError("score", "holds a negative or missing number", "give finite boxes and scores of 0 or more")
    image = np.zeros((height, width), dtype=np.float32)
    size = np.array([width, height, width, height])
    low = np.floor(np.clip(box, 0, 1) * size).astype(int)[:, :2].clip(max=size[:2] - 1)
    high = np.maximum(np.ceil(np.clip(box, 0, 1) * size).astype(int)[:, 2:], low + 1)
    for place in np.argsort(score, kind="stable"):
        (x0, y0), (x1, y1) = low[place], high[place]
        image[y0:y1, x0:x1] = score[place]
    return image


def region_attention_images(
    box: Floats, score: Floats, frame: NDArray[np.integer[Any]], num_frames: int, height: int, width: int
) -> NDArray[np.float32]:
    """The maps of a clip, ``[num_frames, height, width]``; see :func:`region_attention_image`.

    Args:
        box: ``[R, 4]``.
        score: ``[R]``.
        frame: ``[R]``, the frame of each region.
        num_frames: frames of the clip; those without regions have empty maps.
        height, width: pixels.

    Raises:
        DataError: shapes that do not go together, or a frame outside the clip.
    """
    frame = np.asarray(frame)
    if frame.shape != np.shape(score) or (frame.size and not 0 <= frame.min() <= frame.max() < num_frames):
        raise DataError("frame", f"does not fit {np.shape(score)[0]} regions", f"give each a frame 0..{num_frames - 1}")
    chosen = [frame == number for number in range(num_frames)]
    maps = [region_attention_image(np.asarray(box)[c], np.asarray(score)[c], height, width) for c in chosen]
    return np.stack(maps) if maps else np.zeros((0, height, width), dtype=np.float32)


def plot_region_attention(
    frames: NDArray[np.uint8],
    box: Floats,
    score: Floats,
    frame: NDArray[np.integer[Any]],
    *,
    caption: str = "",
    time: Floats | None = None,
    rows: int | None = None,
) -> Any:
    """A row a frame: the picture with the box that leads, and its attention map; the caption on top.

    The map's brightest colour is the highest score of its frame.

    Args:
        frames: uint8 ``[T, H, W, 3]``.
        box: ``[R, 4]``, x0 y0 x1 y1 as fractions of the frame.
        score: ``[R]``, from :meth:`graphvtr.nn.ViSERN.attention_map`.
        frame: ``[R]``, the frame of each region.
        caption: shown on top.
        time: ``[T]``, seconds, shown beside the rows; frames are numbered without it.
        rows: show this many frames, evenly spaced; all when None.

    Returns:
        The matplotlib Figure.

    Raises:
        DataError: no frames, or shapes that do not go together.
    """
    frames = np.asarray(frames)
    if frames.ndim != 4 or frames.shape[-1] != 3 or not len(frames):
        raise DataError("frames", f"have shape {list(frames.shape)}", "give pictures [T, H, W, 3]")
    if rows is not None and rows < 1:
        raise DataError("rows", f"is {rows}", "show one frame or more")
    count, height, width = frames.shape[:3]
    box, score, frame = np.asarray(box), np.asarray(score), np.asarray(frame)
    maps = region_attention_images(box, score, frame, count, height, width)
    shown = np.unique(np.linspace(0, count - 1, min(rows or count, count)).round().astype(int))
    plt = pyplot()
    wide, tall = 3.0, 3.0 * height / width
    title = wrap(caption, 64, 3)
    head = 0.4 + 0.2 * (title.count("\n") + 1)
    figure, axes = plt.subplots(
        len(shown), 2, figsize=(2 * wide + 0.9, len(shown) * (tall + 0.06) + head), squeeze=False, layout="constrained"
    )
    figure.get_layout_engine().set(hspace=0.01, wspace=0.01)
    if caption:
        figure.suptitle(title, fontsize=11, **plain())
    for axis, name in zip(axes[0], ("original frame", "attention map"), strict=True):
        axis.set_title(name, fontsize=9)
    for (left, right), number in zip(axes, shown, strict=True):
        mine = np.flatnonzero(frame == number)
        left.imshow(frames[number])
        right.imshow(_blend(frames[number], maps[number], plt.get_cmap(COLOUR_MAP)))
        if len(mine):
            _outline(left, box[mine[score[mine].argmax()]], height, width)
        else:
            right.text(0.5, 0.5, "no regions", transform=right.transAxes, ha="center", va="center", fontsize=9)
        left.set_ylabel(f"frame {number}" if time is None else f"{float(time[number]):.1f} s", fontsize=9)
        for axis in (left, right):
            axis.set_xticks([])
            axis.set_yticks([])
            for spine in axis.spines.values():
                spine.set_visible(False)
    _key(figure, axes, plt)
    return figure


def _blend(picture: NDArray[np.uint8], values: NDArray[np.float32], colours: Any) -> Floats:
    """The picture in grey under the map's colours, as strong as ``SHARE_OF_COLOUR``."""
    grey = np.repeat(picture.mean(axis=-1, keepdims=True) / 255, 3, axis=-1)
    highest = values.max(initial=0.0)
    painted = colours(values / highest if highest > 0 else values)[..., :3]
    out: Floats = (1 - SHARE_OF_COLOUR) * grey + SHARE_OF_COLOUR * painted
    return out


def _outline(axis: Any, box: Floats, height: int, width: int) -> None:
    """The box of the region that leads, dark under light so that it shows on every ground."""
    x0, y0, x1, y1 = (box * [width, height, width, height] - 0.5).tolist()
    for colour, line in ((EDGE_COLOUR, 3.0), ("white", 1.2)):
        axis.plot([x0, x1, x1, x0, x0], [y0, y0, y1, y1, y0], color=colour, linewidth=line, clip_on=True)
    axis.set_xlim(-0.5, width - 0.5)
    axis.set_ylim(height - 0.5, -0.5)


def _key(figure: Any, axes: Any, plt: Any) -> None:
    mappable = plt.cm.ScalarMappable(cmap=COLOUR_MAP)
    mappable.set_clim(0, 1)
    key = figure.colorbar(mappable, ax=axes[:, 1], fraction=0.05, aspect=30, ticks=[0, 1])
    key.ax.set_yticklabels(["none", "highest\nof frame"], fontsize=8)
    key.outline.set_visible(False)
