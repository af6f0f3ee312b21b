"""Safetensors files a piece at a time; the library itself wants a whole tensor in memory, and all of them to write."""

from __future__ import annotations

import json
import math
import os
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import torch

from graphvtr.errors import DataError
from graphvtr.reading import DATA, parse_json
from graphvtr.video.store.seal import SEAL, sealed

Piece = bytes | memoryview
Pieces = Callable[[], Iterable[Piece]]
PIECE = 4 * 2**20
DTYPE_NAMES = {torch.float32: "F32", torch.int32: "I32", torch.float16: "F16"}


def write_tensor_file(
    path: Path,
    tensors: Mapping[str, tuple[torch.dtype, Sequence[int], Pieces]],
    metadata: Mapping[str, str],
) -> None:
    """Write a safetensors file; one piece is in memory at a time.

    Args:
        path: the file.
        tensors: name -> type, shape, and a function that gives the bytes, row by row, in pieces.
        metadata: plain text; with an empty :data:`~graphvtr.video.store.seal.SEAL` the header gets its checksum.

    Raises:
        OSError: the disk is full or the like.
        ValueError: pieces that are more or less than the tensor.
    """
    # wide types first, as the library does it: every tensor then begins at a multiple of its type's size
    order = sorted(tensors, key=lambda name: (-tensors[name][0].itemsize, name))
    header: dict[str, object] = {"__metadata__": dict(metadata)}
    begin = 0
    for name in order:
        dtype, shape, _ = tensors[name]
        end = begin + math.prod(shape) * dtype.itemsize
        header[name] = {"dtype": DTYPE_NAMES[dtype], "shape": list(shape), "data_offsets": [begin, end]}
        begin = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    text = struct.pack("<Q", len(text)) + text
    with path.open("wb") as file:
        file.write(sealed(text) if SEAL in metadata else text)
        for name in order:
            dtype, shape, pieces = tensors[name]
            written = sum(file.write(piece) for piece in pieces())
            if written != math.prod(shape) * dtype.itemsize:
                raise ValueError(f"{name}: {written} bytes for {dtype} {list(shape)}")


def read_header(path: Path) -> bytes:
    """The length and the text before the tensors, as they lie in the file.

    Raises:
        FileNotFoundError: there is no such file.
    """
    with path.open("rb") as file:
        head = file.read(8)
        size = struct.unpack("<Q", head)[0] if len(head) == 8 else 0
        return head + file.read(min(size, os.fstat(file.fileno()).st_size))


def tensor_places(path: Path) -> dict[str, tuple[int, list[int]]]:
    """Tensor -> where its bytes begin in a safetensors file, and its shape.

    Raises:
        FileNotFoundError: there is no such file.
        DataError: it is no safetensors file, or shorter than it says.
    """
    with path.open("rb") as file:
        head = file.read(8)
        size = struct.unpack("<Q", head)[0] if len(head) == 8 else 0
        total = os.fstat(file.fileno()).st_size
        text = file.read(size) if 0 < size <= min(total, DATA) else b""
    fix = "remove it and extract its clips again"
    try:
        header = parse_json(text, path, fix=fix)
        places = {name: value for name, value in header.items() if name != "__metadata__"}
        ends = [int(value["data_offsets"][1]) for value in places.values() if value["data_offsets"][0] >= 0]
        start, end = 8 + size, max(ends, default=0)
        if len(ends) < len(places) or not all(isinstance(value["shape"], list) for value in places.values()):
            raise ValueError("places")
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise DataError(path, "is no safetensors file", fix) from error
    if start + end > total:
        problem = f"is cut short: {total:,} of {start + end:,} bytes"
        raise DataError(path, problem, "remove it and extract its clips again")
    return {name: (start + int(value["data_offsets"][0]), list(value["shape"])) for name, value in places.items()}


def tensor_pieces(path: Path, begin: int, size: int) -> Iterator[bytes]:
    """``size`` bytes of a file from ``begin`` on, a few megabytes at a time.

    Raises:
        FileNotFoundError: there is no such file.
        DataError: it ends before.
    """
    with path.open("rb", buffering=0) as file:
        file.seek(begin)
        while size:
            piece = file.read(min(size, PIECE))
            if not piece:
                raise DataError(path, f"ends {size} bytes early", "remove it and extract its clips again")
            yield piece
            size -= len(piece)
