"""Clips into the files of a feature store, and many small files into few large ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from graphvtr.errors import DataError
from graphvtr.video.store.clip_buffer import ClipBuffer
from graphvtr.video.store.fields import Arrays, checksum, checksum_of_pieces, numpy_type, to_arrays
from graphvtr.video.store.files import (
    FIX,
    ClipEntry,
    StoreWriteError,
    batch_file_name,
    locked,
    loose_file_name,
    make_folder,
    shard_file_name,
    size_groups,
    write_clips,
)
from graphvtr.video.store.tensor_file import Piece

SHARD_BYTES = 128 * 2**20
Index = Mapping[str, tuple[Path, ClipEntry]]


def write_clip(path: Path, clip: ClipBuffer, source: Mapping[str, Any], note: str) -> dict[str, tuple[Path, ClipEntry]]:
    """A clip that was gathered in parts as a file of its own; returns what is new in the index.

    Raises:
        DataError: nothing was gathered.
        StoreWriteError: the disk is full or the like; nothing is left behind.
    """
    if not clip.shapes:
        raise DataError(f"clip '{clip.name}'", "has no fields", "append some first")
    clip.check()
    crc = checksum_of_pieces(clip.shapes, {key: numpy_type(key) for key in clip.shapes}, clip.pieces)
    entry = ClipEntry(clip.name, clip.shapes, crc, dict(source), note)
    file = path / "clips" / loose_file_name(clip.name)
    with locked(path, exclusive=False):
        write_clips(file, [(entry, clip.pieces)])
    return {clip.name: (file, entry)}


def write_batch(
    path: Path, clips: Mapping[str, Mapping[str, Tensor]], widths: Mapping[str, int]
) -> dict[str, tuple[Path, ClipEntry]]:
    """Many small clips as one file; returns what is new in the index.

    Raises:
        DataError: a clip does not fit; then nothing is written.
        StoreWriteError: the disk is full or the like; nothing is left behind.
    """
    batch, found = [], {}
    file = path / "clips" / batch_file_name()
    for name, fields in clips.items():
        arrays = to_arrays(name, fields, widths)
        entry = ClipEntry(name, {key: list(array.shape) for key, array in arrays.items()}, checksum(arrays))
        batch.append((entry, _pieces_of(arrays)))
        found[name] = (file, entry)
    if batch:
        with locked(path, exclusive=False):
            write_clips(file, batch)
    return found


def pack_clips(
    path: Path,
    index: Index,
    pieces: Callable[[str, str], Iterable[Piece]],
    shard_bytes: int = SHARD_BYTES,
) -> None:
    """Put the clips of ``clips/`` together into shards of about ``shard_bytes``; the caller holds the store's lock
    alone and has just read its index.

    A file that is as large as a shard becomes one as it is. The others are copied, one field of one clip in memory at
    a time. What is killed on the way has clips in both places, and either will do.

    Args:
        path: of the store.
        index: clip -> its file and entry.
        pieces: clip and field -> its bytes.
        shard_bytes: aim.

    Raises:
        StoreWriteError: the disk is full or the like; nothing is lost.
    """
    for partial in path.glob("*/*.partial"):  # left by killed processes; nobody else writes now
        partial.unlink(missing_ok=True)
    loose = {name: found for name, found in index.items() if found[0].parent.name == "clips"}
    waiting: dict[Path, set[str]] = {}  # clips of a file that are in no shard yet
    for name, (file, _) in loose.items():
        waiting.setdefault(file, set()).add(name)
    number = 1 + max((int(file.name.split("-")[1]) for file in path.glob("shards/shard-*")), default=0)
    sizes = {name: entry.num_bytes for name, (_, entry) in loose.items()}
    for file, names in waiting.items():
        if sum(sizes[name] for name in names) >= shard_bytes:
            _move(file, path / "shards" / shard_file_name(number))
            number += 1
            for name in names:
                del sizes[name]
    for group in size_groups(sizes, shard_bytes):
        clips = [(loose[name][1], _bound(pieces, name)) for name in group]
        write_clips(path / "shards" / shard_file_name(number), clips)
        number += 1
        for name in group:
            file = loose[name][0]
            waiting[file].discard(name)
            if not waiting[file]:
                file.unlink()


def _move(file: Path, target: Path) -> None:
    make_folder(target.parent)
    try:
        file.replace(target)
    except OSError as error:
        raise StoreWriteError(target, f"cannot be written ({error.strerror or error})", FIX) from error


def _bound(pieces: Callable[[str, str], Iterable[Piece]], name: str) -> Callable[[str], Iterable[Piece]]:
    return lambda key: pieces(name, key)


def _pieces_of(arrays: Arrays) -> Callable[[str], list[Piece]]:
    return lambda key: [np.ascontiguousarray(arrays[key]).tobytes()]
