"""Pictures of a dataset's clips, for galleries."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from graphvtr.datasets import RetrievalDataset
from graphvtr.errors import DataError

SIDE = 160  # pixels: what a gallery shows of a frame


def frames_of(
    dataset: RetrievalDataset, index: int, times: Sequence[float], clips: str | Path | None = None
) -> np.ndarray[Any, Any] | None:
    """The pictures of a clip nearest to ``times`` seconds, uint8 [T, H, W, 3].

    Args:
        dataset: MovingScenes renders its clips anew; of other datasets the files are read.
        index: position of the clip in ``dataset.videos``.
        times: T seconds.
        clips: folder of the video files; without it, and where the dataset has no pictures, the result is None.

    Raises:
        DataError: the folder has no file of the clip, or it cannot be read.
    """
    render = getattr(dataset, "frames", None)
    if callable(render):
        pictures = render(index).numpy()
        shown = dataset.video_graphs[index]["frame"].time.numpy()
        return pictures[[int(np.abs(shown - time).argmin()) for time in times]]
    if clips is None:
        return None
    from graphvtr.video.clip_files import find_clips
    from graphvtr.video.decode import ClipReader

    name = dataset.videos[index]
    files, _ = find_clips(clips)
    if name not in files:
        files, _ = find_clips(clips, "path")
    if name not in files:
        raise DataError(f"{clips}: clip '{name}'", "has no video file", "give the folder of the dataset's clips")
    with ClipReader(files[name], max_side=SIDE) as reader:
        found = [reader.at(time) for time in times]
    pictures = [frame[1].numpy() for frame in found if frame is not None]
    if len(pictures) != len(times):
        raise DataError(files[name], "is shorter than its features", "give the clips that the features are of")
    return np.stack([picture if picture.shape[-1] == 3 else picture.transpose(1, 2, 0) for picture in pictures])
