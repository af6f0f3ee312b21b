from __future__ import annotations

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.numpy import load_file

from graphvtr.video.store.tensor_file import write_tensor_file

ARRAYS = {
    "a/half": np.arange(6, dtype=np.float16).reshape(3, 2),
    "b/single": np.arange(5, dtype=np.float32),
    "ä 語/number": np.array([[-7]], dtype=np.int32),
    "c/nothing": np.empty((0, 4), np.float16),
}


def tensors(arrays):
    return {
        name: (torch.from_numpy(array).dtype, array.shape, lambda array=array: [row.tobytes() for row in array])
        for name, array in arrays.items()
    }


def test_the_library_reads_it(tmp_path):
    write_tensor_file(tmp_path / "f", tensors(ARRAYS), {"format": "mine"})
    found = load_file(tmp_path / "f")
    assert found.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)
    with safe_open(tmp_path / "f", framework="np") as file:
        assert file.metadata() == {"format": "mine"}


def test_places_fit_their_types(tmp_path):
    import json
    import struct

    write_tensor_file(tmp_path / "f", tensors({"x": np.zeros(1, np.float16), "y": np.zeros(3, np.float32)}), {})
    content = (tmp_path / "f").read_bytes()
    (size,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + size])
    assert size % 8 == 0
    assert header["y"]["data_offsets"] == [0, 12]
    assert header["x"]["data_offsets"] == [12, 14]


@pytest.mark.parametrize("pieces", [[b"12"], [b"1234", b"56"]])
def test_too_few_or_many_bytes(tmp_path, pieces):
    with pytest.raises(ValueError, match=r"x: \d bytes for torch\.float32"):
        write_tensor_file(tmp_path / "f", {"x": (torch.float32, [1], lambda: pieces)}, {})
