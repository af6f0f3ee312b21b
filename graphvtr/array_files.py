"""Files of NumPy and torch, plain ones only: their sizes are compared with the file before memory is taken."""

from __future__ import annotations

import contextlib
import io
import math
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch

from graphvtr.errors import DataError, system_error

Array = np.ndarray[Any, Any]
MOST = 64 * 2**30
"""Bytes that the arrays of an archive may unpack to."""
AGAIN = "copy it again, or save it as a plain array (names with dtype=str)"


def read_npy(path: str | Path, mmap: bool = False, fix: str = AGAIN) -> Array:
    """A plain npy file, never one with pickled objects.

    Args:
        path: the file.
        mmap: leave it on the disk.
        fix: what the reader of an error can do.

    Raises:
        DataError: it is missing, cut short (its header may say any size), or not plain.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            size = path.stat().st_size
            _check_header(file, size)
        return np.load(path, mmap_mode="r" if mmap and size else None, allow_pickle=False)  # type: ignore[no-any-return]
    except FileNotFoundError:
        raise DataError(path, "no such file", "check the path") from None
    except OSError as error:
        raise system_error(error, path, "cannot be read", fix=fix) from error
    except (ValueError, EOFError, SyntaxError, TypeError, RecursionError) as error:
        raise DataError(path, f"is not a whole, plain npy file ({error})", fix) from error


@contextlib.contextmanager
def open_npz(path: str | Path, fix: str = "copy or save it again") -> Iterator[np.lib.npyio.NpzFile]:
    """An archive of plain arrays, none larger than what its file holds.

    Raises:
        DataError: it is missing, damaged, not plain, or unpacks to over :data:`MOST` bytes; also what goes wrong
            while its arrays are read.
    """
    path = Path(path)
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(member.file_size for member in archive.infolist()) > MOST:
                raise ValueError(f"it unpacks to over {MOST:,} bytes")
            for member in archive.infolist():
                if member.filename.endswith(".npy"):
                    with archive.open(member) as file:
                        _check_header(file, member.file_size)
        with np.load(path, allow_pickle=False) as content:
            yield content
    except FileNotFoundError:
        raise DataError(path, "no such file", "check the path") from None
    except DataError:
        raise
    except OSError as error:
        raise system_error(error, path, "cannot be read", fix=fix) from error
    except (
        ValueError,
        EOFError,
        SyntaxError,
        TypeError,
        AttributeError,
        NotImplementedError,
        RuntimeError,
        zipfile.BadZipFile,
        zipfile.LargeZipFile,
        zlib.error,
    ) as error:
        raise DataError(path, f"is not a whole, plain npz file ({error})", fix) from error


def read_torch(source: Path | io.BytesIO) -> Any:
    """What a file of ``torch.save`` holds: tensors and plain values, nothing that runs.

    Raises:
        Exception: of nearly any kind, where the file is damaged, holds something else, or unpacks to more than its own
            size (torch packs nothing); the caller says what it should have been.
    """
    if zipfile.is_zipfile(source):
        with zipfile.ZipFile(source) as archive:
            size = source.stat().st_size if isinstance(source, Path) else source.getbuffer().nbytes
            unpacked = sum(member.file_size for member in archive.infolist())
            if unpacked > size:
                raise ValueError(f"it unpacks to {unpacked:,} bytes and has {size:,}")
            if (damaged := archive.testzip()) is not None:  # torch does not look at checksums
                raise ValueError(f"the checksum of {damaged} is another")
    if isinstance(source, io.BytesIO):
        source.seek(0)
    return torch.load(source, map_location="cpu", weights_only=True)


def _check_header(file: IO[bytes], size: int) -> None:
    """See that as many bytes follow as the header says.

    Raises:
        ValueError: they do not, or it is no header of a plain array.
    """
    version = np.lib.format.read_magic(file)
    readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    if version not in readers:
        raise ValueError(f"its format is {version[0]}.{version[1]}")
    shape, _, dtype = readers[version](file)
    if dtype.hasobject:
        raise ValueError("it holds pickled objects")
    if any(not isinstance(length, int) or length < 0 for length in shape):
        raise ValueError(f"its shape is {list(shape)}")
    wanted, there = math.prod(shape) * dtype.itemsize, size - file.tell()
    if wanted > there:
        raise ValueError(f"it says {wanted:,} bytes and has {there:,}")
