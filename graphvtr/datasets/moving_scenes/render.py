"""Frames from a motion: numpy only, all frames of a clip at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from graphvtr.datasets.moving_scenes.script import Script
from graphvtr.datasets.moving_scenes.shapes import TABLE_REACH, TABLE_SIDE, distance_tables
from graphvtr.datasets.moving_scenes.simulate import Motion
from graphvtr.datasets.moving_scenes.world import COLOUR_RGB, IMAGE_SIZE, SHAPES, SIZE_RADIUS

PATCH = 20
"""Side in pixels of the window in which a thing is painted; holds the largest shape with its outline."""

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]
Window = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]


@dataclass(frozen=True)
class Rendering:
    """What a clip looks like.

    Args:
        frames: [T, H, W, 3] uint8.
        owner: [T, H, W], index of the thing a pixel shows, -1 for the ground.
        area: [T, N], pixels a thing would show if nothing hid it and the frame were endless.
    """

    frames: Pixels
    owner: NDArray[np.int8]
    area: NDArray[np.int64]


def render(script: Script, motion: Motion, weather: float = 0.0) -> Rendering:
    """Paint every frame, from the ground up, in the order of the motion's layers.

    Args:
        script: what happens.
        motion: where everything is.
        weather: share, 0 to 1, of a colour drawn for the clip in the picture of its place, as in fog, dusk or snowfall.
    """
    num_frames, count = motion.height.shape
    rng = np.random.default_rng([script.seed, 2])
    # a border of one patch all round: what leaves the frame is painted there and cut off
    padded = IMAGE_SIZE + 2 * PATCH
    canvas = np.zeros((num_frames, padded, padded, 3), dtype=np.float32)
    light = np.random.default_rng([script.seed, 5]).uniform(60, 255, 3).astype(np.float32)
    canvas[:, PATCH:-PATCH, PATCH:-PATCH] = (1 - weather) * ground(script.place, rng) + weather * light
    owner = np.full((num_frames, padded, padded), -1, dtype=np.int8)
    _ropes(canvas, motion)
    area = np.zeros((num_frames, count), dtype=np.int64)
    shape = np.array([SHAPES.index(thing.shape) for thing in script.things])
    colour = np.array([COLOUR_RGB[thing.colour] for thing in script.things], dtype=np.float32)
    radius = np.array([SIZE_RADIUS[thing.size] for thing in script.things], dtype=np.float32) * IMAGE_SIZE
    ordered = np.argsort(motion.layer, axis=1, kind="stable")  # [T, N], from the back to the front
    everyone = np.broadcast_to(np.arange(count), ordered.shape)
    for rank in range(count):
        index = everyone[:, rank]
        _shadow(canvas, motion.xy[np.arange(num_frames), index], radius[index])
    for rank in range(count):
        index = ordered[:, rank]
        picked = np.arange(num_frames), index
        covered = _paint(
            canvas, owner, index, motion.drawn[picked], motion.angle[picked], shape[index], colour[index], radius[index]
        )
        area[picked] = covered
    frames = canvas[:, PATCH:-PATCH, PATCH:-PATCH]
    return Rendering(np.clip(frames + 0.5, 0, 255).astype(np.uint8), owner[:, PATCH:-PATCH, PATCH:-PATCH], area)


def _window(centre: NDArray[np.float64]) -> tuple[Window, Floats, Floats]:
    """Index of the patch about each frame's centre on the padded canvas, and the pixels' offsets from it.

    ``centre`` [T, 2] is in fractions of the frame. Offsets dx, dy [T, PATCH, PATCH] are in pixels.
    """
    pixel = centre * IMAGE_SIZE
    corner = np.clip(np.floor(pixel).astype(np.int64) - PATCH // 2, -PATCH, IMAGE_SIZE)  # [T, 2]
    step = np.arange(PATCH)
    rows = corner[:, 1, None] + step  # [T, PATCH]
    columns = corner[:, 0, None] + step
    dy = (rows + 0.5 - pixel[:, 1, None]).astype(np.float32)
    dx = (columns + 0.5 - pixel[:, 0, None]).astype(np.float32)
    frame = np.arange(len(centre))[:, None, None]
    where = (frame, rows[:, :, None] + PATCH, columns[:, None, :] + PATCH)
    across, down = np.broadcast_arrays(dx[:, None, :], dy[:, :, None])
    return where, across, down


def _paint(
    canvas: Floats,
    owner: NDArray[np.int8],
    index: NDArray[np.int64],
    centre: NDArray[np.float64],
    angle: NDArray[np.float64],
    shape: NDArray[np.int64],
    colour: Floats,
    radius: Floats,
) -> NDArray[np.int64]:
    """Paint one thing a frame; returns the pixels it covers, [T]."""
    where, dx, dy = _window(centre)
    cos, sin = np.cos(angle).astype(np.float32)[:, None, None], np.sin(angle).astype(np.float32)[:, None, None]
    scale = (TABLE_SIDE - 1) / (2 * TABLE_REACH) / radius[:, None, None]
    column = ((cos * dx + sin * dy) * scale + (TABLE_SIDE - 1) / 2 + 0.5).astype(np.int64)
    row = ((cos * dy - sin * dx) * scale + (TABLE_SIDE - 1) / 2 + 0.5).astype(np.int64)
    top = TABLE_SIDE - 1
    table = distance_tables()[shape[:, None, None], np.clip(row, 0, top), np.clip(column, 0, top)]
    distance = table * radius[:, None, None]  # [T, PATCH, PATCH] in pixels
    cover = np.clip(0.5 - distance, 0, 1)[..., None]
    edge = np.clip(0.9 + distance, 0, 0.75)[..., None]  # a thin dark outline keeps colours apart from the ground
    paint = colour[:, None, None] * (1 - edge) + 20.0 * edge
    canvas[where] = canvas[where] * (1 - cover) + paint * cover
    shown = cover[..., 0] > 0.5
    owner[where] = np.where(shown, index[:, None, None].astype(np.int8), owner[where])
    return shown.sum(axis=(1, 2))


def _shadow(canvas: Floats, ground_point: NDArray[np.float64], radius: Floats) -> None:
    """A soft dark ellipse under a thing: it stays on the ground when the thing goes up."""
    below = ground_point.copy()
    below[:, 1] += 0.8 * radius / IMAGE_SIZE
    where, dx, dy = _window(below)
    inner = np.sqrt((dx / radius[:, None, None]) ** 2 + (dy / (0.45 * radius[:, None, None])) ** 2)
    dark = 0.3 * np.clip(2 * (1.05 - inner), 0, 1)[..., None]
    canvas[where] = canvas[where] * (1 - dark)


def _ropes(canvas: Floats, motion: Motion) -> None:
    """A thin line between things that are tied together, under both."""
    tied = np.flatnonzero(motion.rope[:, 0] >= 0)
    if not len(tied):
        return
    ends = motion.drawn[tied[:, None], motion.rope[tied]] * IMAGE_SIZE + PATCH  # [n, 2, 2]
    axis = np.arange(canvas.shape[1]) + 0.5
    x, y = axis[None, None, :], axis[None, :, None]
    begin, way = ends[:, 0], ends[:, 1] - ends[:, 0]
    px, py = x - begin[:, 0, None, None], y - begin[:, 1, None, None]
    wx, wy = way[:, 0, None, None], way[:, 1, None, None]
    along = np.clip((px * wx + py * wy) / np.maximum(wx**2 + wy**2, 1e-9), 0, 1)
    distance = np.hypot(px - along * wx, py - along * wy)
    cover = np.clip(1.3 - distance, 0, 1)[..., None].astype(np.float32)
    canvas[tied] = canvas[tied] * (1 - cover) + 45.0 * cover


def ground(place: str, rng: Generator) -> Floats:
    """The picture of a place, [H, W, 3] in 0..255; details differ from clip to clip."""
    size = IMAGE_SIZE
    y, x = np.mgrid[0:size, 0:size].astype(np.float32)
    base = np.ones((size, size, 3), dtype=np.float32)
    grain = rng.normal(0, 1, (size, size, 1)).astype(np.float32)
    shift = rng.uniform(0, 2 * np.pi)
    if place == "grass":
        blades = (rng.random((size, size)) < 0.12).astype(np.float32)
        blades = np.maximum(blades, np.roll(blades, 1, 0))[..., None]
        return base * (146, 204, 112) - blades * (38, 30, 40) + 3 * grain
    if place == "water":
        wave = np.sin(2 * np.pi * y / 9 + 1.2 * np.sin(2 * np.pi * x / 21 + shift) + shift)[..., None]
        return base * (126, 190, 236) + 20 * np.clip(wave, 0.3, 1) + 2 * grain
    if place == "sand":
        dots = (rng.random((size, size, 1)) < 0.06).astype(np.float32)
        return base * (238, 214, 160) - 34 * dots + 6 * grain
    if place == "road":
        picture = base * (148, 148, 152) + 5 * grain
        middle = int(rng.integers(28, 36))
        dashes = (x[0] + rng.integers(0, 14)) % 14 < 8
        picture[middle : middle + 2, dashes] = (226, 226, 214)
        return picture
    if place == "snow":
        flakes = (rng.random((size, size, 1)) < 0.05).astype(np.float32)
        return base * (228, 236, 246) - flakes * (44, 34, 10) + 2 * grain
    if place == "floor":
        plank = ((y + rng.integers(0, 12)) % 12 < 1)[..., None].astype(np.float32)
        veins = np.sin(x / 5 + np.floor(y / 12) * 2.1 + shift)[..., None]
        return base * (192, 140, 94) + 7 * veins - 45 * plank + 2 * grain
    raise KeyError(place)
