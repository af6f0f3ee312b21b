"""A clip on its way into a store: it comes in parts and may be larger than memory."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from graphvtr.errors import DataError
from graphvtr.video.store.fields import STORED_FIELDS, SmallValues, check_clip_name, to_arrays
from graphvtr.video.store.files import StoreWriteError
from graphvtr.video.store.tensor_file import PIECE, Piece

IN_MEMORY = 8 * 2**20
"""Features of a clip that exceed this go to a file while they are gathered."""


class ClipBuffer:
    """The fields of one clip, taken part by part in the order of time and kept in the types they are stored in.

    Features beyond :data:`IN_MEMORY` lie in a temporary file without a name, which is gone when the process is; so
    two hours of regions need no more memory than a minute of them. The other fields are a hundredth of the features
    and stay in memory.

    Args:
        name: of the clip.
        widths: feature field -> width.
        folder: where the temporary file is made; by default that of the system.
        in_memory: bytes of a field of features that are kept in memory.

    Raises:
        DataError: no name.

    Example:
        >>> with ClipBuffer("clip 1", {"frame_x": 2}) as clip:
        ...     for second in range(3):
        ...         clip.append({"frame_x": torch.ones(1, 2), "frame_time": torch.tensor([float(second)])})
        ...     clip.shapes, clip.tensors()["frame_time"].tolist()
        ({'frame_x': [3, 2], 'frame_time': [3]}, [0.0, 1.0, 2.0])
    """

    def __init__(
        self, name: str, widths: Mapping[str, int], folder: Path | None = None, in_memory: int = IN_MEMORY
    ) -> None:
        check_clip_name(name)
        self.name, self.widths = name, dict(widths)
        self.shapes: dict[str, list[int]] = {}
        self._folder, self._in_memory = folder, in_memory
        self._lost = SmallValues()
        self._small: dict[str, list[Tensor]] = {}
        self._large: dict[str, tempfile.SpooledTemporaryFile[bytes]] = {}

    def __enter__(self) -> ClipBuffer:
        return self

    def __exit__(self, *problem: object) -> None:
        self.close()

    def close(self) -> None:
        """Give memory and temporary files back."""
        self._small.clear()
        for file in self._large.values():
            with contextlib.suppress(OSError):  # what could not be written still cannot
                file.close()

    def append(self, fields: Mapping[str, Tensor]) -> None:
        """Take the next part: fields as for :meth:`FeatureStore.add`; ``region_frame`` counts from the part's first
        frame.

        Raises:
            DataError: as :meth:`FeatureStore.add`, or the part has other fields than those before or begins earlier
                than they end.
            StoreWriteError: the disk is full or the like.
        """
        arrays = to_arrays(self.name, fields, self.widths, self._lost)
        if self.shapes and arrays.keys() != self.shapes.keys():
            differing = ", ".join(sorted(arrays.keys() ^ self.shapes.keys()))
            raise DataError(f"clip '{self.name}'", f"its parts differ in {differing}", "give all parts the same fields")
        if self._small.get("frame_time") and arrays["frame_time"][0] < self._small["frame_time"][-1][-1]:
            raise DataError(f"clip '{self.name}': frame_time", "decreases", "give the parts in the order of time")
        if "region_frame" in arrays:
            arrays["region_frame"] = arrays["region_frame"] + np.int32(self.shapes.get("frame_x", [0])[0])
        for key, array in arrays.items():
            if key in self.widths:
                self._write(key, np.ascontiguousarray(array).data)
            else:
                self._small.setdefault(key, []).append(torch.from_numpy(array))
            before = self.shapes.get(key, [0])[0]
            self.shapes[key] = [before + len(array), *array.shape[1:]]

    def put(self, key: str, value: Tensor) -> None:
        """Add a field of the whole clip that is no feature, for instance tracks that are known at the end.

        Raises:
            DataError: it is a feature, is there already, or has another length than its kind.
        """
        rows = self.shapes.get(f"{key.split('_')[0]}_x", [0])[0]
        if key in self.widths or key in self.shapes or key not in STORED_FIELDS or value.shape != (rows,):
            problem = f"has shape {list(value.shape)}"
            raise DataError(f"clip '{self.name}': {key}", problem, f"give [{rows}], once")
        self._small[key] = [value.to(STORED_FIELDS[key])]
        self.shapes[key] = [rows]

    def small(self, key: str) -> Tensor:
        """A field that is no feature, whole, in the type it is stored in."""
        self._small[key] = [torch.cat(self._small[key])]
        return self._small[key][0]

    def check(self) -> None:
        """What only the whole clip can tell: whether too many of its values become 0 in the type they are stored in.

        Raises:
            DataError: they do.
        """
        self._lost.check(self.name)

    def rows(self, key: str) -> StoredRows:
        """A field of features, to be read a few rows at a time."""
        return StoredRows(self, key)

    def tensors(self) -> dict[str, Tensor]:
        """All fields in memory: floats as float32, integers as int64, as :meth:`FeatureStore.read` gives them.

        Raises:
            DataError: see :meth:`check`.
        """
        self.check()
        whole = {key: self.rows(key)[:] if key in self.widths else self.small(key) for key in self.shapes}
        return {key: value.float() if value.is_floating_point() else value.long() for key, value in whole.items()}

    def pieces(self, key: str) -> Iterator[Piece]:
        """The bytes of a field, a few megabytes at a time."""
        if key not in self.widths:
            yield self.small(key).contiguous().numpy().data.cast("B") if len(self.small(key)) else b""
            return
        size = 2 * self.shapes[key][0] * self.widths[key]
        for begin in range(0, size, PIECE):
            yield self.read(key, begin, min(PIECE, size - begin))

    def read(self, key: str, begin: int, size: int) -> bytes:
        """Bytes of a field of features.

        Raises:
            StoreWriteError: the temporary file does not give them.
        """
        try:
            file = self._large[key]
            file.seek(begin)
            found = file.read(size)
        except OSError as error:
            raise self._failed(key, error) from error
        if len(found) != size:
            raise self._failed(key, OSError(f"{len(found)} of {size} bytes"))
        return found

    def _write(self, key: str, data: memoryview) -> None:
        file = self._large.get(key)
        try:
            if file is None:
                folder = None if self._folder is None else str(self._folder)
                file = tempfile.SpooledTemporaryFile(self._in_memory, dir=folder)  # noqa: SIM115 (close does it)
                self._large[key] = file
            file.seek(0, 2)
            if data.nbytes:
                file.write(data.cast("B"))
                file.flush()  # a full disk is told here
        except OSError as error:
            raise self._failed(key, error) from error

    def _failed(self, key: str, error: OSError) -> StoreWriteError:
        problem = f"the temporary file of {key} cannot be written ({error.strerror or error})"
        return StoreWriteError(f"clip '{self.name}'", problem, "make room; finished clips are kept")


class StoredRows:
    """Rows of features of a :class:`ClipBuffer`; a slice of them is a float32 tensor ``[n, width]``.

    Attributes:
        shape: rows and width.
    """

    def __init__(self, clip: ClipBuffer, key: str) -> None:
        self._clip, self._key = clip, key
        rows, width = clip.shapes[key]
        self.shape = (rows, width)

    def __getitem__(self, rows: slice, /) -> Tensor:
        begin, end, step = rows.indices(self.shape[0])
        if step != 1:
            raise DataError(self._key, f"is read with a step of {step}", "take all rows between two")
        count, width = max(0, end - begin), self.shape[1]
        found = self._clip.read(self._key, 2 * begin * width, 2 * count * width)
        return torch.from_numpy(np.frombuffer(found, dtype="<f2").astype(np.float32).reshape(count, width))
