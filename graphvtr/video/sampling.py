"""Which frames of a clip are looked at: evenly spaced in time."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from graphvtr.errors import DataError


def uniform_times(duration: float, num_frames: int) -> Tensor:
    """Midpoints of ``n`` equal parts of a clip: ``t_i = (i + 1/2) duration / n``, i = 0 .. n - 1.

    Every part is represented and the clip's very first and last frames, often black, are not.

    Args:
        duration: seconds.
        num_frames: n.

    Returns:
        [n], float64, seconds.

    Raises:
        DataError: fewer than one frame, or a duration that is negative or not finite.

    Example:
        >>> uniform_times(10.0, 4).tolist()
        [1.25, 3.75, 6.25, 8.75]
    """
    check_count(num_frames)
    if not 0.0 <= duration < float("inf"):
        raise DataError("duration", f"is {duration} s", "give the clip's length in seconds")
    return (torch.arange(num_frames, dtype=torch.float64) + 0.5) * (duration / num_frames)


def uniform_indices(length: int, num_frames: int) -> Tensor:
    """The same for a list of ``length`` frames: ``floor((i + 1/2) length / n)``, each index once.

    For features that are stored more densely than a model wants them.

    Args:
        length: how many frames there are.
        num_frames: n, how many to take at most.

    Returns:
        [min(n, length)], int64, increasing.

    Raises:
        DataError: fewer than one frame, in the list or to take.

    Example:
        >>> uniform_indices(10, 4).tolist(), uniform_indices(2, 4).tolist()
        ([1, 3, 6, 8], [0, 1])
    """
    check_count(num_frames)
    if length < 1:
        raise DataError("length", f"is {length}", "there must be a frame to choose")
    count = min(num_frames, length)
    return (2 * torch.arange(count) + 1) * length // (2 * count)


MOST_A_SECOND = 1000.0
"""More frames a second than any clip has: asking for more gives nothing more."""


def frame_count(duration: float, num_frames: int, rate: float | None) -> int:
    """How many frames of a clip to take: ``num_frames`` (at most :data:`MOST_A_SECOND` a second), or ``rate`` a second,
    at least one.

    Example:
        >>> frame_count(12.3, 20, None), frame_count(12.3, 20, 0.5), frame_count(0.1, 20, 2.0)
        (20, 6, 1)
    """
    if rate is None:
        return min(num_frames, max(1, math.ceil(duration * MOST_A_SECOND)))
    return max(1, round(duration * rate))


def ceiling(packets: int) -> int:
    """How many times of a clip are looked at, at most: stamps far apart must not ask for billions of samples.

    Twice its packets, as no more than these can be told apart, and 100,000 in any case.
    """
    return max(100_000, 2 * packets)


def check_sampling(num_frames: int, rate: float | None) -> None:
    """Refuse to take no frames.

    Raises:
        DataError: fewer than one frame, or a rate that is not positive or above :data:`MOST_A_SECOND`.
    """
    check_count(num_frames)
    if rate is not None and not 0.0 < rate <= MOST_A_SECOND:
        raise DataError("rate", f"is {rate}", f"give frames a second, more than 0 and up to {MOST_A_SECOND:.0f}")


def check_count(num_frames: int) -> None:
    """Refuse to take fewer than one frame.

    Raises:
        DataError: it is fewer.
    """
    if num_frames < 1:
        raise DataError("num_frames", f"is {num_frames}", "take at least one frame")
