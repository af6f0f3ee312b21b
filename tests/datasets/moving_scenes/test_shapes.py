import numpy as np
import pytest

from graphvtr.datasets.moving_scenes.shapes import (
    TABLE_REACH,
    TABLE_SIDE,
    distance_tables,
    outline,
    polygon_distance,
)
from graphvtr.datasets.moving_scenes.world import SHAPES

AXIS = np.linspace(-TABLE_REACH, TABLE_REACH, TABLE_SIDE)


def table(shape: str) -> np.ndarray:
    return distance_tables()[SHAPES.index(shape)]


def test_distance_to_a_square() -> None:
    corners = np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])
    points = np.array([[0.0, 0.0], [0.5, 0.0], [2.0, 0.0], [4.0, 5.0], [0.0, -1.5]])
    np.testing.assert_allclose(polygon_distance(points, corners), [-1, -0.5, 1, 5, 0.5])


def test_distance_sign_of_a_notched_polygon() -> None:
    arrow = np.array([[0.0, 0.0], [2.0, 0.0], [1.0, 1.0], [2.0, 2.0], [0.0, 2.0]])
    assert polygon_distance(np.array([1.8, 1.0]), arrow) > 0  # in the notch
    assert polygon_distance(np.array([0.5, 1.0]), arrow) < 0


def test_circle_and_ring() -> None:
    y, x = np.meshgrid(AXIS, AXIS, indexing="ij")
    np.testing.assert_allclose(table("circle"), np.hypot(x, y) - 1, atol=1e-6)
    middle = TABLE_SIDE // 2
    assert table("ring")[middle, middle] > 0.35  # the hole


@pytest.mark.parametrize("shape", SHAPES)
def test_table_is_a_distance(shape: str) -> None:
    distance = table(shape)
    step = AXIS[1] - AXIS[0]
    assert np.abs(np.diff(distance, axis=0)).max() <= step * 1.001  # changes no faster than one moves
    assert np.abs(np.diff(distance, axis=1)).max() <= step * 1.001
    y, x = np.meshgrid(AXIS, AXIS, indexing="ij")
    assert (distance[np.hypot(x, y) > 1.25] > 0).all()  # nothing of a shape lies far out
    assert 0.15 < (distance < 0).sum() * step**2 / np.pi <= 1.001


@pytest.mark.parametrize("shape", ["star", "heart", "triangle"])
def test_upright_and_symmetric(shape: str) -> None:
    distance = table(shape)
    np.testing.assert_allclose(distance, distance[:, ::-1], atol=1e-5)
    inside = distance < 0
    rows = np.flatnonzero(inside.any(1))
    tip = inside[rows[len(rows) // 20]].sum(), inside[rows[-1 - len(rows) // 20]].sum()
    assert (tip[0] > tip[1]) == (shape == "heart")  # y grows downwards: star and triangle have their tip on top


def test_shapes_are_told_apart() -> None:
    inside = distance_tables() < 0
    for one in range(len(SHAPES)):
        for other in range(one):
            union, common = (inside[one] | inside[other]).sum(), (inside[one] & inside[other]).sum()
            assert common / union < 0.87, (SHAPES[one], SHAPES[other])


def test_unknown_shape() -> None:
    with pytest.raises(KeyError):
        outline("blob")
