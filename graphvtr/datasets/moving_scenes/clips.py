"""MovingScenes as video files with ``captions.csv``: clips that anybody may use, for the way from files to search."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from torch import Tensor
from tqdm import tqdm

from graphvtr._optional import optional_import
from graphvtr.atomic import whole, write_whole
from graphvtr.datasets.moving_scenes.dataset import MovingScenes

FRAMES_PER_SECOND = 4


def write_clips(folder: str | Path, splits: Iterable[MovingScenes], *, size: int = 256, progress: bool = True) -> int:
    """Write every clip as ``NAME.mp4``, and all captions with their splits into ``captions.csv`` beside them.

    The folder is what ``graphvtr extract`` and the dataset ``folder`` take. Clips that are there already stay.

    Args:
        folder: made if it is not there.
        splits: their names become those of the csv; ``test_unseen`` becomes ``test``.
        size: side of the pictures in pixels, a multiple of 64.
        progress: show a bar.

    Returns:
        Number of clips in the folder.

    Raises:
        DataError: something cannot be written.
        MissingExtraError: PyAV is not installed (extra ``video``).
    """
    av = optional_import("av", "video", "writing clips")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    rows = [("video", "caption", "split")]
    count = 0
    for scenes in splits:
        part = "test" if scenes.split == "test_unseen" else scenes.split
        for index, name in enumerate(tqdm(scenes.videos, desc=f"{scenes.split} clips", disable=not progress)):
            path = folder / f"{name}.mp4"
            if not path.is_file():
                with whole(path) as partial:
                    _encode(av, partial, scenes.frames(index), size)
            count += 1
            captions = (scenes.video_of_caption == index).nonzero()[:, 0].tolist()
            rows += [(path.name, scenes.captions[caption], part) for caption in captions]
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    write_whole(folder / "captions.csv", text.getvalue())
    return count


def _encode(av: Any, path: Path, frames: Tensor, size: int) -> None:
    """Pictures [T, 64, 64, 3] uint8 as a film, each pixel a square of pixels, so that edges stay sharp."""
    times = max(size // frames.size(1), 1)
    large = frames.repeat_interleave(times, dim=1).repeat_interleave(times, dim=2)
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=FRAMES_PER_SECOND, options={"crf": "18"})
        stream.height, stream.width, stream.pix_fmt = large.size(1), large.size(2), "yuv420p"
        for picture in large.numpy():
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
