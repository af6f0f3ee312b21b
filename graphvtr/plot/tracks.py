"""Galleries of regions: boxes on frames, one colour a track."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from graphvtr.errors import DataError
from graphvtr.graphs import VideoGraph
from graphvtr.plot.style import name_end, plain, pyplot
from graphvtr.video.decode import ClipReader

# Okabe-Ito first, then Tol's: distinct for colour-blind readers; numbers tell tracks apart without colours
TRACK_COLOURS = ("#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7", "#FFFFFF")


@dataclass(frozen=True)
class TrackedClip:
    """A clip to be drawn.

    Args:
        graph: its graph, with regions.
        frames: [T, H, W, 3] uint8, one picture for each index in ``shown``.
        shown: indices of the graph's frames, in the order of time.
        name: of the clip.
        labels: names of the classes in ``region.label``, which are written beside the main tracks.
    """

    graph: VideoGraph
    frames: Tensor
    shown: Sequence[int]
    name: str = ""
    labels: Sequence[str] = ()

    @classmethod
    def from_file(
        cls, file: str | Path, graph: VideoGraph, *, columns: int = 6, name: str = "", labels: Sequence[str] = ()
    ) -> TrackedClip:
        """Read the pictures of evenly spaced frames of ``graph`` from the clip it was made from.

        Raises:
            DataError: the file does not decode.
        """
        time = graph["frame"].time
        shown = np.linspace(0, len(time) - 1, min(columns, len(time))).round().astype(int).tolist()
        pictures = []
        with ClipReader(file) as reader:
            for index in shown:
                found = reader.at(float(time[index]) + 1e-4)  # times are stored as float32
                if found is None:
                    raise DataError(file, f"ends before {float(time[index]):.2f} s", "is it the clip of this graph?")
                pictures.append(found[1])
        return cls(graph, torch.stack(pictures), shown, name, labels)


def plot_tracks(clips: Sequence[TrackedClip], *, tracks: int = 7, others: bool = True) -> Any:
    """A row a clip: frames in the order of time, the boxes of its main tracks in one colour and number each.

    The main tracks are those with the largest sum of scores. A line joins the centres of a track's boxes in all of
    the clip's frames up to the one that is shown.

    Args:
        clips: the rows.
        tracks: how many of them are coloured.
        others: draw the other regions too, thin and grey.

    Returns:
        The matplotlib Figure.

    Raises:
        DataError: no clips, pictures that do not fit, or a clip without regions.
        MissingExtraError: matplotlib is not installed.
    """
    if not clips:
        raise DataError("clips", "are none", "give at least one")
    for clip in clips:
        if "region" not in clip.graph.node_types:
            raise DataError(f"clip '{clip.name}'", "has no regions", "extract it with a detector")
        if len(clip.frames) != len(clip.shown) or not len(clip.shown):
            raise DataError(f"clip '{clip.name}'", f"has {len(clip.frames)} pictures", f"give {len(clip.shown)}")
    columns = max(len(clip.shown) for clip in clips)
    heights = [clip.frames.size(1) / clip.frames.size(2) for clip in clips]
    width = 2.3
    plt = pyplot()
    figure, axes = plt.subplots(
        len(clips),
        columns,
        figsize=(width * columns, sum(width * height + 0.3 for height in heights)),
        height_ratios=[height + 0.13 for height in heights],
        squeeze=False,
        layout="constrained",
    )
    for row, clip in zip(axes, clips, strict=True):
        numbers = _main_tracks(clip.graph, tracks)
        names = {number: _class_of(clip, number) for number in numbers}
        for axis in row:
            axis.set_axis_off()
        for column, (axis, index, picture) in enumerate(zip(row, clip.shown, clip.frames, strict=False)):
            axis.imshow(picture.numpy(), interpolation="nearest")
            seconds = f"{float(clip.graph['frame'].time[index]):.1f} s"
            title = f"{name_end(clip.name, 24)}  {seconds}" if column == 0 and clip.name else seconds
            axis.set_title(title, fontsize=7, loc="left", pad=2, **plain())
            _draw(axis, clip.graph, index, numbers, names, others, tuple(picture.shape[:2]))
    return figure


def _main_tracks(graph: VideoGraph, count: int) -> dict[int, int]:
    """Track -> its place among those with the largest sum of scores."""
    region = graph["region"]
    track = region.get("track")
    if track is None or not bool((track >= 0).any()):
        return {}
    linked = track >= 0
    there, place_of = track[linked].unique(return_inverse=True)
    sums = torch.zeros(len(there)).index_add(0, place_of, region.score[linked].float())
    best = there[sums.argsort(descending=True, stable=True)[:count]].tolist()
    return {number: place for place, number in enumerate(best)}


def _class_of(clip: TrackedClip, track: int) -> str:
    """The name of the class that most regions of a track have, empty where it is not known."""
    region = clip.graph["region"]
    if region.get("label") is None or not len(clip.labels):
        return ""
    labels = region.label[(region.track == track) & (region.label >= 0)]
    number = int(labels.mode().values) if len(labels) else -1
    return clip.labels[number] if 0 <= number < len(clip.labels) else ""


def _draw(
    axis: Any,
    graph: VideoGraph,
    index: int,
    numbers: dict[int, int],
    names: dict[int, str],
    others: bool,
    size: tuple[int, ...],
) -> None:
    """Boxes of one frame, and the ways of the main tracks up to it."""
    region = graph["region"]
    height, width = size
    scale = torch.tensor([width, height, width, height], dtype=torch.float32)
    box = region.box.float() * scale - 0.5
    track = region.get("track")
    track = torch.full((len(box),), -1) if track is None else track
    here = region.frame == index
    if others:
        for one, number in zip(box[here], track[here].tolist(), strict=True):
            if number not in numbers:
                _rectangle(axis, one, "#BBBBBB", 0.5)
    centre = (box[:, :2] + box[:, 2:]) / 2
    for number, place in numbers.items():
        colour = TRACK_COLOURS[place % len(TRACK_COLOURS)]
        way = centre[(track == number) & (region.frame <= index)]
        for one in box[here & (track == number)]:
            if len(way) > 1:
                axis.plot(way[:, 0], way[:, 1], color=colour, linewidth=1, alpha=0.8)
            _rectangle(axis, one, colour, 1.6)
            title = f"{place + 1} {names[number]}".strip()
            label = {"facecolor": colour, "edgecolor": "none", "pad": 0.8}
            axis.text(
                float(one[0]) + 1,
                float(one[1]) + 1,
                title,
                fontsize=6,
                va="top",
                ha="left",
                bbox=label,
                color="white" if colour in ("#0072B2", "#D55E00", "#009E73") else "black",
                clip_on=True,
                **plain(),
            )
    axis.set_xlim(-0.5, width - 0.5)
    axis.set_ylim(height - 0.5, -0.5)


def _rectangle(axis: Any, box: Tensor, colour: str, line: float) -> None:
    x0, y0, x1, y1 = box.tolist()
    axis.plot([x0, x1, x1, x0, x0], [y0, y0, y1, y1, y0], color=colour, linewidth=line, solid_joinstyle="miter")
