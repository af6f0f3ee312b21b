"""Safetensors files written a piece at a time; the library itself wants all tensors in memory, twice."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import torch

Piece = bytes | memoryview
Pieces = Callable[[], Iterable[Piece]]
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
        metadata: plain text.

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
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for name in order:
            dtype, shape, pieces = tensors[name]
            written = sum(file.write(piece) for piece in pieces())
            if written != math.prod(shape) * dtype.itemsize:
                raise ValueError(f"{name}: {written} bytes for {dtype} {list(shape)}")
