"""Synthetic region features on disk for ``loading.py``: a feature store, npy files and an HDF5 file, all of holes."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from graphvtr.video import FeatureStore
from graphvtr.video.store.files import FORMAT

FRAMES, REGIONS, WIDTH = 16, 36, 2048
SHAPE = (FRAMES, REGIONS, WIDTH)
NPY_HEADER = 128


def make_store(path: Path, videos: int, a_shard: int = 50) -> FeatureStore:
    """A feature store whose features are holes; boxes, scores, frames and times are there."""
    store = FeatureStore.create(path, {"frame_x": WIDTH, "region_x": WIDTH})
    (path / "shards").mkdir()
    rows = FRAMES * REGIONS
    small = {
        "frame_time": np.arange(FRAMES, dtype=np.float32),
        "region_box": np.tile(np.array([0.1, 0.1, 0.5, 0.5], dtype=np.float32), (rows, 1)),
        "region_score": np.ones(rows, dtype=np.float32),
        "region_frame": np.repeat(np.arange(FRAMES, dtype=np.int32), REGIONS),
    }
    shapes = {"frame_x": [FRAMES, WIDTH], "region_x": [rows, WIDTH]} | {k: list(v.shape) for k, v in small.items()}
    kinds = {"frame_x": "F16", "region_x": "F16", "region_frame": "I32"}
    for number, begin in enumerate(range(0, videos, a_shard)):
        names = [f"video{index}" for index in range(begin, min(begin + a_shard, videos))]
        entries = [{"name": name, "shapes": shapes, "crc32": 0, "source": {}, "note": ""} for name in names]
        header: dict[str, Any] = {"__metadata__": {"format": FORMAT, "clips": json.dumps(entries)}}
        writes, end = [], 0
        for name in names:
            for key, shape in shapes.items():
                size = int(np.prod(shape)) * (2 if key in ("frame_x", "region_x") else 4)
                header[f"{name}/{key}"] = {
                    "dtype": kinds.get(key, "F32"),
                    "shape": shape,
                    "data_offsets": [end, end + size],
                }
                if key in small:
                    writes.append((end, small[key].tobytes()))
                end += size
        text = json.dumps(header).encode()
        with (path / "shards" / f"shard-{number + 1:06d}-0.safetensors").open("wb") as file:
            file.write(struct.pack("<Q", len(text)) + text)
            for place, data in writes:
                file.seek(8 + len(text) + place)
                file.write(data)
            file.truncate(8 + len(text) + end)
    store.refresh()
    return store


def make_npy(folder: Path, videos: int) -> None:
    """``video0.npy`` and so on."""
    folder.mkdir()
    head = b"\x93NUMPY\x01\x00" + struct.pack("<H", NPY_HEADER - 10)
    head += repr({"descr": "<f2", "fortran_order": False, "shape": SHAPE}).encode().ljust(NPY_HEADER - 11) + b"\n"
    for index in range(videos):
        with (folder / f"video{index}.npy").open("wb") as file:
            file.write(head)
            file.truncate(NPY_HEADER + int(np.prod(SHAPE)) * 2)


def make_hdf5(path: Path, videos: int) -> None:
    """One dataset [V, 16, 36, 2048], its room in the file set aside and not written."""
    with h5py.File(path, "w", libver="latest") as file:
        plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plist.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
        plist.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
        space = h5py.h5s.create_simple((videos, *SHAPE))
        h5py.h5d.create(file.id, b"x", h5py.h5t.IEEE_F16LE, space, plist)
