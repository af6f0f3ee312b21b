"""HDF5 files that lead elsewhere, or claim what is not there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.lib.hostile.case import Reader, case


def _hdf5(name: str, write: Callable[[Any, Any, Path], object]) -> None:
    @case(f"HDF5, {name}")
    def make(folder: Path) -> Reader:
        import h5py

        from graphvtr.video.store.convert import to_store

        with h5py.File(folder / "a.h5", "w") as file:
            write(h5py, file, folder)
        return lambda: to_store(folder / "a.h5", folder / "out", "hgr-hdf5")


def _virtual(h5py: Any, file: Any, folder: Path) -> None:
    layout = h5py.VirtualLayout((5, 4), "f4")
    layout[:] = h5py.VirtualSource(str(folder / "none.h5"), "x", (5, 4))
    file.create_virtual_dataset("clip", layout)


_hdf5(
    "data in another file",
    lambda h5py, file, folder: file.create_dataset("clip", (4, 4), "f4", external=[("/etc/passwd", 0, 64)]),
)
_hdf5("a virtual dataset without source", _virtual)
_hdf5("a soft link to nothing", lambda h5py, file, folder: file.__setitem__("clip", h5py.SoftLink("/none")))
_hdf5(
    "a link to another file",
    lambda h5py, file, folder: file.__setitem__("clip", h5py.ExternalLink("/etc/passwd", "/x")),
)
_hdf5(
    "a shape of 373 GB", lambda h5py, file, folder: file.create_dataset("clip", (10**5, 10**6), "f4", chunks=(64, 64))
)
_hdf5("data never written", lambda h5py, file, folder: file.create_dataset("clip", (5, 4), "f4"))
_hdf5(
    "groups with several datasets",
    lambda h5py, file, folder: [
        file.create_dataset(f"v_{video}/{kind}", data=np.ones((3, 4), "f4"))
        for video in "ab"
        for kind in ("c3d", "rgb")
    ],
)
