"""Clips to frames with PyAV: whatever decodes is used, however odd the file is.

Frames are addressed by time, never by number: that is what variable frame rates need.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from graphvtr.errors import DataError
from graphvtr.video.container import OpenVideo, measure

if TYPE_CHECKING:
    from av import VideoFrame

SEEK_SECONDS = 10.0
"""A jump further than this is a seek to a key frame; encoders put one at least every ten seconds or so."""

DEFAULT_MAX_SIDE = 640
"""Longer side of the decoded images: bounds memory whatever the clip's size."""


@dataclass(frozen=True)
class ClipInfo:
    """What a clip is.

    Attributes:
        path: the file.
        codec: name of the video codec.
        width: of the upright picture, in pixels of the file.
        height: of the upright picture, in pixels of the file.
        rotation: quarter turns the file asks for, as counter-clockwise degrees: 0, 90, 180 or 270.
        duration: seconds from the first frame to the end of the last packet.
        declared: seconds that the container declares, 0 where it does not or counts the sound too.
        frame_rate: mean frames a second, 0 where the container does not say.
    """

    path: Path
    codec: str
    width: int
    height: int
    rotation: int
    duration: float
    declared: float
    frame_rate: float


def probe(path: str | Path) -> ClipInfo:
    """Open a clip, decode its first frame and read its length.

    Raises:
        DataError: no file, no video in it, or no frame decodes.
    """
    with ClipReader(path) as reader:
        return reader.info


class ClipReader:
    """One open clip, read forwards by time; holds two decoded frames and never the clip.

    Args:
        path: a local video file of any kind that FFmpeg reads.
        max_side: larger pictures are shrunk (area average) until their longer side has this many pixels.
        threads: decoding threads, 0 for one a core.

    Attributes:
        info: what the clip is.
        clock: what the packets say about time.
        ended: whether :meth:`at` was asked for a time after the last frame that decodes.

    Raises:
        DataError: no such file, nothing in it, no video stream, or no frame that decodes; names the file.

    Example:
        >>> with ClipReader("clip.mp4") as reader:  # doctest: +SKIP
        ...     time, image = reader.at(2.5)  # the frame on screen 2.5 s after the first one
    """

    def __init__(self, path: str | Path, *, max_side: int = DEFAULT_MAX_SIDE, threads: int = 0) -> None:
        check_max_side(max_side)
        self.path = Path(path)
        self._threads = threads
        self._seekable = True
        self.ended = False
        self.clock, declared = measure(self.path)
        self._open()
        if not self._start():
            self.close()
            raise DataError(self.path, "no frame of it decodes", "the file is damaged: get it again or leave it out")
        self._origin = self._current.time
        first = self._current.frame
        self._quarter_turns = round(first.rotation / 90) % 4
        self._size = _fit(first.width, first.height, max_side)
        self.info = self._describe(first, self.clock.end - self._origin, declared)

    def __enter__(self) -> ClipReader:
        return self

    def __exit__(self, *problem: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; the reader is of no use afterwards."""
        self._video.close()

    @property
    def time(self) -> float:
        """When the current frame appears, in seconds after the first one."""
        return self._current.time - self._origin

    @property
    def end(self) -> float:
        """When the current frame disappears, in seconds after the first one."""
        disappears = self._current.time + self._current.duration if self._next is None else self._next.time
        return disappears - self._origin

    @property
    def errors(self) -> int:
        """How many packets so far did not decode."""
        return self._video.errors

    def at(self, time: float) -> tuple[float, Tensor] | None:
        """The frame on screen at ``time``, with the time it appeared, or None where the clip has ended before.

        Args:
            time: seconds after the first frame; calls must not go back in time.

        Returns:
            Seconds and a picture ``[H, W, 3]``, uint8 RGB, upright.
        """
        self._go_to(time)
        if self._next is None and self.end <= time:
            self.ended = True
            return None
        return self.time, self._picture(self._current.frame, self._size)

    def near(self, time: float, side: int) -> Tensor:
        """The frame on screen at ``time``, or the last one where the clip has ended before, squeezed into a
        square ``[side, side, 3]``, uint8 RGB, upright."""
        self._go_to(time)
        return self._picture(self._current.frame, (side, side))

    def _go_to(self, time: float) -> None:
        if self._seekable and time - self.time > SEEK_SECONDS and not self._seek(time):
            self._restart()
        while self._next is not None and self.end <= time:
            self._step()

    def frames(self) -> Iterator[tuple[float, Tensor]]:
        """The current frame and all that follow: seconds and picture ``[H, W, 3]``, uint8 RGB, upright."""
        while True:
            yield self.time, self._picture(self._current.frame, self._size)
            if self._next is None:
                return
            self._step()

    def _describe(self, frame: VideoFrame, duration: float, declared: float) -> ClipInfo:
        width, height = frame.width, frame.height
        if self._quarter_turns % 2:
            width, height = height, width
        return ClipInfo(
            path=self.path,
            codec=self._video.stream.codec_context.name,
            width=width,
            height=height,
            rotation=90 * self._quarter_turns,
            duration=max(duration, 0.0),
            declared=declared,
            frame_rate=float(self._video.stream.average_rate or 0),
        )

    # -- moving -------------------------------------------------------------------------------------------------

    def _open(self) -> None:
        """Open the file and stand before its first frame."""
        self._video = OpenVideo(self.path, self._threads)
        self._frames = self._video.frames(self.clock)

    def _start(self) -> bool:
        """Take the first two frames from the stream; False where there is none."""
        first = next(self._frames, None)
        if first is None:
            return False
        self._current, self._next = first, next(self._frames, None)
        return True

    def _step(self) -> None:
        assert self._next is not None
        self._current, self._next = self._next, next(self._frames, None)

    def _seek(self, time: float) -> bool:
        """Jump to a key frame at or before ``time``; False where the file did not do so."""
        before = self.time
        if not self._video.seek(time + self._origin):
            return False
        self._frames = self._video.frames(self.clock)
        stamped = self._start() and self._current.frame.pts is not None
        self._seekable = self.time > before  # else key frames are so rare that seeking only loses time
        return stamped and self.time <= time

    def _restart(self) -> None:
        """Read a file that does not seek from its start again, without seeking."""
        self._seekable = False
        self.close()
        self._open()
        self._start()

    def _picture(self, frame: VideoFrame, size: tuple[int, int]) -> Tensor:
        """``[H, W, 3]``, uint8 RGB, upright; every picture of a clip has the size of the first one."""
        width, height = size
        shrinks = width < frame.width or height < frame.height
        rgb = frame.reformat(width, height, "rgb24", interpolation="AREA" if shrinks else "BILINEAR")
        upright = np.rot90(rgb.to_ndarray(), self._quarter_turns)
        return torch.from_numpy(np.ascontiguousarray(upright))


def check_max_side(max_side: int) -> None:
    """Refuse pictures without pixels.

    Raises:
        DataError: fewer than one pixel.
    """
    if max_side < 1:
        raise DataError("max_side", f"is {max_side}", "give a positive number of pixels")


def _fit(width: int, height: int, max_side: int) -> tuple[int, int]:
    scale = min(1.0, max_side / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))
