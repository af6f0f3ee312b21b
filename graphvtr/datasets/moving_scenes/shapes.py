"""Signed distance tables of the shapes, in units of the radius."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from graphvtr.datasets.moving_scenes.world import SHAPES

TABLE_SIDE, TABLE_REACH = 257, 1.6
"""A table is sampled on TABLE_SIDE^2 points of the square from -TABLE_REACH to TABLE_REACH radii."""


def outline(shape: str) -> NDArray[np.float64]:
    """Corners [n, 2] of a shape of radius 1 about the origin, y downwards; circle and ring have none."""
    if shape == "square":
        return 0.86 * np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], dtype=np.float64)
    if shape == "diamond":
        return np.array([[0, -1], [0.78, 0], [0, 1], [-0.78, 0]], dtype=np.float64)
    if shape == "triangle":
        return np.array([[0, -0.95], [0.95, 0.75], [-0.95, 0.75]])
    if shape == "star":
        angle = np.arange(10) * np.pi / 5 - np.pi / 2
        radius = np.where(np.arange(10) % 2 == 0, 1.06, 0.46)
        return radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)
    if shape == "cross":
        a, b = 0.34, 0.97
        return np.array(
            [[-a, -b], [a, -b], [a, -a], [b, -a], [b, a], [a, a], [a, b], [-a, b], [-a, a], [-b, a], [-b, -a], [-a, -a]]
        )
    if shape == "heart":
        t = np.linspace(0, 2 * np.pi, 48, endpoint=False)
        x = 16 * np.sin(t) ** 3
        y = -(13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t))
        return np.stack([x / 16.5, (y - 2.5) / 15.5], 1)
    raise KeyError(shape)


def polygon_distance(points: NDArray[np.float64], corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """Signed distance [...] of ``points`` [..., 2] to a simple polygon, negative inside.

    The least distance to an edge; the sign flips at every edge that a ray to the right crosses.
    """
    nearest = np.full(points.shape[:-1], np.inf)
    inside = np.zeros(points.shape[:-1], dtype=bool)
    for begin, end in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        edge, to = end - begin, points - begin
        along = np.clip((to @ edge) / (edge @ edge), 0, 1)
        nearest = np.minimum(nearest, np.linalg.norm(to - along[..., None] * edge, axis=-1))
        crosses = (begin[1] > points[..., 1]) != (end[1] > points[..., 1])
        with np.errstate(divide="ignore", invalid="ignore"):
            at = begin[0] + (points[..., 1] - begin[1]) / edge[1] * edge[0]
        inside ^= crosses & (points[..., 0] < at)
    return np.where(inside, -nearest, nearest)


@cache
def distance_tables() -> NDArray[np.float32]:
    """[S, TABLE_SIDE, TABLE_SIDE] signed distance of each shape, indexed by (shape, y, x)."""
    axis = np.linspace(-TABLE_REACH, TABLE_REACH, TABLE_SIDE)
    y, x = np.meshgrid(axis, axis, indexing="ij")
    points, length = np.stack([x, y], -1), np.hypot(x, y)
    tables = []
    for shape in SHAPES:
        if shape == "circle":
            tables.append(length - 1)
        elif shape == "ring":
            tables.append(np.abs(length - 0.7) - 0.3)
        else:
            tables.append(polygon_distance(points, outline(shape)))
    return np.stack(tables).astype(np.float32)
