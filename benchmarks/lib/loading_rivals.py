"""What ``loading.py`` compares: torch's ``DataLoader`` over npy files and over HDF5, and graphvtr's loader."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from graphvtr.tasks.loader import BatchLoader
from graphvtr.video import FeatureStore
from graphvtr.video.store import DiskGraphs

BATCH = 64


class NpyVideos(Dataset[torch.Tensor]):
    """``np.load(f"{video}.npy")``, in float32 or as stored."""

    def __init__(self, folder: Path, half: bool) -> None:
        self.folder, self.half = folder, half

    def __getitem__(self, index: int) -> torch.Tensor:
        x = torch.from_numpy(np.load(self.folder / f"video{index}.npy"))
        return x if self.half else x.float()


class Hdf5Videos(Dataset[torch.Tensor]):
    """One dataset [V, 16, 36, 2048], opened once in every worker."""

    def __init__(self, path: Path) -> None:
        self.path, self.file = path, None

    def __getitem__(self, index: int) -> torch.Tensor:
        if self.file is None:
            self.file = h5py.File(self.path, "r")
        return torch.from_numpy(self.file["x"][index])


@dataclass(frozen=True)
class Loader:
    """A loader under test: ``start(order, workers)`` gives batches, float32; ``files`` are those that it reads."""

    name: str
    start: Callable[[torch.Tensor, int], Iterator[torch.Tensor]]
    files: list[Path]


def loaders(folder: Path) -> list[Loader]:
    """All of them, over the files in ``folder`` (``store``, ``npy``, ``x.h5``)."""
    store = FeatureStore.open(folder / "store")

    def ours(order: torch.Tensor, workers: int) -> Iterator[torch.Tensor]:
        graphs = DiskGraphs(store)  # with no memory of an earlier run
        places = torch.tensor([position_of[int(video)] for video in order])
        return (batch["region"].x for batch in BatchLoader(graphs.batch, places.split(BATCH), workers))

    def theirs(make: Callable[[], Dataset[torch.Tensor]]) -> Callable[[torch.Tensor, int], Iterator[torch.Tensor]]:
        def start(order: torch.Tensor, workers: int) -> Iterator[torch.Tensor]:
            batches = [part.tolist() for part in order.split(BATCH)]
            loader: Iterable[torch.Tensor] = DataLoader(make(), batch_sampler=batches, num_workers=workers)
            return (batch.float() for batch in loader)

        return start

    position_of = {int(name.removeprefix("video")): place for place, name in enumerate(store.names)}
    npy = sorted((folder / "npy").iterdir())
    return [
        Loader("graphvtr", ours, sorted((folder / "store" / "shards").iterdir())),
        Loader("npy", theirs(lambda: NpyVideos(folder / "npy", half=False)), npy),
        Loader("npy, half", theirs(lambda: NpyVideos(folder / "npy", half=True)), npy),
        Loader("hdf5", theirs(lambda: Hdf5Videos(folder / "x.h5")), [folder / "x.h5"]),
    ]


def forget(files: Iterable[Path]) -> None:
    """Let the system drop what it caches of these files; clean pages go without being root."""
    for path in files:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(descriptor)
