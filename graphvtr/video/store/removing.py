"""Clips out of a feature store: named ones, or those whose video files are gone."""

from __future__ import annotations

import functools
import math
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from graphvtr.errors import DataError
from graphvtr.terminal import printable
from graphvtr.video.store.fields import STORED_FIELDS
from graphvtr.video.store.files import ClipEntry, locked, open_clips, shard_file_name, write_clips
from graphvtr.video.store.tensor_file import Piece, tensor_pieces, tensor_places


def remove_clips(path: Path, names: Iterable[str]) -> None:
    """Remove clips from every file that has them; the caller holds the store's lock alone.

    A file that has others too is written anew without them before the old one goes: what is killed on the way has lost
    nothing else. Older features of the same clips, which a newer file hides until it is packed, go as well.

    Args:
        path: of the store.
        names: of the clips.

    Raises:
        StoreWriteError: the disk is full or the like; nothing else is lost.
    """
    gone = set(names)
    for file in (*sorted(path.glob("shards/*.safetensors")), *sorted(path.glob("clips/*.safetensors"))):
        try:
            entries = open_clips(file)[1]
        except DataError:  # a damaged file has no clips to remove
            continue
        kept = [entry for entry in entries if entry.name not in gone]
        if len(kept) == len(entries):
            continue
        if kept:
            _write_again(file, kept)
        file.unlink()


def _write_again(file: Path, kept: list[ClipEntry]) -> None:
    """The clips of a file that stay, in a new file that counts as old as the one it replaces."""
    places = tensor_places(file)
    if file.parent.name == "shards":
        target = file.with_name(shard_file_name(int(file.name.split("-")[1])))
    else:
        target = file.with_name(f"{file.stem}-less{file.suffix}")
    write_clips(target, [(entry, functools.partial(_pieces, file, places, entry)) for entry in kept])
    times = file.stat()
    os.utime(target, ns=(times.st_atime_ns, times.st_mtime_ns))


def _pieces(file: Path, places: Mapping[str, tuple[int, list[int]]], entry: ClipEntry, key: str) -> Iterator[Piece]:
    size = math.prod(entry.shapes[key]) * STORED_FIELDS[key].itemsize
    return tensor_pieces(file, places[f"{entry.name}/{key}"][0], size)


def remove_all(path: Path) -> None:
    """Remove the clips of a store, and what is said about those that failed; nothing else in the folder is touched."""
    with locked(path, exclusive=True):
        for pattern in ("clips/*", "shards/*", "failures.json"):
            for file in path.glob(pattern):
                file.unlink()


def without_files(entries: Iterable[ClipEntry], folder: Path, store: Path) -> list[str]:
    """Names of the clips whose video files are not in ``folder`` any more.

    Args:
        entries: of all clips.
        folder: that the clips were extracted from.
        store: for messages.

    Raises:
        DataError: no such folder, or not one of the files is there: it is another folder.
    """
    if not folder.is_dir():
        raise DataError(folder, "is not a folder", "give the folder that the clips were extracted from")
    there = {printable(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()}
    told = {entry.name: str(entry.source["file"]) for entry in entries if "file" in entry.source}
    gone = [name for name, file in told.items() if file not in there]
    if told and len(gone) == len(told):
        raise DataError(
            folder,
            f"has none of the {len(told)} files that {store} was made from, '{told[gone[0]]}' for instance",
            "give the folder that the clips were extracted from; to empty a store: graphvtr store remove",
        )
    return gone
