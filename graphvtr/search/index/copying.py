"""Clips of segments that are merged go into the new one as they are: nothing is embedded again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from graphvtr.search.index.arrays import Array
from graphvtr.search.index.segment import Segment
from graphvtr.search.index.writing import SegmentWriter


def copy_clips(writer: SegmentWriter, segments: Sequence[Segment], done: Callable[[int], object]) -> None:
    """Write the clips of segments that are not deleted, embeddings and all.

    Args:
        writer: of the new segment.
        segments: to copy from.
        done: told of the number of clips, now and then.
    """
    base = 0
    moved: list[Array] = []
    for segment in segments:
        chosen = np.flatnonzero(segment.alive)
        target = np.full(len(segment), -1, dtype=np.int64)
        target[chosen] = base + np.arange(len(chosen))
        moved.append(target)
        base += len(chosen)
        for part in _pieces(chosen, 1024):
            items = [segment.item(int(place)) for place in part]
            concepts = {level: np.asarray(values[part]) for level, values in segment.concepts.items()}
            times = [segment.times(int(place)) for place in part]
            writer.add_videos(items, segment.video.select(part), times, concepts, _copied_regions(segment, part))
            done(len(part))
    for segment, target in zip(segments, moved, strict=True):
        if segment.text is None:
            continue
        rows = np.flatnonzero(target[np.asarray(segment.owner)] >= 0)
        for part in _pieces(rows, 1024):
            owner, number = target[np.asarray(segment.owner[part])], np.asarray(segment.number[part])
            writer.add_texts(owner, number, segment.text.select(part))


def _copied_regions(segment: Segment, part: Array) -> list[dict[str, Array]] | None:
    if segment.regions is None:
        return None
    out = []
    for place in part.tolist():
        rows = slice(int(segment.regions["ptr"][place]), int(segment.regions["ptr"][place + 1]))
        out.append({key: np.asarray(segment.regions[key][rows]) for key in ("box", "frame", "weight")})
    return out


def _pieces(values: Array, size: int) -> Iterator[Array]:
    return (values[begin : begin + size] for begin in range(0, len(values), size))
