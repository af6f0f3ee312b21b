"""Safetensors files whose changed bits are noticed."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from graphvtr.atomic import write_tensors
from graphvtr.errors import DataError
from graphvtr.tensor_files import SUM, crc32, read_tensors

TENSORS = {"x": torch.tensor([[0.5, -1.5]]), "ids": torch.tensor([3, 1]), "none": torch.zeros(0, 4)}
METADATA = {"format": "test/1"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write_tensors(tmp_path / "a.safetensors", TENSORS, {**METADATA, SUM: crc32(TENSORS, METADATA)})
    return tmp_path / "a.safetensors"


def test_what_is_written_is_read(path: Path) -> None:
    tensors, metadata = read_tensors(path)
    assert metadata == METADATA
    assert tensors.keys() == TENSORS.keys()
    assert all(torch.equal(tensors[name], TENSORS[name]) for name in TENSORS)


def test_no_changed_bit_changes_what_is_read(path: Path) -> None:
    whole, refused = path.read_bytes(), 0
    for place in range(0, 8 * len(whole), 3):
        damaged = bytearray(whole)
        damaged[place // 8] ^= 1 << place % 8
        path.write_bytes(damaged)
        try:
            tensors, _ = read_tensors(path)
        except DataError:
            refused += 1
            continue
        assert all(torch.equal(tensors[name], TENSORS[name]) for name in TENSORS)  # of the checksum's own name
    assert refused > 0.9 * 8 * len(whole) / 3


def test_files_without_a_checksum_and_without_anything(tmp_path: Path) -> None:
    write_tensors(tmp_path / "old.safetensors", TENSORS)
    assert read_tensors(tmp_path / "old.safetensors")[1] == {}
    with pytest.raises(DataError, match=r"none\.safetensors: no such file"):
        read_tensors(tmp_path / "none.safetensors")
    (tmp_path / "none.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0no header")
    with pytest.raises(DataError, match=r"is damaged: .*\(copy it again\)"):
        read_tensors(tmp_path / "none.safetensors", "copy it again")
