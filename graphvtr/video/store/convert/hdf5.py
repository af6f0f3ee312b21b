"""HDF5 files of others: what is read lies in the file itself, whole.

HDF5 can say that data are in another file, or nowhere: an external link or storage would copy what it names into the
store, a missing source reads as zeros. All of these are refused by name.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from graphvtr._optional import optional_import
from graphvtr.errors import DataError
from graphvtr.terminal import printable
from graphvtr.video.store.convert.base import Array

MOST_PACKED = 1100
"""Times that the data may be larger than their file: deflate packs no better than 1032 to 1."""
AGAIN = "copy the file again"
DEEP = 3


def open_hdf5(path: Path, size: int | None = None) -> Any:
    """An open h5py file.

    Args:
        path: the file.
        size: bytes that are going to be written into a new file; None to read the one that is there. Room is made
            sure of at first, as the HDF5 library, once a write has failed, may take the whole process down.

    Raises:
        DataError: the file to read is missing, cut short or no HDF5 file.
        OSError: there is no room for the one to write.
        MissingExtraError: h5py is not installed.
    """
    h5py = optional_import("h5py", "hdf5", "HDF5 files")
    if size is not None:
        with path.open("wb") as file:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, max(size, 1))
        return h5py.File(path, "w")
    if not path.is_file():
        raise DataError(path, "no such file", "check the path")
    try:
        return h5py.File(path, "r")
    except (OSError, RuntimeError) as error:
        raise DataError(path, f"cannot be read ({error})", "it is cut short or no HDF5 file: copy it again") from error


def dataset_of(file: Any, key: str) -> Any:
    """A dataset that lies in the file, whole.

    Raises:
        DataError: no such dataset, or its data are elsewhere, were never written, or cannot be as large as it says.
    """
    h5py = optional_import("h5py", "hdf5", "HDF5 files")
    where = f"{file.filename}: '{printable(key)}'"
    try:
        _check_links(h5py, file, key, where)
        found = file[key]
        if not isinstance(found, h5py.Dataset):
            raise DataError(where, "is a group, no dataset", "name a dataset in it")
        _check_storage(found, where, Path(file.filename).stat().st_size)
    except (OSError, RuntimeError, KeyError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(where, f"cannot be read ({error})", AGAIN) from error
    return found


def values_of(file: Any, key: str, row: int | None = None) -> Array:
    """The values of a dataset, or of a row of it.

    Raises:
        DataError: as :func:`dataset_of`, or they cannot be read.
    """
    found = dataset_of(file, key)
    try:
        return np.asarray(found[()] if row is None else found[row])
    except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:
        problem = f"cannot be read ({error})"
        raise DataError(f"{file.filename}: '{printable(key)}'", problem, AGAIN) from error


def datasets_in(file: Any, group: str = "", depth: int = DEEP) -> Iterator[str]:
    """Paths of all datasets at most ``depth`` groups down, links that lead elsewhere among them: reading one of those
    says what is wrong with it."""
    h5py = optional_import("h5py", "hdf5", "HDF5 files")
    try:
        names = list(file[group] if group else file)
        for name in names:
            path = f"{group}/{name}" if group else name
            link = file.get(path, getlink=True)
            if isinstance(link, h5py.HardLink) and isinstance(file[path], h5py.Group):
                if depth:
                    yield from datasets_in(file, path, depth - 1)
            elif not isinstance(link, h5py.HardLink) or isinstance(file[path], h5py.Dataset):
                yield path
    except (OSError, RuntimeError, KeyError, ValueError) as error:
        where = f"{file.filename}: '{printable(group)}'" if group else file.filename
        raise DataError(where, f"cannot be read ({error})", AGAIN) from error


def _check_links(h5py: Any, file: Any, key: str, where: str) -> None:
    parts = key.split("/")
    for end in range(1, len(parts) + 1):
        step = "/".join(parts[:end])
        link = file.get(step, getlink=True)
        if isinstance(link, h5py.ExternalLink):
            problem = f"is a link to another file, {printable(link.filename)}"
            raise DataError(
                where, problem, "copy the data into one file: h5repack, or h5py's copy with expand_external"
            )
        if isinstance(link, h5py.SoftLink) and step not in file:
            raise DataError(where, f"is a link to {printable(link.path)}, which is not there", AGAIN)
        if link is None:
            raise DataError(where, "is missing", "check --names and --dataset")


def _check_storage(found: Any, where: str, size: int) -> None:
    if found.is_virtual:
        raise DataError(where, "is a virtual dataset, whose data lie in other files", "copy the data into one file")
    if found.external:
        files = ", ".join(printable(name) for name, _, _ in found.external)
        raise DataError(where, f"keeps its data in another file, {files}", "copy the data into one file")
    if found.shape is None:
        raise DataError(where, "is empty", AGAIN)
    wanted = math.prod(found.shape) * found.dtype.itemsize
    if wanted > MOST_PACKED * size:
        raise DataError(where, f"says {wanted:,} bytes in a file of {size:,}", AGAIN)
    if found.chunks is not None:
        chunks = math.prod(-(-length // chunk) for length, chunk in zip(found.shape, found.chunks, strict=True))
        if found.id.get_num_chunks() < chunks:
            raise DataError(
                where, f"has {found.id.get_num_chunks()} of its {chunks} chunks", "it was never written whole"
            )
    elif wanted and not found.id.get_storage_size():
        raise DataError(where, "was never written", "write it again")
