"""The time stamps of a clip's packets: when it begins and ends, and which stamps cannot be true."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

LONG_GAP = 60.0
"""Seconds: a shorter gap between two packets is believed, whatever the rest of the clip."""


@dataclass(frozen=True)
class Clock:
    """What the packets of a clip say about time, on the file's own clock, in seconds.

    A gap is no part of the clip if it is longer than :data:`LONG_GAP` and than all packets together at their usual
    distance: one packet stamped a month late does not make a clip of a month. Of the pieces between such gaps the one
    with the most packets is the clip's; frames of the others follow the frame before them.

    Attributes:
        start: the first believed stamp.
        end: when the last believed packet ends, frames of other stamps included.
        last: the last believed stamp.
        packets: how many there are.
        strays: how many have a stamp that is not believed.
        stray_seconds: how far the farthest of them is from the clip.
    """

    start: float
    end: float
    last: float
    packets: int
    strays: int = 0
    stray_seconds: float = 0.0

    @classmethod
    def read(cls, stamps: Sequence[float], ends: Sequence[float], packets: int, step: float) -> Clock:
        """From the stamps of the packets, in any order.

        Args:
            stamps: of the packets that have one.
            ends: when each of these ends.
            packets: how many there are, with those without stamps.
            step: seconds a frame, where stamps do not tell.
        """
        if not len(stamps):
            return cls(0.0, packets * step, packets * step, packets)
        order = np.argsort(np.asarray(stamps, dtype=np.float64), kind="stable")
        times, stops = np.asarray(stamps, dtype=np.float64)[order], np.asarray(ends, dtype=np.float64)[order]
        gaps = np.diff(times)
        usual = float(np.sort(gaps)[(len(gaps) - 1) // 2]) if len(gaps) else step
        breaks = np.flatnonzero(gaps > max(LONG_GAP, usual * len(times))) + 1
        edges = [0, *breaks.tolist(), len(times)]
        size, first = max((stop - begin, -begin) for begin, stop in itertools.pairwise(edges))
        piece = slice(-first, -first + size)
        start, last, end = float(times[piece][0]), float(times[piece][-1]), float(stops[piece].max())
        strays = len(times) - size
        away = max(start - float(times[0]), float(times[-1]) - last, 0.0) if strays else 0.0
        return cls(start, max(end, last) + strays * (usual or step), last, packets, strays, away)

    def believes(self, time: float) -> bool:
        """Whether a stamp is one of the clip's own."""
        return not self.strays or self.start <= time <= self.last
