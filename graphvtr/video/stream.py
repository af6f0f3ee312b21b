"""Evenly sampled frames of a clip, all at once or a few at a time."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from graphvtr.errors import DataError
from graphvtr.video.clock import Clock
from graphvtr.video.decode import DEFAULT_MAX_SIDE, ClipInfo, ClipReader
from graphvtr.video.sampling import ceiling, check_sampling, frame_count, uniform_times

CHUNK = 64
"""So many frames are in memory at a time; clips of which more are taken come in parts."""


@dataclass(frozen=True)
class Window:
    """A short piece of the clip about every sampled frame, for features of motion.

    Args:
        frames: how many pictures, evenly spaced, the middle of them at the sampled time.
        rate: pictures a second.
        side: they are squeezed into squares of so many pixels.

    Raises:
        DataError: nothing is left of it.
    """

    frames: int = 16
    rate: float = 12.5
    side: int = 112

    def __post_init__(self) -> None:
        if self.frames < 2 or self.side < 1 or not 0.0 < self.rate < float("inf"):
            raise DataError("window", f"is {self}", "take at least two frames, at a positive rate, of a pixel or more")

    def times(self, time: Tensor) -> Tensor:
        """[T] sampled times -> [T, frames], none before the start."""
        offset = (torch.arange(self.frames, dtype=torch.float64) - (self.frames - 1) / 2) / self.rate
        return (time[:, None] + offset).clamp(min=0)


@dataclass(frozen=True)
class Clip:
    """Frames of a clip.

    Attributes:
        frames: [T, H, W, 3], uint8 RGB, upright.
        time: [T], float32, seconds after the clip's first frame, increasing.
        info: what the clip is.
        note: what is wrong with the clip or was odd about reading it, empty for a sound one.
        windows: [T, n, s, s, 3], uint8 RGB, what happens about each frame, where a window was asked for.
    """

    frames: Tensor
    time: Tensor
    info: ClipInfo
    note: str = ""
    windows: Tensor | None = None


class ClipStream:
    """The sampled frames of a clip, in parts of at most ``chunk``, read in one pass.

    A frame that is on screen at several of the wanted times is taken once, so a clip with fewer frames than
    wanted gives what it has. Of a file whose end does not decode the part that does is sampled evenly, if its
    frames fit into one part; else those that would have come after the break are missing. Memory: one part and
    what the decoder holds, however long the clip.

    Args:
        path: a local video file.
        num_frames: how many frames at most.
        rate: frames a second instead.
        max_side: larger pictures are shrunk until their longer side has this many pixels.
        threads: decoding threads, 0 for one a core.
        chunk: frames a part.
        window: also a short piece of the clip about every frame.

    Attributes:
        info: what the clip is, once iteration has begun.
        note: what was odd about it, once iteration has ended.

    Raises:
        DataError: an argument is out of range; on iteration: nothing of the file decodes.
    """

    info: ClipInfo

    def __init__(
        self,
        path: str | Path,
        num_frames: int = 20,
        *,
        rate: float | None = None,
        max_side: int = DEFAULT_MAX_SIDE,
        threads: int = 0,
        chunk: int = CHUNK,
        window: Window | None = None,
    ) -> None:
        check_sampling(num_frames, rate)
        self.path, self.num_frames, self.rate, self.chunk, self.window = Path(path), num_frames, rate, chunk, window
        self.max_side, self.threads = max_side, threads
        self.note = ""

    def __iter__(self) -> Iterator[Clip]:
        with self._open() as reader:
            self.info, reached, clock = reader.info, reader.info.duration, reader.clock
            wanted = frame_count(reached, self.num_frames, self.rate)
            count = min(wanted, ceiling(clock.packets))
            parts = _parts(reader, uniform_times(reached, count), self.chunk, self.window)
            if count > self.chunk:
                taken = 0
                for part in parts:
                    taken += len(part.times)
                    yield part.clip(self.info)
                self.note = _note(
                    self.info, reader.end if reader.ended else reached, reader.errors, clock, taken, wanted
                )
                return
            found, errors = list(parts), reader.errors
            ended, end = reader.ended, reader.end
        if ended:
            reached = end
            with self._open() as reader:
                count = min(frame_count(reached, self.num_frames, self.rate), ceiling(clock.packets))
                found = list(_parts(reader, uniform_times(reached, count), self.chunk, self.window))
        asked = wanted if self.rate is not None else self.num_frames
        self.note = _note(self.info, reached, errors, clock, sum(len(part.times) for part in found), asked)
        yield from (part.clip(self.info, self.note) for part in found)

    def _open(self) -> ClipReader:
        return ClipReader(self.path, max_side=self.max_side, threads=self.threads)


@dataclass
class _Part:
    """What is gathered of some of the frames."""

    times: list[float] = field(default_factory=list)
    pictures: list[Tensor] = field(default_factory=list)
    samples: list[int] = field(default_factory=list)
    windows: dict[int, list[Tensor]] = field(default_factory=dict)

    def clip(self, info: ClipInfo, note: str = "") -> Clip:
        windows = [torch.stack(self.windows[sample]) for sample in self.samples] if self.windows else None
        time = torch.tensor(self.times, dtype=torch.float32)
        return Clip(torch.stack(self.pictures), time, info, note, None if windows is None else torch.stack(windows))


def _parts(reader: ClipReader, times: Tensor, chunk: int, window: Window | None) -> Iterator[_Part]:
    """The distinct frames on screen at ``times``, with their windows, in parts of ``chunk`` times."""
    last = -1.0
    begun: dict[int, _Part] = {}
    for time, sample, last_of_part, in_window in _visits(times, chunk, window):
        part = begun.setdefault(sample // chunk, _Part())
        if in_window:
            assert window is not None
            part.windows.setdefault(sample, []).append(reader.near(time, window.side))
        elif not reader.ended:
            found = reader.at(time)
            if found is not None and found[0] > last:
                last = found[0]
                part.times.append(found[0])
                part.pictures.append(found[1])
                part.samples.append(sample)
        if last_of_part:
            done = begun.pop(sample // chunk)
            if done.pictures:
                yield done
            if reader.ended:
                return


def _visits(times: Tensor, chunk: int, window: Window | None) -> Iterator[tuple[float, int, bool, bool]]:
    """When to look, in the order of time: seconds, which sample it is for, whether it is the last visit for the
    sample's part, and whether it is for the sample's window. Each time is known when it is needed, not before: hours at
    25 frames a second with their windows are millions of them."""
    streams: list[Iterator[tuple[float, int, bool]]]
    streams = [((time, sample, False) for sample, time in enumerate(_floats(times)))]
    if window is not None:
        streams += [_window_visits(times, window, place) for place in range(window.frames)]
    visits_a_sample = len(streams)
    left: dict[int, int] = {}
    for time, sample, in_window in heapq.merge(*streams):
        part = sample // chunk
        whole = min(chunk, len(times) - part * chunk) * visits_a_sample
        left[part] = left.get(part, whole) - 1
        last = not left[part]
        if last:
            del left[part]
        yield time, sample, last, in_window


def _window_visits(times: Tensor, window: Window, place: int) -> Iterator[tuple[float, int, bool]]:
    """When to look for the picture at ``place`` of every sample's window."""
    sample = 0
    for part in times.split(CHUNK):
        for time in window.times(part)[:, place].tolist():
            yield time, sample, True
            sample += 1


def _floats(times: Tensor) -> Iterator[float]:
    return (time for part in times.split(CHUNK) for time in part.tolist())


def sample_clip(
    path: str | Path,
    num_frames: int = 20,
    *,
    rate: float | None = None,
    max_side: int = DEFAULT_MAX_SIDE,
    threads: int = 0,
    window: Window | None = None,
) -> Clip:
    """Decode at most ``num_frames`` frames of a clip, or ``rate`` a second, evenly spaced in time, all at once.

    A frame that is on screen at several of the wanted times is taken once, so a clip with fewer frames than
    wanted gives what it has. Of a file whose end does not decode the part that does is sampled evenly. Memory:
    the pictures returned and what the decoder holds, however long the clip. :class:`ClipStream` gives them a few
    at a time.

    Args:
        path: a local video file.
        num_frames: how many frames at most.
        rate: frames a second instead.
        max_side: larger pictures are shrunk until their longer side has this many pixels.
        threads: decoding threads, 0 for one a core.
        window: also a short piece of the clip about every frame.

    Raises:
        DataError: nothing of the file decodes, or an argument is out of range; names the file.
    """
    stream = ClipStream(path, num_frames, rate=rate, max_side=max_side, threads=threads, chunk=2**40, window=window)
    (clip,) = stream
    return clip


def _note(info: ClipInfo, reached: float, errors: int, clock: Clock, taken: int, asked: int) -> str:
    """Everything that was odd, one part after another; ``taken`` frames of those ``asked`` for were read."""
    notes = []
    length = max(info.duration, info.declared)
    if length - reached > max(1.0, 0.1 * length):
        notes.append(f"only {reached:.1f} s of {length:.1f} s decode")
    elif errors:
        notes.append(f"{errors} packets do not decode")
    if clock.strays:
        notes.append(
            f"{clock.strays} of {clock.packets} packets are stamped up to {clock.stray_seconds:.0f} s away "
            "from the rest; their frames are taken in turn"
        )
    if taken < asked:
        notes.append(f"{taken} frames of {asked} asked for")
    return "; ".join(notes)
