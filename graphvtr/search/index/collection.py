"""The clips of an index that is open: names, metadata, frame times, regions; segments mapped into memory."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from graphvtr.errors import DataError
from graphvtr.search.index.manifest import Manifest, open_segments, read_manifest
from graphvtr.search.index.segment import Segment, find_clip
from graphvtr.search.items import Item, media_file
from graphvtr.search.plain import MANIFEST

OPEN_AGAIN = 5


class Collection:
    """What is known about the clips of an index beside their scores.

    Args:
        path: the folder.
        manifest: what it says about itself.
        segments: its clips.
    """

    def __init__(self, path: Path, manifest: Manifest, segments: list[Segment]) -> None:
        self.path = path
        self._take(manifest, segments)

    def _take(self, manifest: Manifest, segments: list[Segment]) -> None:
        self.manifest, self.segments = manifest, segments
        self._changed = stamp(self.path)

    def __len__(self) -> int:
        return self.manifest.clips

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and find_clip(self.segments, name) is not None

    def __repr__(self) -> str:
        return f"{type(self).__name__}('{self.path}', {len(self)} clips, {self.manifest.model})"

    def item(self, name: str) -> Item:
        """Name and metadata of a clip.

        Raises:
            DataError: there is no such clip.
        """
        number, position = self._place(name)
        return self.segments[number].item(position)

    def regions(self, name: str) -> list[tuple[int, list[float], float]]:
        """The regions of a clip, where its store had them: frame, box as fractions, weight.

        Raises:
            DataError: there is no such clip.
        """
        number, position = self._place(name)
        return self.segments[number].regions_of(position)

    def times(self, name: str) -> list[float]:
        """Seconds of a clip's frames.

        Raises:
            DataError: there is no such clip.
        """
        number, position = self._place(name)
        return [float(one) for one in self.segments[number].times(position)]

    def file_of(self, name: str) -> Path | None:
        """The video file of a clip, see :func:`~graphvtr.search.items.media_file`.

        Raises:
            DataError: there is no such clip.
        """
        return self.file_at(self.item(name))

    def file_at(self, item: Item) -> Path | None:
        """:meth:`file_of` for what is known about a clip."""
        return media_file(self.manifest.media, item.path)

    @property
    def names(self) -> list[str]:
        """Names of all clips, in the order they came."""
        return [segment.item(int(place)).name for segment in self.segments for place in np.flatnonzero(segment.alive)]

    def _place(self, name: str) -> tuple[int, int]:
        found = find_clip(self.segments, name)
        if found is None:
            raise DataError(f"clip '{name[:80]}'", f"is not in {self.path}", "names are those of the feature store")
        return found


def stamp(path: Path) -> tuple[int, int, int]:
    """What changes whenever the manifest is replaced.

    Raises:
        DataError: there is none.
    """
    try:
        status = (path / MANIFEST).stat()
    except OSError as error:
        raise DataError(path, "is not an index any more", "build it again") from error
    return status.st_ino, status.st_mtime_ns, status.st_size


def open_folder(path: Path) -> tuple[Manifest, list[Segment]]:
    """Manifest and segments; a manifest whose segments were merged in the meantime is read again."""
    for attempt in range(OPEN_AGAIN):
        manifest = read_manifest(path)
        try:
            return manifest, open_segments(path, manifest)
        except FileNotFoundError as error:
            if attempt == OPEN_AGAIN - 1 or read_manifest(path).generation == manifest.generation:
                raise DataError(error.filename or error, "is missing", "build the index again") from error
            time.sleep(0.05)
    raise AssertionError("unreachable")
