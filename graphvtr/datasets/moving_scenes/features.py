"""Features of a rendered clip: thumbnails of frames and of the regions that things show in them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from graphvtr.datasets.moving_scenes.render import Rendering
from graphvtr.datasets.moving_scenes.world import IMAGE_SIZE

FRAME_SIDE, CROP_SIDE = 16, 8
FRAME_DIM = 2 * FRAME_SIDE * FRAME_SIDE * 3 + 3 * 64
REGION_DIM = CROP_SIDE * CROP_SIDE * 3 + 6
MOTION_SCALE = 8.0
"""Brings displacements between frames, a few hundredths of the frame, to the size of the other features."""

CHANGE_SCALE, HISTOGRAM_SCALE = 4.0, 4.0
"""Bring the parts of a frame's features to lengths of the same order."""

MOVED_FROM = 40
"""Difference in a colour channel, of 255, from which a pixel counts as changed: above the grain of every ground."""

LEAST_SHARE, LEAST_PIXELS = 0.25, 6
"""A thing is a region where it shows this share of itself, and as many pixels."""

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Regions:
    """What things show, R regions sorted by frame and, in a frame, by thing.

    Args:
        box: [R, 4], x0 y0 x1 y1 as fractions of the frame, tight around the pixels that show.
        score: [R], share of the thing that shows.
        frame: [R].
        track: [R], index of the thing in the script.
    """

    box: Floats
    score: Floats
    frame: NDArray[np.int64]
    track: NDArray[np.int64]


def find_regions(rendering: Rendering) -> Regions:
    """Boxes around the visible pixels of every thing in every frame."""
    things = np.arange(rendering.area.shape[1])
    shows = rendering.owner[:, None] == things[:, None, None]  # [T, N, H, W]
    pixels = shows.sum(axis=(2, 3))
    share = pixels / np.maximum(rendering.area, 1)
    frame, track = np.nonzero((share >= LEAST_SHARE) & (pixels >= LEAST_PIXELS))
    shown = shows[frame, track]  # [R, H, W]
    rows, columns = shown.any(axis=2), shown.any(axis=1)
    sides = [
        columns.argmax(1),
        rows.argmax(1),
        IMAGE_SIZE - columns[:, ::-1].argmax(1),
        IMAGE_SIZE - rows[:, ::-1].argmax(1),
    ]
    box = np.stack(sides, axis=1).reshape(-1, 4) / IMAGE_SIZE
    score = np.minimum(share[frame, track], 1)
    return Regions(box.astype(np.float32), score.astype(np.float32), frame, track)


def frame_features(frames: NDArray[np.uint8]) -> Floats:
    """[T, H, W, 3] -> [T, 1728]: four simple descriptions of a frame end to end.

    ============  ====  =====================================================================================
    ``layout``    768   mean colours of 16 x 16 cells, -1..1
    ``change``    768   change of the layout since the frame before, times ``CHANGE_SCALE``
    ``colours``   64    colour histogram of the picture
    ``moved``     128   colour histograms of the pixels that have changed, as they are and as they were before
    ============  ====  =====================================================================================

    A single picture does not tell what moves, and where to; change and moved colours do. They are zero in the
    first frame. Histograms are square roots of shares, times ``HISTOGRAM_SCALE``.
    """
    count, cell = len(frames), IMAGE_SIZE // FRAME_SIDE
    rows = frames.reshape(count, FRAME_SIDE, cell, IMAGE_SIZE, 3).sum(axis=2, dtype=np.uint16)
    cells = rows.reshape(count, FRAME_SIDE, FRAME_SIDE, cell, 3).sum(axis=3, dtype=np.uint16)
    layout = (cells.astype(np.float32) / (127.5 * cell**2) - 1).reshape(count, -1)
    change = CHANGE_SCALE * np.diff(layout, axis=0, prepend=layout[:1])
    before = np.concatenate([frames[:1], frames[:-1]])
    differs = (np.maximum(frames, before) - np.minimum(frames, before)) > MOVED_FROM
    moved = differs[..., 0] | differs[..., 1] | differs[..., 2]  # [T, H, W]
    now, then = _colour_bins(frames), _colour_bins(before)
    everywhere = np.ones_like(moved)
    histograms = [_histogram(now, everywhere), _histogram(now, moved), _histogram(then, moved)]
    return np.concatenate([layout, change, *histograms], axis=1, dtype=np.float32)


def _colour_bins(frames: NDArray[np.uint8]) -> NDArray[np.int64]:
    """[T, H, W], the bin of every pixel: four levels of red, green and blue."""
    level = (frames >> 6).astype(np.int64)
    return (level[..., 0] * 4 + level[..., 1]) * 4 + level[..., 2]


def _histogram(bins: NDArray[np.int64], where: NDArray[np.bool_]) -> Floats:
    """[T, 64], scaled roots of the shares of ``where`` that each bin has; zero where ``where`` is empty."""
    count = len(bins)
    frame = np.broadcast_to(np.arange(count)[:, None, None], bins.shape)
    table = np.bincount((frame * 64 + bins)[where], minlength=64 * count).reshape(count, 64)
    share = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    return (HISTOGRAM_SCALE * np.sqrt(share)).astype(np.float32)


def region_crops(frames: NDArray[np.uint8], regions: Regions) -> Floats:
    """[R, 198]: the box's picture at 8 x 8 pixels in -1..1; centre, width, height; motion of the track's centre.

    Centre, width and height are fractions of the frame; the motion since the track's last region, times
    ``MOTION_SCALE``, is zero where a track begins.
    """
    box = regions.box * IMAGE_SIZE
    ticks = (np.arange(CROP_SIDE) + 0.5) / CROP_SIDE
    x = box[:, None, 0] + ticks * (box[:, 2] - box[:, 0])[:, None] - 0.5  # [R, 8], in pixel centres
    y = box[:, None, 1] + ticks * (box[:, 3] - box[:, 1])[:, None] - 0.5
    crops = _bilinear(frames, regions.frame, y, x).reshape(len(box), CROP_SIDE**2 * 3) / 127.5 - 1
    size = regions.box[:, 2:] - regions.box[:, :2]
    centre = (regions.box[:, :2] + regions.box[:, 2:]) / 2
    motion = np.zeros_like(centre)
    for track in np.unique(regions.track):
        rows = np.flatnonzero(regions.track == track)
        motion[rows[1:]] = np.diff(centre[rows], axis=0)
    return np.concatenate([crops, centre, size, MOTION_SCALE * motion], axis=1).astype(np.float32)


def _bilinear(
    frames: NDArray[np.uint8], frame: NDArray[np.int64], y: NDArray[np.floating], x: NDArray[np.floating]
) -> Floats:
    """Values [R, 8, 8, 3] of the frames at rows ``y`` [R, 8] and columns ``x`` [R, 8]."""
    last = IMAGE_SIZE - 1
    y, x = np.clip(y, 0, last), np.clip(x, 0, last)
    top, left = y.astype(np.int64), x.astype(np.int64)
    below, right = np.minimum(top + 1, last), np.minimum(left + 1, last)
    dy, dx = (y - top)[:, :, None, None], (x - left)[:, None, :, None]
    which, rows = frame[:, None, None], (top[:, :, None], below[:, :, None])
    upper, lower = (
        frames[which, row, left[:, None]] * (1 - dx) + frames[which, row, right[:, None]] * dx for row in rows
    )
    return (upper * (1 - dy) + lower * dy).astype(np.float32)
