"""Which frames of a clip are looked at: evenly spaced in time, at most ``n`` of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from graphvtr.errors import DataError
from graphvtr.video.decode import DEFAULT_MAX_SIDE, ClipInfo, ClipReader


@dataclass(frozen=True)
class Clip:
    """Frames of a clip.

    Attributes:
        frames: [T, H, W, 3], uint8 RGB, upright.
        time: [T], float32, seconds after the clip's first frame, increasing.
        info: what the clip is.
        note: what is wrong with the clip or was odd about reading it, empty for a sound one.
    """

    frames: Tensor
    time: Tensor
    info: ClipInfo
    note: str = ""


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


def sample_clip(path: str | Path, num_frames: int = 20, *, max_side: int = DEFAULT_MAX_SIDE, threads: int = 0) -> Clip:
    """Decode at most ``num_frames`` frames of a clip, evenly spaced in time.

    A frame that is on screen at several of the wanted times is taken once, so a clip with fewer frames than
    wanted gives what it has. Of a file whose end does not decode the part that does is sampled evenly. Memory:
    the pictures returned and what the decoder holds, however long the clip.

    Args:
        path: a local video file.
        num_frames: how many frames at most.
        max_side: larger pictures are shrunk until their longer side has this many pixels.
        threads: decoding threads, 0 for one a core.

    Raises:
        DataError: nothing of the file decodes, or an argument is out of range; names the file.
    """
    with ClipReader(path, max_side=max_side, threads=threads) as reader:
        info, reached = reader.info, reader.info.duration
        shown, end = _read(reader, uniform_times(reached, num_frames))
        errors = reader.errors
    if end is not None:
        reached = end
        with ClipReader(path, max_side=max_side, threads=threads) as reader:
            shown, _ = _read(reader, uniform_times(reached, num_frames))
    times, pictures = zip(*shown, strict=True)
    return Clip(torch.stack(pictures), torch.tensor(times, dtype=torch.float32), info, _note(info, reached, errors))


def _note(info: ClipInfo, reached: float, errors: int) -> str:
    length = max(info.duration, info.declared)
    if length - reached > max(1.0, 0.1 * length):
        return f"only {reached:.1f} s of {length:.1f} s decode"
    return f"{errors} packets do not decode" if errors else ""


def _read(reader: ClipReader, times: Tensor) -> tuple[list[tuple[float, Tensor]], float | None]:
    """The distinct frames on screen at ``times`` and, where the clip ended before the last of them, when."""
    shown: list[tuple[float, Tensor]] = []
    for time in times.tolist():
        found = reader.at(time)
        if found is None:
            return shown, reader.end
        if not shown or found[0] > shown[-1][0]:
            shown.append(found)
    return shown, None


def check_count(num_frames: int) -> None:
    """Refuse to take fewer than one frame.

    Raises:
        DataError: it is fewer.
    """
    if num_frames < 1:
        raise DataError("num_frames", f"is {num_frames}", "take at least one frame")
