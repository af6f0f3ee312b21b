"""The files of a feature store: safetensors with one or many clips each, written whole or not at all."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import math
import re
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from graphvtr.atomic import whole, write_whole
from graphvtr.errors import DataError
from graphvtr.reading import parse_json
from graphvtr.terminal import printable
from graphvtr.video.store.fields import STORED_FIELDS
from graphvtr.video.store.seal import EMPTY, SEAL, is_intact
from graphvtr.video.store.tensor_file import Piece, read_header, write_tensor_file

try:
    import fcntl
except ImportError:  # Windows: one writer at a time, as the user arranges it
    fcntl = None  # type: ignore[assignment]

FORMAT = "graphvtr.FeatureStore/1"
REMOVE = "remove it and extract its clips again"
FIX = "make room or choose another folder; finished clips are kept"


class StoreWriteError(DataError):
    """The store itself cannot be written (full disk, no permission): no later clip would fare better."""


@dataclass(frozen=True, slots=True)
class ClipEntry:
    """What a store says about a clip.

    Attributes:
        name: of the clip.
        shapes: field -> shape.
        crc32: of the stored fields, see :func:`graphvtr.video.store.fields.checksum`.
        source: where the features come from, for instance file, size, modification time and fingerprint.
        note: what was odd about the clip, empty for a sound one.
    """

    name: str
    shapes: dict[str, list[int]]
    crc32: int
    source: dict[str, Any] = field(default_factory=dict)
    note: str = ""

    @property
    def num_bytes(self) -> int:
        """Size of the stored fields."""
        return sum(math.prod(shape) * STORED_FIELDS[key].itemsize for key, shape in self.shapes.items())


def loose_file_name(name: str) -> str:
    """File name for a clip's own file: readable, safe on every file system, different for different names."""
    readable = re.sub(r"[^A-Za-z0-9._-]+", "_", name)[:60].strip(".")
    return f"{readable}-{hashlib.sha256(name.encode()).hexdigest()[:12]}.safetensors"


def batch_file_name() -> str:
    """File name for many clips that are written at once."""
    return f"batch-{secrets.token_hex(8)}.safetensors"


def is_batch(file: Path) -> bool:
    """Whether a file that is no shard holds many clips nevertheless."""
    return file.name.startswith("batch-")


def shard_file_name(number: int) -> str:
    """File name for the ``number``-th shard; two processes that choose the same number do not collide."""
    return f"shard-{number:06d}-{secrets.token_hex(4)}.safetensors"


def write_clips(path: Path, clips: Iterable[tuple[ClipEntry, Callable[[str], Iterable[Piece]]]]) -> None:
    """Write clips as one safetensors file: tensors ``<clip>/<field>``, entries as JSON in its metadata.

    Args:
        path: the file.
        clips: entries, each with a function from a field to its bytes, which is called when they are written.

    Raises:
        StoreWriteError: the disk is full or the like; nothing is left behind.
    """
    entries, tensors = [], {}
    for entry, pieces in clips:
        entries.append({key: value for key, value in asdict(entry).items() if value not in ({}, "")})
        for key, shape in entry.shapes.items():
            tensors[f"{entry.name}/{key}"] = (STORED_FIELDS[key], shape, functools.partial(pieces, key))
    metadata = {"format": FORMAT, "clips": json.dumps(entries), SEAL: EMPTY}
    with whole(path, error=StoreWriteError, fix=FIX) as partial:
        write_tensor_file(partial, tensors, metadata)


def open_clips(path: Path) -> tuple[Any, list[ClipEntry]]:
    """Map a file of clips into memory and read its entries, no features yet.

    Returns:
        The open file, whose ``get_tensor('<clip>/<field>')`` copies one array out, and its entries.

    Raises:
        FileNotFoundError: it is gone.
        DataError: it is damaged or something else.
    """
    try:
        file = safe_open(path, framework="np")
        metadata = file.metadata() or {}
        if metadata.get("format") != FORMAT:
            raise DataError(path, f"is not a {FORMAT} file", "remove it from the store")
        if metadata.keys() != {"format", "clips"} and not is_intact(read_header(path)):  # older files have no seal
            raise DataError(path, "is damaged (its header's checksum does not match)", REMOVE)
        entries = [ClipEntry(**entry) for entry in parse_json(metadata["clips"], f"{path}: clips", fix=REMOVE)]
        for entry in entries:
            _check_entry(path, entry)
        return file, entries
    except FileNotFoundError:
        raise
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(path, f"is damaged ({error})", REMOVE) from error


def _check_entry(path: Path, entry: ClipEntry) -> None:
    """See that what a file says of a clip is of the right kinds, before anything is computed with it."""
    sizes = isinstance(entry.shapes, dict) and all(
        key in STORED_FIELDS
        and isinstance(shape, list)
        and all(type(length) is int and length >= 0 for length in shape)
        for key, shape in entry.shapes.items()
    )
    kinds = isinstance(entry.name, str) and type(entry.crc32) is int and isinstance(entry.note, str)
    if not sizes or not kinds or not isinstance(entry.source, dict):
        raise DataError(path, f"is damaged (entry {printable(f'{entry.name!r:.60}')})", REMOVE)


def write_store_file(path: Path, data: bytes) -> None:
    """Write a file of the store, see :func:`graphvtr.atomic.whole`.

    Raises:
        StoreWriteError: the disk is full or the like; nothing is left behind.
    """
    write_whole(path, data, error=StoreWriteError, fix=FIX)


def make_folder(path: Path) -> None:
    """Make a folder and those above it.

    Raises:
        StoreWriteError: it cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreWriteError(path, f"cannot be made ({error.strerror or error})", "choose another folder") from error


@contextlib.contextmanager
def locked(path: Path, *, exclusive: bool) -> Iterator[None]:
    """Hold the store's lock: writers share it, one that moves files has it alone. It dies with its process.

    Raises:
        StoreWriteError: the store is read only.
    """
    if fcntl is None:
        yield
        return
    try:
        file = (path / ".lock").open("ab")
    except OSError as error:
        problem = f"cannot be written ({error.strerror or error})"
        raise StoreWriteError(path, problem, "choose a folder that you may write to") from error
    with file:
        fcntl.flock(file, fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH)
        yield


def differences(stored: Mapping[str, Any], wanted: Mapping[str, Any], prefix: str = "") -> list[str]:
    """What differs between two trees of settings, one sentence a leaf.

    Example:
        >>> differences({"frames": {"num_frames": 20}}, {"frames": {"num_frames": 16}})
        ['frames.num_frames is 20 in the store and 16 now']
    """
    found = []
    for key in sorted(stored.keys() | wanted.keys()):
        one, other = stored.get(key, "not set"), wanted.get(key, "not set")
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            found += differences(one, other, f"{prefix}{key}.")
        elif one != other:
            found.append(f"{prefix}{key} is {one} in the store and {other} now")
    return found


def size_groups(sizes: Mapping[str, int], limit: int) -> Iterator[list[str]]:
    """Names in order, in groups whose sizes add up to at least ``limit`` (the last one may be smaller)."""
    group: list[str] = []
    total = 0
    for name in sorted(sizes):
        group.append(name)
        total += sizes[name]
        if total >= limit:
            yield group
            group, total = [], 0
    if group:
        yield group
