"""What the action generators share: the order they get, the paths they give, and a few ways to walk."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from graphvtr.datasets.moving_scenes.world import POSITION_ZONES

Array = NDArray[np.float64]

INSIDE = (0.12, 0.88)
"""Range that starting points are drawn from, in fractions of the frame."""


@dataclass
class Path:
    """Motion of one thing over F time points.

    Args:
        xy: [F, 2], where it stands on the ground.
        height: [F], how far it is drawn above that point.
        angle: [F], rotation in radians.
        layer: above 0 drawn over the other things, below 0 behind them.
    """

    xy: Array
    height: Array
    angle: Array
    layer: int = 0

    @classmethod
    def along(cls, xy: Array, height: Array | float = 0.0, angle: Array | float = 0.0, layer: int = 0) -> Path:
        """A path from ground points; height and angle may be constants."""
        count = len(xy)
        return cls(xy, np.broadcast_to(height, count).copy(), np.broadcast_to(angle, count).copy(), layer)

    @property
    def drawn(self) -> Array:
        """[F, 2], centre as drawn."""
        return self.xy - np.stack([np.zeros_like(self.height), self.height], 1)


@dataclass
class Order:
    """What a generator is asked for.

    Args:
        rng: source of randomness.
        time: [F], from 0 (the pose before the action) to 1 (the pose after it).
        radius: participant -> radius.
        start: participant -> ground point where it stands already, None where the generator may choose.
        step: unit vector of the action's direction, None when it has none.
        pace: distance factor, 1 for quick.
        position: zone the anchor must stand in, a key of ``POSITION_ZONES``.
    """

    rng: Generator
    time: Array
    radius: dict[str, float]
    start: dict[str, Array | None]
    step: Array | None = None
    pace: float = 1.0
    position: str | None = None
    ropes: list[tuple[str, str, NDArray[np.bool_]]] = field(default_factory=list)

    @property
    def contact(self) -> float:
        """Distance of agent and patient that touch."""
        return self.radius["agent"] + self.radius["patient"]

    @property
    def heading(self) -> Array:
        """The direction asked for, or one drawn at random."""
        return self.random_step() if self.step is None else self.step

    def random_step(self) -> Array:
        """A unit vector of any direction."""
        angle = self.rng.uniform(0, 2 * np.pi)
        return np.array([np.cos(angle), np.sin(angle)])

    def spot(self, *reach: Array, lowest: float = INSIDE[0]) -> Array:
        """A starting point from which every displacement of ``reach`` stays inside; y is ``lowest`` or more."""
        if self.position is not None:
            return zone_point(self.rng, self.position)
        moves = np.stack([np.zeros(2), *reach])
        low = np.array([INSIDE[0], lowest]) - moves.min(0)
        high = INSIDE[1] - moves.max(0)
        middle = (low + high) / 2
        return np.where(low < high, self.rng.uniform(np.minimum(low, high), np.maximum(low, high)), middle)

    def couple(self, offset: Array, *reach: Array, lowest: float = INSIDE[0]) -> tuple[Array, Array]:
        """Starting points of agent and patient: those given, else ``agent = patient + offset``.

        When both are free, every displacement of ``reach`` from the agent's point stays inside.
        """
        agent, patient = self.start["agent"], self.start["patient"]
        if agent is None:
            agent = self.spot(-offset, *reach, lowest=lowest) if patient is None else patient + offset
        if patient is None:
            patient = agent - offset
        return agent, patient


def zone_point(rng: Generator, position: str) -> Array:
    """A random point of a zone; ``corner`` is one of the four."""
    x0, y0, x1, y1 = POSITION_ZONES[position]
    point = np.array([rng.uniform(x0, x1), rng.uniform(y0, y1)])
    if position == "corner":
        point = np.where(rng.random(2) < 0.5, point, 1 - point)
    return point


def in_zone(point: Array, position: str) -> bool:
    """Whether a ground point lies in a zone."""
    x0, y0, x1, y1 = POSITION_ZONES[position]
    if position == "corner":
        point = np.minimum(point, 1 - point)
    return bool(x0 - 1e-9 <= point[0] <= x1 + 1e-9 and y0 - 1e-9 <= point[1] <= y1 + 1e-9)


def ramp(time: Array, begin: float, end: float) -> Array:
    """[F], 0 before ``begin``, 1 after ``end``, linear between."""
    return np.clip((time - begin) / max(end - begin, 1e-9), 0.0, 1.0)


def walk(time: Array, stops: list[tuple[float, Array]]) -> Array:
    """[F, 2], straight from stop to stop, each a time and a point."""
    times, points = np.array([t for t, _ in stops]), np.stack([p for _, p in stops])
    return np.stack([np.interp(time, times, points[:, axis]) for axis in range(2)], 1)


def unit(vector: Array, fallback: Array) -> Array:
    """``vector`` at length 1; ``fallback`` when it has none."""
    length = float(np.hypot(*vector))
    return vector / length if length > 1e-6 else fallback


def normal(step: Array) -> Array:
    """``step`` turned by a right angle."""
    return np.array([-step[1], step[0]])


def approach(begin: Array, target: Array, around: Array, clearance: float) -> list[tuple[float, Array]]:
    """Stops of a way from ``begin`` to ``target`` that goes round ``around``; longer ways take more time."""
    way = target - begin
    length = float(np.hypot(*way))
    if length < 1e-6:
        return [(0.0, begin)]
    along = np.clip(np.dot(around - begin, way) / length**2, 0.0, 1.0)
    nearest = begin + along * way - around
    if np.hypot(*nearest) < 0.9 * clearance:
        side = unit(nearest, normal(way / length))
        corner = around + side * clearance * 1.35
        total = float(np.hypot(*(corner - begin)) + np.hypot(*(target - corner)))
        end = float(np.clip(total, 0.25, 0.55))
        share = float(np.hypot(*(corner - begin))) / total
        return [(0.0, begin), (end * share, corner), (end, target)]
    return [(0.0, begin), (float(np.clip(length * 1.2, 0.2, 0.5)), target)]
