"""Arrays on disk that grow while they are written and are mapped into memory to be read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, Self

import numpy as np

from graphvtr.errors import DataError

HEADER = 128  # bytes of the header: magic, and a description padded to fit the final number of rows
Array = np.ndarray[Any, Any]


class ArrayWriter:
    """A ``.npy`` file that is appended to, rows at a time; the number of rows is written at the end.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "x.npy"
        >>> with ArrayWriter(path) as file:
        ...     file.append(np.zeros((2, 3), np.float32))
        ...     file.append(np.ones((1, 3), np.float32))
        >>> read_array(path).shape
        (3, 3)
    """

    def __init__(self, path: Path) -> None:
        self.path, self.rows = path, 0
        self._file: IO[bytes] = path.open("wb")
        self._file.write(b"\0" * HEADER)
        self._dtype: np.dtype[Any] = np.dtype(np.float32)
        self._shape: tuple[int, ...] = ()

    def append(self, values: Array) -> None:
        """Write rows; the first call sets the type and the shape of a row."""
        if self.rows == 0 and not self._shape:
            self._dtype, self._shape = values.dtype, values.shape[1:]
        if values.dtype != self._dtype or values.shape[1:] != self._shape:
            raise DataError(self.path, f"takes rows {self._shape} of {self._dtype}, got {values.shape[1:]}")
        self._file.write(np.ascontiguousarray(values).data.cast("B") if values.size else b"")
        self.rows += len(values)

    def close(self) -> None:
        """Write the header."""
        content = {
            "descr": np.lib.format.dtype_to_descr(self._dtype),
            "fortran_order": False,
            "shape": (self.rows, *self._shape),
        }
        text = repr(content).encode().ljust(HEADER - 11) + b"\n"
        self._file.seek(0)
        self._file.write(b"\x93NUMPY\x01\x00" + (HEADER - 10).to_bytes(2, "little") + text)
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *problem: object) -> None:
        if kind is None:
            self.close()
        else:
            self._file.close()


def read_array(path: Path) -> Array:
    """A ``.npy`` file, mapped into memory.

    Raises:
        FileNotFoundError: it is not there.
        DataError: it is damaged or holds Python objects.
    """
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)  # type: ignore[no-any-return]
    except FileNotFoundError:
        raise
    except (ValueError, EOFError, OSError) as error:
        raise DataError(path, f"is damaged ({error})", "build the index again") from error


def rows_of(ptr: Array, items: Sequence[int] | Array) -> tuple[Array, Array]:
    """The rows of ragged ``items`` end to end, and where each of them begins [n + 1]."""
    items = np.asarray(items, dtype=np.int64)
    begin = np.asarray(ptr[items], dtype=np.int64)
    count = np.asarray(ptr[items + 1], dtype=np.int64) - begin
    out = np.concatenate([[0], count.cumsum()])
    return np.repeat(begin - out[:-1], count) + np.arange(out[-1]), out
