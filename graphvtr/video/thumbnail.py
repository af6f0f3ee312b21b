"""A picture of a moment of a clip."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from graphvtr._optional import optional_import
from graphvtr.errors import DataError
from graphvtr.video.decode import ClipReader

SIDE = 320


def thumbnail(path: str | Path, time: float = 0.0, side: int = SIDE) -> bytes:
    """The frame on screen at ``time`` seconds as a JPEG file.

    Args:
        path: a local video file.
        time: seconds after the first frame; the last frame where the clip is shorter.
        side: its longer side in pixels, at most.

    Raises:
        DataError: no such file, or nothing of it decodes.
        MissingExtraError: PyAV is not installed.
    """
    av = optional_import("av", "video", "pictures of clips")
    with ClipReader(path, max_side=side, threads=1) as reader:
        found = reader.at(max(0.0, time)) or reader.at(reader.time)  # after the end, the last frame
        if found is None:
            raise DataError(path, f"has no frame at {time:.2f} s", "the file is damaged: get it again")
        picture = found[1].numpy()
    frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuvj420p")
    codec = av.CodecContext.create("mjpeg", "w")
    codec.width, codec.height, codec.pix_fmt = frame.width, frame.height, "yuvj420p"
    codec.time_base = Fraction(1, 25)
    codec.qmin = codec.qmax = 4
    return b"".join(bytes(packet) for packet in [*codec.encode(frame), *codec.encode(None)])
