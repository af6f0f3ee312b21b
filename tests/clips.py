"""Tiny clips made on the spot, and pictures to make them of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

av = pytest.importorskip("av")

DIGITS = 7


def bars(index: int, width: int, height: int) -> np.ndarray:
    """The binary digits of ``index`` as seven upright bars."""
    assert index < 2**DIGITS
    digit = np.arange(width) * DIGITS // width
    row = np.where(index >> digit & 1, 235, 16).astype(np.uint8)
    return np.broadcast_to(row[None, :, None], (height, width, 3)).copy()


def write_clip(
    path: Path,
    num_frames: int = 30,
    *,
    codec: str = "libx264",
    pixels: str = "yuv420p",
    width: int = 64,
    height: int = 48,
    rate: int = 10,
    key_every: int | None = None,
    rotation: int | None = None,
    milliseconds: Sequence[int] | None = None,
    picture: Callable[[int, int, int], np.ndarray] = bars,
    audio_seconds: int = 0,
    options: dict[str, str] | None = None,
) -> Path:
    """Write a clip; ``milliseconds`` gives every frame its own time (variable frame rate)."""
    with av.open(str(path), "w", options=options or {}) as container:
        stream = container.add_stream(codec, rate=rate)
        stream.width, stream.height, stream.pix_fmt = width, height, pixels
        if codec == "libx264":
            stream.options = {"qp": "0", "preset": "ultrafast"}
        if key_every:
            stream.gop_size = key_every
        if rotation is not None:
            stream.set_display_rotation(rotation)
        if milliseconds is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        sound = container.add_stream("aac", rate=16000, layout="mono") if audio_seconds else None
        for index in range(num_frames):
            frame = av.VideoFrame.from_ndarray(picture(index, width, height), format="rgb24")
            if milliseconds is not None:
                frame.pts, frame.time_base = milliseconds[index], Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
        if sound is not None:
            write_silence(container, sound, audio_seconds)
    return path


def write_silence(container: Any, stream: Any, seconds: int) -> None:
    for _ in range(seconds):
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 16000), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 16000
        container.mux(stream.encode(frame))
    container.mux(stream.encode())


def noise(index: int, width: int, height: int) -> np.ndarray:
    """Colours without a pattern."""
    return np.random.default_rng(index).integers(0, 256, (height, width, 3), dtype=np.uint8)


def grey(step: int) -> Callable[[int, int, int], np.ndarray]:
    """Pictures that grow lighter by ``step``."""
    return lambda index, width, height: np.full((height, width, 3), step * index, np.uint8)
