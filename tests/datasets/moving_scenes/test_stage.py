import numpy as np
import pytest

from graphvtr.datasets.moving_scenes.stage import (
    INSIDE,
    Order,
    Path,
    approach,
    in_zone,
    normal,
    ramp,
    unit,
    walk,
    zone_point,
)
from graphvtr.datasets.moving_scenes.world import POSITIONS


def make_order(**changes: object) -> Order:
    fields: dict[str, object] = {
        "rng": np.random.default_rng(0),
        "time": np.linspace(0, 1, 5),
        "radius": {"agent": 0.06, "patient": 0.1},
        "start": {"agent": None, "patient": None},
    }
    return Order(**(fields | changes))  # type: ignore[arg-type]


def test_ramp() -> None:
    np.testing.assert_allclose(ramp(np.array([0.0, 0.2, 0.3, 0.4, 1.0]), 0.2, 0.4), [0, 0, 0.5, 1, 1])
    np.testing.assert_allclose(ramp(np.array([0.0, 0.5]), 0.0, 0.0), [0, 1])  # no time at all: at once


def test_walk_is_straight_between_stops() -> None:
    path = walk(np.array([0.0, 0.25, 0.5, 1.0]), [(0.0, np.array([0.0, 0.0])), (0.5, np.array([1.0, 2.0]))])
    np.testing.assert_allclose(path, [[0, 0], [0.5, 1], [1, 2], [1, 2]])


def test_unit_and_normal() -> None:
    np.testing.assert_allclose(unit(np.array([3.0, 4.0]), np.zeros(2)), [0.6, 0.8])
    np.testing.assert_allclose(unit(np.zeros(2), np.array([1.0, 0.0])), [1, 0])
    step = np.array([0.6, 0.8])
    assert np.dot(step, normal(step)) == pytest.approx(0)


def test_path_constants_and_drawn() -> None:
    path = Path.along(np.zeros((3, 2)), height=0.2)
    np.testing.assert_allclose(path.drawn, [[0, -0.2]] * 3)
    assert path.angle.shape == (3,)


def test_spot_leaves_room() -> None:
    order = make_order()
    for _ in range(200):
        start = order.spot(np.array([0.5, -0.3]), np.array([-0.1, 0.0]))
        for point in (start, start + np.array([0.5, -0.3]), start - np.array([0.1, 0.0])):
            assert (point >= INSIDE[0] - 1e-9).all()
            assert (point <= INSIDE[1] + 1e-9).all()


def test_spot_without_room_is_the_middle() -> None:
    start = make_order().spot(np.array([2.0, 0.0]))
    assert start[0] == pytest.approx((INSIDE[0] + INSIDE[1] - 2.0) / 2)


def test_spot_bounds_y() -> None:
    order = make_order()
    assert min(order.spot(lowest=0.6)[1] for _ in range(100)) >= 0.6


def test_couple_keeps_what_is_given() -> None:
    offset, there = np.array([0.2, 0.0]), np.array([0.4, 0.5])
    agent, patient = make_order().couple(offset)
    np.testing.assert_allclose(agent - patient, offset)
    agent, patient = make_order(start={"agent": there, "patient": None}).couple(offset)
    np.testing.assert_allclose([agent, patient], [there, there - offset])
    agent, patient = make_order(start={"agent": None, "patient": there}).couple(offset)
    np.testing.assert_allclose([agent, patient], [there + offset, there])
    agent, patient = make_order(start={"agent": there, "patient": 2 * there}).couple(offset)
    np.testing.assert_allclose([agent, patient], [there, 2 * there])


@pytest.mark.parametrize("position", POSITIONS)
def test_zones(position: str) -> None:
    rng = np.random.default_rng(0)
    points = np.array([zone_point(rng, position) for _ in range(60)])
    assert all(in_zone(point, position) for point in points)
    assert not any(in_zone(point, other) for point in points for other in POSITIONS if other != position)
    corners = {tuple(point > 0.5) for point in points}
    assert len(corners) == 4 or position != "corner"
    assert make_order(position=position).spot().shape == (2,)


def test_approach_straight_and_round() -> None:
    begin, target = np.array([0.2, 0.5]), np.array([0.8, 0.5])
    far = approach(begin, target, np.array([0.5, 0.9]), 0.1)
    assert len(far) == 2
    np.testing.assert_allclose(far[-1][1], target)
    middle = np.array([0.5, 0.5])
    stops = approach(begin, target, middle, 0.1)
    assert len(stops) == 3
    path = walk(np.linspace(0, 1, 50), stops)
    assert np.linalg.norm(path - middle, axis=1).min() > 0.08
    assert 0 < stops[1][0] < stops[2][0] <= 0.55


def test_approach_of_where_one_stands() -> None:
    here = np.array([0.3, 0.3])
    assert len(approach(here, here, np.array([0.5, 0.5]), 0.1)) == 1
