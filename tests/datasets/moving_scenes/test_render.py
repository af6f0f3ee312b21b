from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from graphvtr.datasets.moving_scenes import Event, Script, Thing
from graphvtr.datasets.moving_scenes.render import ground, render
from graphvtr.datasets.moving_scenes.simulate import Motion, simulate, stage
from graphvtr.datasets.moving_scenes.world import COLOUR_RGB, COLOURS, IMAGE_SIZE, PLACES, SHAPES

ScriptMaker = Callable[..., Script]


def still(things: list[Thing], points: list[tuple[float, float]], **changes: object) -> tuple[Script, Motion]:
    """Things at rest in one frame."""
    count = len(things)
    motion = Motion(
        xy=np.array([points]),
        height=np.zeros((1, count)),
        angle=np.zeros((1, count)),
        layer=np.zeros((1, count), dtype=np.int64),
        rope=np.full((1, 2), -1),
        fault=0.0,
    )
    script = Script("still", 0, tuple(things), (Event("jump", 0),), "sand")
    return script, replace(motion, **changes)  # type: ignore[arg-type]


def test_same_clip_same_bytes(make_script: ScriptMaker) -> None:
    script = make_script("chase")
    one, other = (render(script, simulate(script, 16)) for _ in range(2))
    assert one.frames.tobytes() == other.frames.tobytes()
    assert one.frames.shape == (16, IMAGE_SIZE, IMAGE_SIZE, 3)
    assert one.frames.dtype == np.uint8


def test_weather_hides_the_colour_of_a_place_and_nothing_else(make_script: ScriptMaker) -> None:
    def colour_of_ground(place: str, seed: int, weather: float) -> np.ndarray:
        script = replace(make_script("chase"), place=place, seed=seed)
        picture = render(script, simulate(script, 16), weather)
        return picture.frames[picture.owner < 0].mean(0)

    def spread(weather: float) -> tuple[float, float]:
        """Standard deviation of the colour of the ground between places, and between clips of a place."""
        colours = np.array([[colour_of_ground(place, seed, weather) for seed in range(8)] for place in PLACES])
        return float(colours.mean(1).std(0).mean()), float(colours.std(1).mean())

    clear, foggy = spread(0.0), spread(0.7)
    assert clear[0] > 5 * clear[1]
    assert foggy[0] < foggy[1]
    script = make_script("chase")
    motion = simulate(script, 16)
    assert np.array_equal(render(script, motion).owner, render(script, motion, 0.7).owner)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("colour", COLOURS)
def test_colour_shows(shape: str, colour: str) -> None:
    script, motion = still([Thing(shape, colour, "large")], [(0.5, 0.5)])
    picture = render(script, motion)
    shown = picture.frames[0][picture.owner[0] == 0].astype(float)
    distance = np.linalg.norm(shown - COLOUR_RGB[colour], axis=1)
    assert (distance < 12).mean() > 0.2  # outlines and blended edges aside
    nearest = [min(COLOURS, key=lambda c: np.linalg.norm(pixel - COLOUR_RGB[c])) for pixel in shown]
    assert max(set(nearest), key=nearest.count) == colour


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("size", ["small", "large"])
def test_owner_is_where_the_picture_differs(shape: str, size: str) -> None:
    """The pixels a thing owns are those that change when it changes colour."""
    pictures = []
    for colour in ("red", "green"):
        script, motion = still([Thing(shape, colour, size)], [(0.43, 0.57)])
        pictures.append(render(script, motion))
    differs = (pictures[0].frames != pictures[1].frames).any(axis=3)[0]
    owned = pictures[0].owner[0] == 0
    assert differs[owned].mean() > 0.9  # the outline's darkest pixels may agree
    rows, columns = np.flatnonzero(differs.any(1)), np.flatnonzero(differs.any(0))
    own_rows, own_columns = np.flatnonzero(owned.any(1)), np.flatnonzero(owned.any(0))
    for found, own in ((rows, own_rows), (columns, own_columns)):
        assert own[0] - 1 <= found[0] <= own[0] + 1  # half-covered edge pixels belong to nobody
        assert own[-1] - 1 <= found[-1] <= own[-1] + 1


def test_area_and_cut_at_the_edge() -> None:
    whole = render(*still([Thing("square", "red", "large")], [(0.5, 0.5)]))
    cut = render(*still([Thing("square", "red", "large")], [(0.0, 0.5)]))
    gone = render(*still([Thing("square", "red", "large")], [(-0.4, 0.5)]))
    assert whole.area[0, 0] == (whole.owner == 0).sum()
    side = 2 * 0.86 * 0.105 * IMAGE_SIZE
    assert whole.area[0, 0] == pytest.approx(side**2, rel=0.12)
    assert (cut.owner == 0).sum() == pytest.approx(whole.area[0, 0] / 2, rel=0.1)
    assert (gone.owner == 0).sum() == 0


def test_layers() -> None:
    things = [Thing("circle", "red", "large"), Thing("circle", "blue", "small")]
    front = render(*still(things, [(0.5, 0.5)] * 2, layer=np.array([[0, 1]])))
    back = render(*still(things, [(0.5, 0.5)] * 2, layer=np.array([[0, -1]])))
    assert front.owner[0, 32, 32] == 1
    assert back.owner[0, 32, 32] == 0
    assert (back.owner == 1).sum() == 0
    assert back.area[0, 1] > 0


def test_height_leaves_the_shadow_on_the_ground() -> None:
    low = render(*still([Thing("circle", "red", "large")], [(0.5, 0.7)]))
    high = render(*still([Thing("circle", "red", "large")], [(0.5, 0.7)], height=np.array([[0.4]])))
    moved = np.argwhere(low.owner[0] == 0).mean(0) - np.argwhere(high.owner[0] == 0).mean(0)
    np.testing.assert_allclose(moved, [0.4 * IMAGE_SIZE, 0], atol=0.6)
    below = int((0.7 + 0.8 * 0.105) * IMAGE_SIZE)
    assert high.frames[0, below, 32].mean() < 0.85 * high.frames[0, below, 5].mean()


def test_rotation_turns_the_shape() -> None:
    script, motion = still([Thing("square", "red", "large")], [(0.5, 0.5)])
    turned = render(script, replace(motion, angle=np.array([[np.pi / 4]])))
    straight = render(script, motion)
    assert (turned.owner[0] == 0).any(0).sum() > 1.25 * (straight.owner[0] == 0).any(0).sum()
    again = render(script, replace(motion, angle=np.array([[np.pi / 2]])))
    assert ((again.owner == 0) != (straight.owner == 0)).mean() < 0.01


def test_antialiased_edges_move_by_less_than_a_pixel() -> None:
    one = render(*still([Thing("circle", "red", "large")], [(0.5, 0.5)])).frames.astype(float)
    other = render(*still([Thing("circle", "red", "large")], [(0.503, 0.5)])).frames.astype(float)
    assert 0 < np.abs(one - other).mean() < 1


def test_rope_is_drawn(make_script: ScriptMaker) -> None:
    script, motion = stage(make_script("pull", seed=1), 16)
    tied = render(script, motion).frames
    loose = render(script, replace(motion, rope=np.full_like(motion.rope, -1))).frames
    frames = np.flatnonzero((tied != loose).any(axis=(1, 2, 3)))
    np.testing.assert_array_equal(frames, np.flatnonzero(motion.rope[:, 0] >= 0))


def test_places_look_different() -> None:
    means = {place: ground(place, np.random.default_rng(0)).mean(axis=(0, 1)) for place in PLACES}
    for one in PLACES:
        for other in PLACES:
            if one != other:
                assert np.linalg.norm(means[one] - means[other]) > 25, (one, other)
    assert not np.array_equal(ground("grass", np.random.default_rng(0)), ground("grass", np.random.default_rng(1)))
    with pytest.raises(KeyError):
        ground("moon", np.random.default_rng(0))
