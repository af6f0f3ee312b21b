"""Arrays that grow on disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from graphvtr.errors import DataError
from graphvtr.search.index.arrays import ArrayWriter, read_array, rows_of


@pytest.mark.parametrize("sizes", [[3, 0, 4], [0], [1], []])
@pytest.mark.parametrize("shape", [(), (2,), (2, 3)])
def test_reads_back(sizes: list[int], shape: tuple[int, ...], tmp_path: Path) -> None:
    parts = [np.random.default_rng(size).normal(size=(size, *shape)).astype(np.float32) for size in sizes]
    with ArrayWriter(tmp_path / "x.npy") as file:
        for part in parts:
            file.append(part)
    found = read_array(tmp_path / "x.npy")
    if parts:
        assert np.array_equal(found, np.concatenate(parts))
        assert found.shape[1:] == shape
    assert np.array_equal(found, np.load(tmp_path / "x.npy"))


def test_rows_of_another_shape_or_type_are_refused(tmp_path: Path) -> None:
    with ArrayWriter(tmp_path / "x.npy") as file:
        file.append(np.zeros((1, 2), np.float32))
        with pytest.raises(DataError, match="takes rows"):
            file.append(np.zeros((1, 3), np.float32))
        with pytest.raises(DataError, match="takes rows"):
            file.append(np.zeros((1, 2), np.int64))


def test_damaged_files_are_named(tmp_path: Path) -> None:
    np.save(tmp_path / "objects.npy", np.array([{}], dtype=object), allow_pickle=True)
    (tmp_path / "short.npy").write_bytes(b"\x93NUMPY\x01")
    for name in ("objects.npy", "short.npy"):
        with pytest.raises(DataError, match=name):
            read_array(tmp_path / name)
    with pytest.raises(FileNotFoundError):
        read_array(tmp_path / "absent.npy")


def test_ragged_rows() -> None:
    rows, begin = rows_of(np.array([0, 2, 2, 5]), [2, 0, 1, 2])
    assert rows.tolist() == [2, 3, 4, 0, 1, 2, 3, 4]
    assert begin.tolist() == [0, 3, 5, 5, 8]
