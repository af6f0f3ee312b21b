"""An open video file: its packets and frames, whatever state it is in.

Containers lie about lengths (an MPEG program stream may declare one frame, a cut mp4 still declares its old
length, a browser's webm declares none), so :func:`measure` reads the length off the packets, which costs a pass
over the file but decodes nothing.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from graphvtr._optional import optional_import
from graphvtr.errors import DataError
from graphvtr.video.clock import Clock

if TYPE_CHECKING:
    from av import Packet, VideoFrame
    from av.video.stream import VideoStream

_PLAYLISTS = ("concat", "dash", "hls", "imf")


class ShownFrame(NamedTuple):
    """A decoded frame, when it appears and for how long, in seconds on the file's own clock."""

    time: float
    duration: float
    frame: VideoFrame


class OpenVideo:
    """The video stream of a local file, before its first frame.

    Args:
        path: the file.
        threads: decoding threads, 0 for one a core.

    Attributes:
        stream: PyAV's video stream.
        errors: how many packets so far did not decode.

    Raises:
        DataError: no such file, nothing in it, or no video stream; names the file.
    """

    def __init__(self, path: Path, threads: int = 0) -> None:
        self._av = optional_import("av", "video", "reading clips")
        self.path = path
        self.errors = 0
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
        self.stream = streams[0]
        if self.stream.codec_context is None:  # its entry in the file's index is damaged
            self._container.close()
            raise DataError(self.path, "has a video stream of no known codec", "get the file again or leave it out")
        self.stream.thread_type = "AUTO"
        self.stream.thread_count = threads

    def close(self) -> None:
        """Close the file."""
        self._container.close()

    def packets(self) -> Iterator[Packet[VideoStream]]:
        """Packets of the video stream; a file that breaks off ends here instead of raising."""
        packets = self._container.demux(self.stream)
        while True:
            try:
                packet = next(packets, None)
            except self._av.FFmpegError:
                self.errors += 1
                return
            if packet is None:
                return
            yield packet

    def decoded(self) -> Iterator[VideoFrame]:
        """Frames; a packet that does not decode is counted and passed over."""
        flushed = False
        for packet in self.packets():
            flushed = not packet.size
            try:
                yield from packet.decode()
            except self._av.FFmpegError:
                self.errors += 1
        if not flushed:  # the file broke off: what the decoder still holds is good
            try:
                yield from self.stream.codec_context.decode(None)
            except self._av.FFmpegError:
                self.errors += 1

    def frames(self, clock: Clock | None = None) -> Iterator[ShownFrame]:
        """Frames with times that never go back; a frame without a time stamp, or with one that ``clock`` does not
        believe, follows the one before."""
        step, previous = self.frame_seconds(), None
        for frame in self.decoded():
            seconds = float(frame.time_base) if frame.time_base else 0.0
            follows = 0.0 if previous is None else previous + step
            if previous is None and clock is not None:
                follows = clock.start
            time = follows if frame.pts is None else frame.pts * seconds
            if clock is not None and not clock.believes(time):
                time = follows
            previous = time if previous is None else max(time, previous)
            yield ShownFrame(previous, (frame.duration or 0) * seconds or step, frame)

    def frame_seconds(self) -> float:
        """How long a frame is shown by the stream's rate, 0.04 where it has none."""
        rate = self.stream.average_rate or self.stream.guessed_rate
        return float(1 / rate) if rate else 0.04

    def seek(self, time: float) -> bool:
        """Go to a key frame near ``time`` on the file's own clock; False where the file refuses."""
        assert self.stream.time_base
        try:
            self._container.seek(int(time / self.stream.time_base), stream=self.stream)
        except self._av.FFmpegError:
            return False
        return True

    def declared_seconds(self, start: float = 0.0) -> float:
        """The length that the file declares, 0 where it does not or counts the sound too.

        Matroska declares when a clip ends, not how long it is; ``start`` is when it begins.
        """
        if "matroska" in self._container.format.name and start > 0:
            return max(0.0, self._declared() - start)
        return self._declared()

    def _declared(self) -> float:
        if self.stream.duration and self.stream.time_base:
            return float(self.stream.duration * self.stream.time_base)
        if self._container.duration and len(self._container.streams) == 1:
            return float(self._container.duration / self._av.time_base)
        return 0.0


def measure(path: Path) -> tuple[Clock, float]:
    """The clock of a file, and the length the file declares (0 for none, or where its stamps cannot be true).

    Raises:
        DataError: as :class:`OpenVideo`.
    """
    video = OpenVideo(path)
    stamps, ends = array("d"), array("d")
    try:
        count = 0
        for packet in video.packets():
            if not packet.size:
                continue
            count += 1
            stamp = packet.dts if packet.pts is None else packet.pts
            if stamp is not None and packet.time_base:
                stamps.append(float(stamp * packet.time_base))
                ends.append(float((stamp + (packet.duration or 0)) * packet.time_base))
        clock = Clock.read(stamps, ends, count, video.frame_seconds())
        return clock, 0.0 if clock.strays else video.declared_seconds(clock.start)
    finally:
        video.close()
