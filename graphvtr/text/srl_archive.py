"""AllenNLP model archives (``model.tar.gz``), read without unpacking anything to disk."""

from __future__ import annotations

import gzip
import io
import tarfile
import zlib
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from torch import Tensor

from graphvtr.array_files import read_torch
from graphvtr.errors import DataError
from graphvtr.reading import lines_of, parse_json
from graphvtr.text.parser import shorten

CONFIG, LABELS, WEIGHTS = "config.json", "vocabulary/labels.txt", "weights.th"
MAX_BYTES = 4 * 2**30
SMALL, MOST_PACKED = 64 * 2**20, 8
"""Bytes that any archive may unpack to, and times of its size further: trained weights hardly pack at all."""
MAX_MEMBERS = 1000
PADDING = "@@PADDING@@"
FIX = "use the archive of structured-prediction-srl-bert as AllenNLP released it"


class SrlArchive(NamedTuple):
    """The parts of an archive: its configuration, the tags in the order of their ids, and the weights."""

    config: dict[str, Any]
    labels: list[str]
    weights: dict[str, Tensor]


class _Limited(io.RawIOBase):
    """A stream that ends in an error once it has given ``limit`` bytes: a small file may unpack to any size."""

    def __init__(self, stream: gzip.GzipFile, limit: int) -> None:
        self._stream, self._left, self._limit = stream, limit, limit

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        block = self._stream.read(self._left + 1 if size < 0 else min(size, self._left + 1))
        self._left -= len(block)
        if self._left < 0:
            raise ValueError(f"it unpacks to over {self._limit:,} bytes")
        return block


def read_archive(path: str | Path, max_bytes: int = MAX_BYTES) -> SrlArchive:
    """Read ``config.json``, ``vocabulary/labels.txt`` and ``weights.th``.

    Nothing is written to disk, weights are loaded as tensors only, and members with a path that leads out of the
    archive, links and devices are refused, whatever their names.

    Args:
        path: a gzipped tar file.
        max_bytes: unpacked bytes from which on it is refused, whatever its size.

    Raises:
        DataError: the archive is missing, damaged, unsafe, or of another model.
    """
    path = Path(path)
    try:
        limit = min(max_bytes, SMALL + MOST_PACKED * path.stat().st_size)
        with path.open("rb") as packed, gzip.GzipFile(fileobj=packed) as stream:
            parts = _members(_Limited(stream, limit))
    except FileNotFoundError as error:
        raise DataError(path, "no such file", "check the path") from error
    except (OSError, EOFError, zlib.error, tarfile.TarError, ValueError) as error:
        raise DataError(path, f"is no safe tar.gz archive: {error}", FIX) from error
    missing = [name for name in (CONFIG, LABELS, WEIGHTS) if name not in parts]
    if missing:
        raise DataError(path, f"has no {' and no '.join(missing)}", FIX)
    return SrlArchive(_config(path, parts[CONFIG]), _labels(path, parts[LABELS]), _weights(path, parts[WEIGHTS]))


def _members(stream: _Limited) -> dict[str, bytes]:
    parts: dict[str, bytes] = {}
    with tarfile.open(fileobj=stream, mode="r|") as archive:
        for number, member in enumerate(archive):
            name = PurePosixPath(member.name)
            if number >= MAX_MEMBERS:
                raise ValueError(f"it has over {MAX_MEMBERS} members")
            if name.is_absolute() or ".." in name.parts or "\\" in member.name:
                raise ValueError(f"its member {ascii(member.name)[:80]} leads out of it")
            if not (member.isfile() or member.isdir()):
                raise ValueError(f"its member {ascii(member.name)[:80]} is a link or a device")
            if str(name) in (CONFIG, LABELS, WEIGHTS):
                if str(name) in parts:
                    raise ValueError(f"it has {name} twice")
                file = archive.extractfile(member)
                parts[str(name)] = file.read() if file is not None else b""
    return parts


def _config(path: Path, content: bytes) -> dict[str, Any]:
    try:
        config = parse_json(content, f"{path}: {CONFIG}")
        if not isinstance(config, dict) or not isinstance(config["model"], dict):
            raise ValueError("it has no model")
        kind = config["model"].get("type")
    except (ValueError, KeyError) as error:
        raise DataError(f"{path}: {CONFIG}", f"is no AllenNLP configuration: {error}", FIX) from error
    if kind != "srl_bert":
        raise DataError(f"{path}: {CONFIG}: model.type", f"is {kind!r}, not 'srl_bert'", FIX)
    return config


def _labels(path: Path, content: bytes) -> list[str]:
    try:
        lines = lines_of(content.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: {LABELS}", "is not UTF-8", FIX) from error
    labels = [line.strip() for line in lines if line.strip()]
    if not labels:
        raise DataError(f"{path}: {LABELS}", "is empty", FIX)
    if PADDING in labels:
        raise DataError(f"{path}: {LABELS}", "has a padding entry, so its ids are unclear", FIX)
    return labels


def _weights(path: Path, content: bytes) -> dict[str, Tensor]:
    item = f"{path}: {WEIGHTS}"
    try:
        state = read_torch(io.BytesIO(content))
    except Exception as error:
        raise DataError(item, f"holds no plain tensors: {shorten(str(error), 160)}", FIX) from error
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise DataError(item, "is no dictionary of tensors", FIX)
    return {str(name): value for name, value in state.items()}
