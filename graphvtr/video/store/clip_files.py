"""Which file of a feature store holds which clip, and the bytes in it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from graphvtr.errors import DataError
from graphvtr.freed_memory import nothing_collected
from graphvtr.video.store.fields import STORED_FIELDS, Arrays, checksum_of_pieces, numpy_type
from graphvtr.video.store.files import ClipEntry, is_batch, open_clips
from graphvtr.video.store.tensor_file import Piece, tensor_pieces, tensor_places


class ClipFiles:
    """The index of a store, read off its files, and random access to the fields in them.

    Args:
        path: of the store.

    Attributes:
        index: clip -> its file and entry.
        damaged: data file -> what is wrong with it; its clips are missing from the index.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.index: dict[str, tuple[Path, ClipEntry]] = {}
        self.damaged: dict[str, str] = {}
        self._kept: dict[Path, Any] = {}
        self._places: dict[Path, dict[str, tuple[int, list[int]]]] = {}
        self.refresh()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_kept": {}, "_places": {}}  # memory maps do not travel to another process

    def refresh(self) -> None:
        """Read the index again; of two files with the same clip the later one counts."""
        with nothing_collected():
            self._read_index()

    def _read_index(self) -> None:
        index: dict[str, tuple[Path, ClipEntry]] = {}
        self.damaged, self._kept, self._places = {}, {}, {}
        for file in (*sorted(self.path.glob("shards/*.safetensors")), *self._loose()):
            try:
                index.update({entry.name: (file, entry) for entry in open_clips(file)[1]})
            except FileNotFoundError:  # packed by another process just now: its shard is found next time
                continue
            except DataError as error:
                self.damaged[str(file.relative_to(self.path))] = error.problem
        self.index = index

    def shadowed(self) -> list[Path]:
        """Sound loose files of which every clip was written again later."""
        counted = {file for file, _ in self.index.values()}
        return [
            file
            for file in self._loose()
            if file not in counted and str(file.relative_to(self.path)) not in self.damaged
        ]

    def find(self, name: str) -> tuple[Path, ClipEntry]:
        """File and entry of a clip.

        Raises:
            DataError: there is no such clip; says which names are near.
        """
        try:
            return self.index[name]
        except KeyError:
            near = get_close_matches(name, self.index, n=3)
            problem = f"is not in the store {self.path} of {len(self.index)} clips"
            if self.damaged:
                problem += f"; {len(self.damaged)} of its files are damaged"
            hint = f"did you mean {' or '.join(near)}?" if near else "extract it, or check the name"
            raise DataError(f"clip '{name}'", problem, hint) from None

    def arrays(self, name: str) -> Arrays:
        """A clip's fields as they are stored.

        Raises:
            DataError: no such clip, or its file is damaged.
        """
        opened, entry = self._opened(name)
        return {key: opened.get_tensor(f"{name}/{key}") for key in entry.shapes}

    def pieces(self, name: str, key: str) -> Iterator[Piece]:
        """The bytes of one field of a clip, a few megabytes at a time.

        Raises:
            DataError: as :meth:`arrays`.
        """
        file, entry = self.find(name)
        try:
            begin = self._begin(file, f"{name}/{key}")
        except FileNotFoundError:  # packed by another process in the meantime
            self.refresh()
            file, entry = self.find(name)
            begin = self._begin(file, f"{name}/{key}")
        yield from tensor_pieces(file, begin, math.prod(entry.shapes[key]) * STORED_FIELDS[key].itemsize)

    def checksum_of(self, name: str) -> int:
        """Of what lies on the disk now, a field at a time.

        Raises:
            DataError: as :meth:`arrays`.
        """
        shapes = self.find(name)[1].shapes
        types = {key: numpy_type(key) for key in shapes}
        return checksum_of_pieces(shapes, types, lambda key: self.pieces(name, key))

    def _loose(self) -> list[Path]:
        """Files with clips that are in no shard yet, the latest last."""
        times = {}
        for file in self.path.glob("clips/*.safetensors"):
            try:
                times[file] = file.stat().st_mtime_ns
            except FileNotFoundError:  # packed by another process just now
                continue
        return sorted(times, key=lambda file: (times[file], file))

    def _begin(self, file: Path, tensor: str) -> int:
        if file not in self._places:
            self._places[file] = tensor_places(file)
        if tensor not in self._places[file]:
            raise DataError(file, f"has no {tensor}", "remove it and extract its clips again")
        return self._places[file][tensor][0]

    def _opened(self, name: str) -> tuple[Any, ClipEntry]:
        file, entry = self.find(name)
        try:
            return self._open(file), entry
        except FileNotFoundError:  # packed by another process in the meantime
            self.refresh()
            file, entry = self.find(name)
            return self._open(file), entry

    def _open(self, file: Path) -> Any:
        opened = self._kept.get(file)
        if opened is None:
            opened = open_clips(file)[0]
            if file.parent.name == "shards" or is_batch(file):  # clips in files of their own come by the thousand
                self._kept[file] = opened
        return opened
