"""A segment of an index: some clips, never changed once written; read by mapping its files into memory."""

from __future__ import annotations

import json
import mmap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from graphvtr.errors import DataError
from graphvtr.nn import Level, LevelEmbeddings
from graphvtr.search.index.arrays import Array, read_array, rows_of
from graphvtr.search.index.nearest import Nearest
from graphvtr.search.items import Item, name_hash


class Side:
    """The embeddings of a segment's videos, or of its captions.

    Args:
        folder: of the files.
        levels: those that the model has.

    Attributes:
        rows: number of items.
        nearest: the approximate index of their keys.
    """

    def __init__(self, folder: Path, levels: Sequence[str]) -> None:
        self.levels: dict[str, tuple[Array, Array | None]] = {}
        for level in levels:
            ptr = folder / f"{level}.ptr.npy"
            self.levels[level] = (read_array(folder / f"{level}.npy"), read_array(ptr) if ptr.is_file() else None)
        sizes = {len(x) if ptr is None else len(ptr) - 1 for x, ptr in self.levels.values()}
        if len(sizes) != 1:
            raise DataError(folder, f"has levels of {sorted(sizes)} items", "build the index again")
        self.rows = sizes.pop()
        self.nearest = Nearest(folder / "keys.faiss")
        if self.nearest.rows != self.rows:
            raise DataError(folder, f"has {self.nearest.rows} keys for {self.rows} items", "build the index again")

    def select(self, items: Sequence[int] | Array) -> LevelEmbeddings:
        """The embeddings of ``items``, copied into memory."""
        items = np.asarray(items, dtype=np.int64)
        out: dict[str, Level] = {}
        for level, (x, ptr) in self.levels.items():
            if ptr is None:
                out[level] = Level(torch.from_numpy(np.ascontiguousarray(x[items])).float())
            else:
                rows, begin = rows_of(ptr, items)
                out[level] = Level(torch.from_numpy(np.ascontiguousarray(x[rows])).float(), torch.from_numpy(begin))
        return LevelEmbeddings(**out)


@dataclass
class SegmentInfo:
    """What the manifest says about a segment.

    Args:
        name: of its folder.
        items: clips in it.
        texts: captions in it.
        kind: of its approximate index.
        digests: file -> SHA-256.
        deleted: positions of clips that are gone.
    """

    name: str
    items: int
    texts: int
    kind: str
    digests: dict[str, str]
    deleted: list[int]


class Segment:
    """An open segment.

    Args:
        folder: of its files.
        info: what the manifest says.
        levels: of the model.

    Raises:
        FileNotFoundError: a file is gone, as after another process has compacted the index.
        DataError: a file is damaged.
    """

    def __init__(self, folder: Path, info: SegmentInfo, levels: Sequence[str]) -> None:
        self.folder, self.info = folder, info
        self.video = Side(folder / "video", levels)
        self.text = Side(folder / "text", levels) if info.texts else None
        if self.text is not None:
            self.owner, self.number = (
                read_array(folder / "text" / "owner.npy"),
                read_array(folder / "text" / "number.npy"),
            )
        self._item_ptr = read_array(folder / "items.ptr.npy")
        self._names, self._name_order = read_array(folder / "names.npy"), read_array(folder / "names.order.npy")
        with (folder / "items.jsonl").open("rb") as file:
            empty = file.seek(0, 2) == 0
            self._items = b"" if empty else mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self._time, self._time_ptr = read_array(folder / "time.npy"), read_array(folder / "time.ptr.npy")
        self.duration = read_array(folder / "duration.npy")
        self.concepts = {path.name.split(".")[1]: read_array(path) for path in sorted(folder.glob("concept.*.npy"))}
        self._regions = folder / "region.ptr.npy"
        self.alive = np.ones(info.items, dtype=bool)
        self.alive[info.deleted] = False

    def __len__(self) -> int:
        return self.info.items

    def item(self, position: int) -> Item:
        """Name and metadata of a clip.

        Raises:
            DataError: its line is damaged.
        """
        begin, end = int(self._item_ptr[position]), int(self._item_ptr[position + 1])
        try:
            return Item.from_dict(json.loads(self._items[begin:end]))
        except (ValueError, TypeError, RecursionError) as error:
            raise DataError(
                f"{self.folder / 'items.jsonl'}: clip {position}", f"is damaged ({error})", "build the index again"
            ) from error

    def items(self) -> Iterator[Item]:
        """All clips in order, deleted ones too."""
        return (self.item(position) for position in range(len(self)))

    def find(self, name: str) -> int | None:
        """Where a clip is; None if it is not there, or deleted."""
        wanted = name_hash(name)
        first = int(np.searchsorted(self._names, wanted))
        while first < len(self._names) and self._names[first] == wanted:
            position = int(self._name_order[first])
            if self.alive[position] and self.item(position).name == name:
                return position
            first += 1
        return None

    def times(self, position: int) -> Array:
        """Seconds of a clip's frames, as the model sees them."""
        return np.array(self._time[self._time_ptr[position] : self._time_ptr[position + 1]])

    @property
    def has_regions(self) -> bool:
        """Whether its clips came with regions."""
        return self.regions is not None

    @cached_property
    def regions(self) -> dict[str, Array] | None:
        """Boxes [R, 4], frame within the clip [R], weight [R], and where each clip's begin; None without regions."""
        if not self._regions.is_file():
            return None
        return {key: read_array(self.folder / f"region.{key}.npy") for key in ("box", "frame", "weight", "ptr")}

    def region_frames(self, position: int) -> torch.Tensor | None:
        """The frame of each region of a clip, as :meth:`regions_of`."""
        if self.regions is None:
            return None
        return torch.from_numpy(np.array(self._regions_at(position, "frame"), dtype=np.int64))

    def _regions_at(self, position: int, key: str) -> Array:
        assert self.regions is not None
        ptr = self.regions["ptr"]
        return self.regions[key][int(ptr[position]) : int(ptr[position + 1])]

    def regions_of(self, position: int) -> list[tuple[int, list[float], float]]:
        """A clip's regions: frame, box as fractions of width and height, weight."""
        if self.regions is None:
            return []
        found = (self._regions_at(position, key).tolist() for key in ("frame", "box", "weight"))
        return list(zip(*found, strict=True))


def find_clip(segments: Sequence[Segment], name: str) -> tuple[int, int] | None:
    """Number of the segment that has a clip, and the clip's position in it; None where none has it."""
    for number, segment in enumerate(segments):
        position = segment.find(name)
        if position is not None:
            return number, position
    return None


def embeddings_of(segments: Sequence[Segment], places: Sequence[tuple[int, int]], side: str) -> LevelEmbeddings:
    """Embeddings of items of several segments, given as (segment, position), in that order."""
    by_segment: dict[int, list[int]] = {}
    for place, (number, _) in enumerate(places):
        by_segment.setdefault(number, []).append(place)
    parts, order = [], []
    for number, members in by_segment.items():
        found = segments[number].video if side == "video" else segments[number].text
        assert found is not None
        parts.append(found.select([places[place][1] for place in members]))
        order += members
    whole_set = parts[0] if len(parts) == 1 else LevelEmbeddings.cat(parts)
    if order == list(range(len(places))):
        return whole_set
    return whole_set.select(torch.from_numpy(np.argsort(np.array(order))))
