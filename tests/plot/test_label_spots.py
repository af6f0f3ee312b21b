"""Labels stand on their own edges, apart from each other where there is room."""

from __future__ import annotations

import pytest

from graphvtr.plot.label_spots import label_spots


def test_labels_of_a_fan_are_apart_and_on_their_edges() -> None:
    segments = {i: ((5.0, 0.0), (float(i), -2.0)) for i in range(11)}
    spots, free = label_spots(segments, dict.fromkeys(segments, (0.6, 0.2)))
    assert free
    for edge, (x, y) in spots.items():
        share = y / -2.0
        assert x == pytest.approx(5 + share * (edge - 5))
        assert 0 < share < 1
        for other in range(edge):
            assert abs(x - spots[other][0]) >= 0.6 or abs(y - spots[other][1]) >= 0.2


def test_too_little_room_is_said() -> None:
    segments = {i: ((0.0, 0.0), (0.1 * i, -1.0)) for i in range(9)}
    spots, free = label_spots(segments, dict.fromkeys(segments, (0.6, 0.4)))
    assert len(spots) == 9
    assert not free
    _, free = label_spots({0: ((0.0, 0.0), (0.0, -0.3))}, {0: (0.6, 0.4)})  # higher than its edge
    assert not free


def test_edges_without_labels_are_left_out_and_crossings_avoided() -> None:
    segments = {"own": ((0.0, 0.0), (0.0, -2.0)), "other": ((-1.0, -1.2), (1.0, -1.2001))}
    spots, free = label_spots(segments, {"own": (0.4, 0.2)})
    assert free
    assert set(spots) == {"own"}
    assert abs(spots["own"][1] + 1.2) > 0.1  # not where the other edge runs, though that share is the first choice
