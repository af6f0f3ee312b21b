from __future__ import annotations

import numpy as np
import pytest

from graphvtr.datasets.moving_scenes import Script
from graphvtr.datasets.moving_scenes.features import (
    CHANGE_SCALE,
    FRAME_DIM,
    HISTOGRAM_SCALE,
    LEAST_PIXELS,
    LEAST_SHARE,
    MOTION_SCALE,
    REGION_DIM,
    Regions,
    find_regions,
    frame_features,
    region_crops,
)
from graphvtr.datasets.moving_scenes.render import Rendering, render
from graphvtr.datasets.moving_scenes.simulate import stage
from graphvtr.datasets.moving_scenes.world import IMAGE_SIZE


def rendered(scripts: list[Script]) -> list[tuple[Script, Rendering]]:
    staged = [stage(script, 16) for script in scripts]
    return [(script, render(script, motion)) for script, motion in staged]


def test_boxes_are_tight_around_the_pixels(scripts: dict[str, list[Script]]) -> None:
    found = 0
    for script, picture in rendered(scripts["test"][:12]):
        regions = find_regions(picture)
        listed = set(zip(regions.frame.tolist(), regions.track.tolist(), strict=True))
        for frame in range(16):
            for thing in range(len(script.things)):
                rows, columns = np.nonzero(picture.owner[frame] == thing)
                area = max(int(picture.area[frame, thing]), 1)
                wanted = len(rows) >= LEAST_PIXELS and len(rows) / area >= LEAST_SHARE
                assert ((frame, thing) in listed) == wanted
                if wanted:
                    place = np.flatnonzero((regions.frame == frame) & (regions.track == thing))[0]
                    tight = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
                    np.testing.assert_allclose(regions.box[place] * IMAGE_SIZE, tight, atol=1e-4)
                    assert regions.score[place] == pytest.approx(min(len(rows) / area, 1))
                    found += 1
    assert found > 300


def test_regions_are_sorted(scripts: dict[str, list[Script]]) -> None:
    _, picture = rendered(scripts["test"][:1])[0]
    regions = find_regions(picture)
    order = regions.frame * 100 + regions.track
    assert (np.diff(order) > 0).all()


def test_a_hidden_thing_is_no_region(scripts: dict[str, list[Script]]) -> None:
    hiding = [s for s in scripts["train"] if len(s.events) == 1 and s.events[0].action == "hide"][:4]
    for script, picture in rendered(hiding):
        regions = find_regions(picture)
        seen = regions.frame[regions.track == script.events[0].agent]
        assert 0 in seen
        assert 15 not in seen


def test_no_regions_at_all() -> None:
    blank = Rendering(
        np.zeros((2, IMAGE_SIZE, IMAGE_SIZE, 3), np.uint8),
        np.full((2, IMAGE_SIZE, IMAGE_SIZE), -1, np.int8),
        np.zeros((2, 1), np.int64),
    )
    regions = find_regions(blank)
    assert regions.box.shape == (0, 4)
    assert region_crops(blank.frames, regions).shape == (0, REGION_DIM)


def plain_frame_features(frames: np.ndarray) -> np.ndarray:
    """The same numbers, one pixel at a time."""
    rows = []
    layouts = []
    for frame in frames:
        cells = [
            frame[4 * i : 4 * i + 4, 4 * j : 4 * j + 4].reshape(-1, 3).mean(0) for i in range(16) for j in range(16)
        ]
        layouts.append(np.concatenate(cells) / 127.5 - 1)
    for t, frame in enumerate(frames):
        before = frames[max(t - 1, 0)]
        histograms = np.zeros((3, 64))
        for y in range(IMAGE_SIZE):
            for x in range(IMAGE_SIZE):
                now, then = (
                    int(p[0]) // 64 * 16 + int(p[1]) // 64 * 4 + int(p[2]) // 64 for p in (frame[y, x], before[y, x])
                )
                histograms[0, now] += 1
                if np.abs(frame[y, x].astype(int) - before[y, x].astype(int)).max() > 40:
                    histograms[1, now] += 1
                    histograms[2, then] += 1
        shares = [HISTOGRAM_SCALE * np.sqrt(h / max(h.sum(), 1)) for h in histograms]
        rows.append(np.concatenate([layouts[t], CHANGE_SCALE * (layouts[t] - layouts[max(t - 1, 0)]), *shares]))
    return np.stack(rows)


def test_frame_features_against_plain_loops(scripts: dict[str, list[Script]]) -> None:
    frames = rendered(scripts["test"][:1])[0][1].frames[5:8]
    features = frame_features(frames)
    assert features.shape == (3, FRAME_DIM)
    assert features.dtype == np.float32
    np.testing.assert_allclose(features, plain_frame_features(frames), atol=1e-4)


def test_nothing_moves_in_the_first_frame_and_in_a_still(scripts: dict[str, list[Script]]) -> None:
    frames = rendered(scripts["test"][:1])[0][1].frames
    still = frame_features(np.repeat(frames[:1], 3, axis=0))
    assert not still[:, 768:1536].any()
    assert not still[:, 1600:].any()
    assert not frame_features(frames)[0, 768:1536].any()


def test_crops_of_plain_colours() -> None:
    frames = np.zeros((2, IMAGE_SIZE, IMAGE_SIZE, 3), np.uint8)
    frames[0, 10:20, 30:50] = (255, 0, 128)
    frames[1, 14:24, 34:54] = (0, 255, 255)
    box = np.array([[30, 10, 50, 20], [34, 14, 54, 24]], np.float32) / IMAGE_SIZE
    regions = Regions(box, np.ones(2, np.float32), np.array([0, 1]), np.array([3, 3]))
    features = region_crops(frames, regions)
    crop = features[:, :192].reshape(2, 8, 8, 3)
    np.testing.assert_allclose(crop[0], np.broadcast_to(np.array([1, -1, 128 / 127.5 - 1]), (8, 8, 3)), atol=1e-6)
    np.testing.assert_allclose(crop[1], np.broadcast_to(np.array([-1.0, 1, 1]), (8, 8, 3)), atol=1e-6)
    np.testing.assert_allclose(features[0, 192:], [40 / 64, 15 / 64, 20 / 64, 10 / 64, 0, 0], atol=1e-6)
    np.testing.assert_allclose(features[1, 196:], [MOTION_SCALE * 4 / 64] * 2, atol=1e-5)


def test_crop_interpolates_between_pixels() -> None:
    ramp = np.arange(IMAGE_SIZE, dtype=np.uint8)
    frames = np.broadcast_to(ramp[None, None, :, None], (1, IMAGE_SIZE, IMAGE_SIZE, 3)).copy()
    box = np.array([[8, 8, 24, 24]], np.float32) / IMAGE_SIZE
    regions = Regions(box, np.ones(1, np.float32), np.array([0]), np.array([0]))
    crop = region_crops(frames, regions)[0, :192].reshape(8, 8, 3)
    wanted = 8 + (np.arange(8) + 0.5) * 2 - 0.5  # centres of eight columns two pixels wide
    np.testing.assert_allclose(crop[0, :, 0], wanted / 127.5 - 1, atol=1e-5)


def test_tracks_that_come_back_keep_their_motion_apart() -> None:
    frames = np.zeros((3, IMAGE_SIZE, IMAGE_SIZE, 3), np.uint8)
    box = np.array([[0, 0, 8, 8], [32, 0, 40, 8], [8, 0, 16, 8]], np.float32) / IMAGE_SIZE
    regions = Regions(box, np.ones(3, np.float32), np.array([0, 1, 2]), np.array([0, 1, 0]))
    motion = region_crops(frames, regions)[:, 196:]
    np.testing.assert_allclose(motion, [[0, 0], [0, 0], [MOTION_SCALE * 8 / 64, 0]], atol=1e-6)
