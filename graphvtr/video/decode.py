"""Clips to frames with PyAV: whatever decodes is used, however odd the file is.

Containers lie about lengths (an MPEG program stream may declare one frame, a cut mp4 still declares its old
length, a browser's webm declares none), so :class:`ClipReader` reads the length off the packets, which costs a
pass over the file but decodes nothing. Frames are addressed by time, never by number: that is what variable
frame rates need.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor

from graphvtr._optional import optional_import
from graphvtr.errors import DataError

if TYPE_CHECKING:
    from av import Packet, VideoFrame
    from av.video.stream import VideoStream

SEEK_SECONDS = 10.0
"""A jump further than this is a seek to a key frame; encoders put one at least every ten seconds or so."""

DEFAULT_MAX_SIDE = 640
"""Longer side of the decoded images: bounds memory whatever the clip's size."""

_PLAYLISTS = ("concat", "dash", "hls", "imf")


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


class _Shown(NamedTuple):
    """A decoded frame, when it appears and for how long, in seconds."""

    time: float
    duration: float
    frame: VideoFrame


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

    Raises:
        DataError: no such file, nothing in it, no video stream, or no frame that decodes; names the file.

    Example:
        >>> with ClipReader("clip.mp4") as reader:  # doctest: +SKIP
        ...     time, image = reader.at(2.5)  # the frame on screen 2.5 s after the first one
    """

    def __init__(self, path: str | Path, *, max_side: int = DEFAULT_MAX_SIDE, threads: int = 0) -> None:
        check_max_side(max_side)
        self.path = Path(path)
        self._av = optional_import("av", "video", "reading clips")
        self._threads = threads
        self._errors = 0
        self._seekable = True
        end, declared = self._measure()
        self._errors = 0
        self._open()
        if not self._start():
            self.close()
            raise DataError(self.path, "no frame of it decodes", "the file is damaged: get it again or leave it out")
        self._origin = self._current.time
        first = self._current.frame
        self._quarter_turns = round(first.rotation / 90) % 4
        self._size = _fit(first.width, first.height, max_side)
        self.info = self._describe(first, end - self._origin, declared)

    def __enter__(self) -> ClipReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; the reader is of no use afterwards."""
        self._container.close()

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
        return self._errors

    def at(self, time: float) -> tuple[float, Tensor] | None:
        """The frame on screen at ``time``, with the time it appeared, or None where the clip has ended before.

        Args:
            time: seconds after the first frame; calls must not go back in time.

        Returns:
            Seconds and a picture ``[H, W, 3]``, uint8 RGB, upright.
        """
        if self._seekable and time - self.time > SEEK_SECONDS and not self._seek(time):
            self._restart()
        while self._next is not None and self.end <= time:
            self._step()
        if self._next is None and self.end <= time:
            return None
        return self.time, self._picture(self._current.frame)

    def frames(self) -> Iterator[tuple[float, Tensor]]:
        """The current frame and all that follow: seconds and picture ``[H, W, 3]``, uint8 RGB, upright."""
        while True:
            yield self.time, self._picture(self._current.frame)
            if self._next is None:
                return
            self._step()

    # -- opening ------------------------------------------------------------------------------------------------

    def _open(self) -> None:
        """Open the container and stand before its first frame."""
        try:
            if self.path.stat().st_size == 0:
                raise DataError(self.path, "is empty (0 bytes)", "get the file again or leave it out")
            # only local files: what calls itself a clip may be a playlist that points anywhere
            self._container = self._av.open(
                f"file:{self.path}", container_options={"protocol_whitelist": "file"}, metadata_errors="replace"
            )
        except FileNotFoundError:
            raise DataError(self.path, "no such file", "check the path") from None
        except self._av.FFmpegError as error:
            raise DataError(self.path, f"cannot be opened as a video ({error.strerror})", "is it one?") from error
        except OSError as error:
            raise DataError(self.path, f"cannot be read ({error.strerror})", "check the file") from error
        if self._container.format.name in _PLAYLISTS:
            self._container.close()
            raise DataError(self.path, "is a playlist", "give the clips themselves")
        cover_art = self._av.stream.Disposition.attached_pic
        streams = [stream for stream in self._container.streams.video if not stream.disposition & cover_art]
        if not streams:
            kinds = sorted({stream.type for stream in self._container.streams}) or ["nothing"]
            self._container.close()
            raise DataError(self.path, f"has no video stream, only {', '.join(kinds)}", "leave the file out")
        self._stream = streams[0]
        self._stream.thread_type = "AUTO"
        self._stream.thread_count = self._threads
        self._frames = self._timed_frames()

    def _measure(self) -> tuple[float, float]:
        """When the last packet ends, on the file's own clock, and the length the file declares (0 for none)."""
        self._open()
        try:
            end, count = 0.0, 0
            for packet in self._packets():
                if not packet.size:
                    continue
                count += 1
                stamp = packet.dts if packet.pts is None else packet.pts
                if stamp is not None and packet.time_base:
                    end = max(end, float((stamp + (packet.duration or 0)) * packet.time_base))
            stream, declared = self._stream, 0.0
            if stream.duration and stream.time_base:
                declared = float(stream.duration * stream.time_base)
            elif self._container.duration and len(self._container.streams) == 1:
                declared = self._container.duration / self._av.time_base
            return (end or count * self._frame_seconds()), declared
        finally:
            self._container.close()

    def _describe(self, frame: VideoFrame, duration: float, declared: float) -> ClipInfo:
        width, height = frame.width, frame.height
        if self._quarter_turns % 2:
            width, height = height, width
        return ClipInfo(
            path=self.path,
            codec=self._stream.codec_context.name,
            width=width,
            height=height,
            rotation=90 * self._quarter_turns,
            duration=max(duration, 0.0),
            declared=declared,
            frame_rate=float(self._stream.average_rate or 0),
        )

    # -- decoding -----------------------------------------------------------------------------------------------

    def _packets(self) -> Iterator[Packet[VideoStream]]:
        """Packets of the video stream; a file that breaks off ends here instead of raising."""
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets, None)
            except self._av.FFmpegError:
                self._errors += 1
                return
            if packet is None:
                return
            yield packet

    def _decoded(self) -> Iterator[VideoFrame]:
        """Frames; a packet that does not decode is counted and passed over."""
        flushed = False
        for packet in self._packets():
            flushed = not packet.size
            try:
                yield from packet.decode()
            except self._av.FFmpegError:
                self._errors += 1
        if not flushed:  # the file broke off: what the decoder still holds is good
            try:
                yield from self._stream.codec_context.decode(None)
            except self._av.FFmpegError:
                self._errors += 1

    def _timed_frames(self) -> Iterator[_Shown]:
        """Frames with times that never go back; a frame without a time stamp follows the one before."""
        step, previous = self._frame_seconds(), None
        for frame in self._decoded():
            seconds = float(frame.time_base) if frame.time_base else 0.0
            follows = 0.0 if previous is None else previous + step
            time = follows if frame.pts is None else frame.pts * seconds
            previous = time if previous is None else max(time, previous)
            yield _Shown(previous, (frame.duration or 0) * seconds or step, frame)

    def _frame_seconds(self) -> float:
        rate = self._stream.average_rate or self._stream.guessed_rate
        return float(1 / rate) if rate else 0.04

    # -- moving -------------------------------------------------------------------------------------------------

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
        assert self._stream.time_base
        before = self.time
        stamp = int((time + self._origin) / self._stream.time_base)
        try:
            self._container.seek(stamp, stream=self._stream)
        except self._av.FFmpegError:
            return False
        self._frames = self._timed_frames()
        stamped = self._start() and self._current.frame.pts is not None
        self._seekable = self.time > before  # else key frames are so rare that seeking only loses time
        return stamped and self.time <= time

    def _restart(self) -> None:
        """Read a file that does not seek from its start again, without seeking."""
        self._seekable = False
        self.close()
        self._open()
        self._start()

    def _picture(self, frame: VideoFrame) -> Tensor:
        """``[H, W, 3]``, uint8 RGB, upright; every picture of a clip has the size of the first one."""
        width, height = self._size
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
