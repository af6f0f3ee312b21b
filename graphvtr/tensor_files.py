"""Safetensors files that notice a changed bit: a checksum of all that they hold, in their header."""

from __future__ import annotations

import functools
import json
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from graphvtr.errors import DataError

SUM = "crc32"


def contents(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> Iterator[Any]:
    """The bytes of all that a file holds, in whatever order it holds it, for a checksum or a digest."""
    yield json.dumps(dict(metadata), sort_keys=True).encode()
    for name, tensor in sorted(tensors.items()):
        yield f"{name} {tensor.dtype} {list(tensor.shape)}".encode()
        yield tensor.contiguous().flatten().view(torch.uint8).numpy().data


def crc32(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> str:
    """The checksum of :func:`contents`.

    Example:
        >>> crc32({"x": torch.zeros(2)}, {"format": "a"}) == crc32({"x": torch.zeros(2)}, {"format": "b"})
        False
    """
    return str(functools.reduce(lambda crc, part: zlib.crc32(part, crc), contents(tensors, metadata), 0))


def read_tensors(path: str | Path, fix: str = "write it again") -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors of a file and what else its header says; a checksum there (``crc32``) is compared and left out.

    Args:
        path: the file.
        fix: what the reader of an error can do.

    Raises:
        DataError: it is missing, cannot be read, or is damaged.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(path, "no such file", "check the path")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = dict(file.metadata() or {})
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
    except (OSError, SafetensorError) as error:
        raise DataError(path, f"is damaged: {error}", fix) from error
    compare(path, metadata.pop(SUM, None), tensors, metadata, fix)
    return tensors, metadata


def compare(
    path: str | Path, found: str | None, tensors: Mapping[str, Tensor], metadata: Mapping[str, str], fix: str
) -> None:
    """See that a checksum is that of what was read; older files have none.

    Raises:
        DataError: it is another.
    """
    if found is not None and found != crc32(tensors, metadata):
        raise DataError(path, "is damaged: its checksum is another", fix)
