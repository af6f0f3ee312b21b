"""Where the labels of edges stand: on their edge, and on no other label."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Point = tuple[float, float]
SHARES = (0.6, 0.7, 0.5, 0.8, 0.4, 0.88, 0.3)  # along an edge: where its label may stand, best first


def label_spots(
    segments: Mapping[Any, tuple[Point, Point]], sizes: Mapping[Any, tuple[float, float]]
) -> tuple[dict[Any, Point], bool]:
    """A place on its segment for each label, on no other label and, where that can be, on no other segment.

    Args:
        segments: edge -> its ends; lower ends lie lower.
        sizes: edge -> width and height of its label; edges without one are left out.

    Returns:
        edge -> middle of its label, and whether all labels are free and within the height of their segments.
    """
    spots: dict[Any, Point] = {}
    taken: list[tuple[Point, tuple[float, float]]] = []
    free = True
    for edge in sorted(sizes, key=lambda edge: abs(segments[edge][1][0] - segments[edge][0][0])):  # steep ones first
        others = [ends for other, ends in segments.items() if other != edge]
        hidden, _, spots[edge] = min(_candidate(segments[edge], share, sizes[edge], taken, others) for share in SHARES)
        free = free and hidden == 0
        taken.append((spots[edge], sizes[edge]))
    return spots, free


def _candidate(
    ends: tuple[Point, Point],
    share: float,
    size: tuple[float, float],
    taken: Sequence[tuple[Point, tuple[float, float]]],
    others: Sequence[tuple[Point, Point]],
) -> tuple[float, float, Point]:
    """How bad a place is: what it covers or stands out, then how many edges it crosses; the place."""
    (x0, y0), (x1, y1) = ends
    spot = x0 + share * (x1 - x0), y0 + share * (y1 - y0)
    out = max(0.0, spot[1] + size[1] / 2 + 0.04 - y0, y1 + 0.04 - spot[1] + size[1] / 2)
    hidden = out + sum(_common(spot, size, *other) for other in taken)
    return hidden, sum(_crosses(*other, spot, size) for other in others) + abs(share - SHARES[0]), spot


def _common(one: Point, size: tuple[float, float], other: Point, other_size: tuple[float, float]) -> float:
    """Area that two boxes share, with a little air around them."""
    sides = [(size[i] + other_size[i]) / 2 + 0.03 - abs(one[i] - other[i]) for i in (0, 1)]
    return max(0.0, sides[0]) * max(0.0, sides[1])


def _crosses(begin: Point, end: Point, spot: Point, size: tuple[float, float]) -> bool:
    """Whether a segment meets a box."""
    low, high = 0.0, 1.0
    for axis in (0, 1):
        step = end[axis] - begin[axis]
        near, far = spot[axis] - size[axis] / 2 - begin[axis], spot[axis] + size[axis] / 2 - begin[axis]
        if abs(step) < 1e-9:
            if near > 0 or far < 0:
                return False
            continue
        first, second = sorted((near / step, far / step))
        low, high = max(low, first), min(high, second)
    return low <= high
