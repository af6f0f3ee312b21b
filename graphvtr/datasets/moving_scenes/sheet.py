"""A contact sheet: clips as rows of frames, with their captions, boxes and hard negatives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphvtr._optional import optional_import
from graphvtr.datasets.moving_scenes.dataset import MovingScenes
from graphvtr.errors import DataError

TRACK_COLOURS = ("#d62728", "#1f77b4", "#2ca02c", "#9467bd", "#ff7f0e", "#17becf", "#e377c2", "#8c564b")


def contact_sheet(
    scenes: MovingScenes, clips: Sequence[int], *, frames_per_clip: int = 8, captions: int = 2, boxes: bool = True
) -> Any:
    """A row a clip: frames evenly spaced in time, and above them the clip's first captions.

    Args:
        scenes: the split.
        clips: positions of the clips.
        frames_per_clip: frames shown of each.
        captions: captions shown of each.
        boxes: draw the regions' boxes, one colour a track.

    Returns:
        The matplotlib Figure.

    Raises:
        DataError: no clips, or one that is not in the split.
        MissingExtraError: matplotlib is not installed.
    """
    if not clips or not all(0 <= clip < len(scenes.videos) for clip in clips):
        raise DataError("clips", f"are {list(clips)[:8]}", f"give positions from 0 to {len(scenes.videos) - 1}")
    figure_module = optional_import("matplotlib.figure", "plot", "the contact sheet")
    height = 1.15 + 0.2 * captions
    figure = figure_module.Figure(figsize=(1.2 * frames_per_clip, height * len(clips)), layout="constrained")
    rows = figure.subfigures(len(clips), 1, squeeze=False)[:, 0]
    for row, clip in zip(rows, clips, strict=True):
        texts = [scenes.captions[i] for i in (scenes.video_of_caption == clip).nonzero()[:captions, 0].tolist()]
        row.suptitle("\n".join([f"{scenes.videos[clip]}: {texts[0]}", *texts[1:]]), fontsize=8, x=0.01, ha="left")
        pictures = scenes.frames(clip).numpy()
        shown = np.linspace(0, len(pictures) - 1, frames_per_clip).round().astype(int)
        for axis, frame in zip(row.subplots(1, frames_per_clip, squeeze=False)[0], shown, strict=True):
            axis.imshow(pictures[frame], interpolation="nearest")
            axis.set_axis_off()
            if boxes:
                _draw_boxes(axis, scenes, clip, int(frame), pictures.shape[1])
    return figure


def _draw_boxes(axis: Any, scenes: MovingScenes, clip: int, frame: int, side: int) -> None:
    patches = optional_import("matplotlib.patches", "plot", "the contact sheet")
    region = scenes.video_graphs[clip]["region"]
    here = region.frame == frame
    for (x0, y0, x1, y1), track in zip((region.box[here] * side).tolist(), region.track[here].tolist(), strict=True):
        colour = TRACK_COLOURS[track % len(TRACK_COLOURS)]
        axis.add_patch(patches.Rectangle((x0 - 0.5, y0 - 0.5), x1 - x0, y1 - y0, fill=False, ec=colour, lw=0.8))
