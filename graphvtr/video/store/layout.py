"""Where the fields of clips lie in the files of a feature store, and reading them from there."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphvtr.video.store.reader import StoreReader
from graphvtr.video.store.tensor_file import tensor_places

MOST_OPEN = 512  # files kept open; processes may have 1,024
AHEAD = 16 * 2**20  # bytes that the system is told of before they are read


@dataclass(frozen=True)
class Column:
    """Where a field of every clip lies: ``file`` [N], positions in the list of files, and byte ``offset`` [N]."""

    file: np.ndarray[Any, Any]
    offset: np.ndarray[Any, Any]
    width: int  # 0 for fields without columns


class Layout:
    """Files of a store, the columns in them, and those of the files that are open; never changed but for the latter,
    so that threads go on with the layout they began with when a store is packed meanwhile."""

    def __init__(self, store: StoreReader, names: Sequence[str], fields: Sequence[str]) -> None:
        file_of = [store.file_of(name) for name in names]
        self.files = list(dict.fromkeys(file_of))
        number = {path: position for position, path in enumerate(self.files)}
        places = [tensor_places(path) for path in self.files]
        file = np.array([number[path] for path in file_of])
        self.columns = {}
        for key in fields:
            found = [places[position][f"{name}/{key}"] for name, position in zip(names, file.tolist(), strict=True)]
            shape = found[0][1]
            self.columns[key] = Column(file, np.array([begin for begin, _ in found]), shape[1] if shape[1:] else 0)
        self._open: dict[int, int] = {}

    def __del__(self) -> None:
        for descriptor in self.__dict__.get("_open", {}).values():
            os.close(descriptor)

    def read_into(self, view: memoryview, key: str, clip: int, skip: int = 0) -> int:
        """Read a field of a clip from byte ``skip`` on; returns the number of bytes that were there."""
        number, offset = self._place(key, clip)
        offset += skip
        if not hasattr(os, "preadv"):
            with self.files[number].open("rb", buffering=0) as file:
                file.seek(offset)
                return _read_all(lambda rest, _: file.readinto(rest), view, offset)
        with self._opened(number) as descriptor:
            return _read_all(lambda rest, place: os.preadv(descriptor, [rest], place), view, offset)

    def in_turn(self, key: str, clips: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
        """Clips whose ``key`` is read in this order, given as (position, bytes), and given out again one by one.

        The system is told of those that come next, :data:`AHEAD` bytes at a time, so that a disk is busy with them
        while a clip is copied. Clips without bytes are left out.
        """
        told = waiting = 0
        for place, (clip, size) in enumerate(clips):
            while told < len(clips) and (told <= place or waiting < AHEAD):
                self._announce(key, *clips[told])
                waiting += clips[told][1]
                told += 1
            waiting -= size
            if size:
                yield clip, size

    def _place(self, key: str, clip: int) -> tuple[int, int]:
        column = self.columns[key]
        return int(column.file[clip]), int(column.offset[clip])

    def _announce(self, key: str, clip: int, size: int) -> None:
        number, offset = self._place(key, clip)
        if size and hasattr(os, "posix_fadvise"):
            with contextlib.suppress(OSError), self._opened(number) as descriptor:  # whoever reads it finds the fault
                os.posix_fadvise(descriptor, offset, size, os.POSIX_FADV_WILLNEED)

    @contextlib.contextmanager
    def _opened(self, number: int) -> Iterator[int]:
        """The descriptor of a file, kept open for later reads unless many are."""
        kept = self._open.get(number)
        descriptor = kept
        if descriptor is None:
            descriptor = os.open(self.files[number], os.O_RDONLY)
            if hasattr(os, "posix_fadvise"):  # clips are read whole and at random: what lies beyond is not wanted
                os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_RANDOM)
        try:
            yield descriptor
        finally:
            full = len(self._open) >= MOST_OPEN
            if kept is None and (full or self._open.setdefault(number, descriptor) != descriptor):
                os.close(descriptor)


def _read_all(read: Callable[[memoryview, int], int | None], view: memoryview, offset: int) -> int:
    done = 0
    while done < len(view):  # one read gives 2 GiB at most
        got = read(view[done:], offset + done)
        if not got:
            break
        done += got
    return done
