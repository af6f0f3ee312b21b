"""Loading of region features: DiskGraphs and BatchLoader against per-video npy files and against HDF5.

    python benchmarks/loading.py [--videos 10000] [--batches 100] [--workers 0 1 2]

Synthetic videos of 16 frames with 36 regions of 2,048 float16 numbers on disk (holes in sparse files: they cost no
room, and reading them costs what reading cached pages costs). Every loader gives float32 features of 64 videos in a
random order. The rivals load nothing but the features; ours loads boxes, scores, frames and the frame features too.

* ``npy``: a torch Dataset of ``np.load(f"{video}.npy")``, ``DataLoader`` with its own collation, float32 in the
  workers, as most published code does.
* ``npy, half``: the same, but half precision as far as the main process: the better version of it.
* ``hdf5``: one h5py dataset [V, 16, 36, 2048], opened once a worker, half precision as far as the main process.

Aim: at least twice as many batches a second as the best rival, and memory that does not grow with the batches.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch
from harness import RESULTS, write_result
from loading_files import SHAPE, make_hdf5, make_npy, make_store
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from graphvtr.tasks.loader import BatchLoader
from graphvtr.video import FeatureStore
from graphvtr.video.store import DiskGraphs

BATCH = 64


# --- rivals -----------------------------------------------------------------------------------------------------


class NpyVideos(Dataset[torch.Tensor]):
    def __init__(self, folder: Path, videos: int, half: bool) -> None:
        self.folder, self.videos, self.half = folder, videos, half

    def __len__(self) -> int:
        return self.videos

    def __getitem__(self, index: int) -> torch.Tensor:
        x = torch.from_numpy(np.load(self.folder / f"video{index}.npy"))
        return x if self.half else x.float()


class Hdf5Videos(Dataset[torch.Tensor]):
    def __init__(self, path: Path, videos: int) -> None:
        self.path, self.videos, self.file = path, videos, None

    def __len__(self) -> int:
        return self.videos

    def __getitem__(self, index: int) -> torch.Tensor:
        if self.file is None:
            self.file = h5py.File(self.path, "r")
        return torch.from_numpy(self.file["x"][index])


def rival(dataset: Dataset[torch.Tensor], order: torch.Tensor, workers: int) -> Iterator[torch.Tensor]:
    batches = [part.tolist() for part in order.split(BATCH)]
    loader = DataLoader(dataset, batch_sampler=batches, num_workers=workers)
    return (batch.float() for batch in loader)


def ours(graphs: DiskGraphs, order: torch.Tensor, workers: int) -> Iterator[torch.Tensor]:
    return (batch["region"].x for batch in BatchLoader(graphs.batch, order.split(BATCH), workers))


# --- measuring --------------------------------------------------------------------------------------------------


def held_bytes() -> int:
    """Memory of this process and its children that is no file cache: anonymous and shared pages, shared once."""
    total = 0
    for pid in (os.getpid(), *_children(os.getpid())):
        try:
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith(("Pss_Anon:", "Pss_Shmem:")):
                    total += int(line.split()[1]) * 1024
        except OSError:  # it has just ended
            continue
    return total


def _children(pid: int) -> Iterable[int]:
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            yield int(child)
            yield from _children(int(child))


def cpu_seconds() -> float:
    """Processor time of this process and its living children: other than time, it does not grow on a busy machine."""
    ticks = 0
    for pid in (os.getpid(), *_children(os.getpid())):
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


class MemoryWatch:
    """Samples :func:`held_bytes` in the background; ``peaks`` of each half of the run."""

    def __init__(self, every: float = 0.25) -> None:
        self.samples: list[tuple[float, int]] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, args=(every,), daemon=True)

    def _watch(self, every: float) -> None:
        while not self._stop.wait(every):
            self.samples.append((time.perf_counter(), held_bytes()))

    def __enter__(self) -> MemoryWatch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def halves(self, begin: float, end: float) -> tuple[int, int]:
        """Largest samples of the first and of the second half."""
        middle = (begin + end) / 2
        parts = ([m for t, m in self.samples if t <= middle], [m for t, m in self.samples if t > middle])
        return max(parts[0], default=0), max(parts[1], default=0)


def run(name: str, batches: Iterator[torch.Tensor], count: int, workers: int) -> dict[str, Any]:
    """Take ``count`` batches after a few to warm up."""
    base = held_bytes()
    for _ in range(3):
        next(batches)
    times = []
    with MemoryWatch() as memory:
        cpu = cpu_seconds()
        begin = last = time.perf_counter()
        for _ in tqdm(range(count), desc=f"{name}, {workers} workers", leave=False, disable=None):
            x = next(batches)
            assert x.numel() == BATCH * int(np.prod(SHAPE))
            assert x.dtype == torch.float32
            now = time.perf_counter()
            times.append(now - last)
            last = now
            del x
        end = time.perf_counter()
        cpu = cpu_seconds() - cpu
    first, second = memory.halves(begin, end)
    return {
        "loader": name, "workers": workers, "batches_per_second": count / (end - begin),
        "median_seconds": float(np.median(times)), "p80_seconds": float(np.quantile(times, 0.8)), "batches": count,
        "cpu_seconds_per_batch": cpu / count,
        "peak_bytes_first_half": first - base, "peak_bytes_second_half": second - base,
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--videos", type=int, default=10_000)
    parser.add_argument("--batches", type=int, default=100, help="timed for each loader and number of workers")
    parser.add_argument("--rival-batches", type=int, default=40, help="timed for each rival")
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--resume", action="store_true", help="keep what results/loading.json has")
    parser.add_argument("--folder", type=Path, default=None, help="keep the files here and use them again")
    arguments = parser.parse_args()
    videos = arguments.videos
    folder = arguments.folder or Path(tempfile.mkdtemp(prefix="loading-"))
    rows: list[dict[str, Any]] = []
    if arguments.resume and (RESULTS / "loading.json").exists():
        rows = json.loads((RESULTS / "loading.json").read_text())["rows"]
    done = {(row["loader"], row["workers"]) for row in rows}
    try:
        begin = time.perf_counter()
        if not (folder / "x.h5").exists():
            make_store(folder / "store", videos)
            make_npy(folder / "npy", videos)
            make_hdf5(folder / "x.h5", videos)
        store = FeatureStore.open(folder / "store")
        print(f"files of {videos} videos written and opened in {time.perf_counter() - begin:.0f} s")
        begin = time.perf_counter()
        DiskGraphs(store)
        print(f"index of {videos} videos read in {time.perf_counter() - begin:.2f} s")
        generator = torch.Generator().manual_seed(0)

        def order(batches: int) -> torch.Tensor:
            ahead = 3 + 4 * max(arguments.workers)  # what is prefetched at the end was so at the beginning
            needed = (batches + ahead) * BATCH
            passes = [torch.randperm(videos, generator=generator) for _ in range(-(-needed // videos))]
            return torch.cat(passes)[:needed]

        rivals = {
            "npy": NpyVideos(folder / "npy", videos, half=False),
            "npy, half": NpyVideos(folder / "npy", videos, half=True),
            "hdf5": Hdf5Videos(folder / "x.h5", videos),
        }
        for workers in arguments.workers:
            count = arguments.batches
            if ("graphvtr", workers) not in done:
                rows.append(run("graphvtr", ours(DiskGraphs(store), order(count), workers), count, workers))
            count = arguments.rival_batches
            for name, dataset in rivals.items():
                if (name, workers) not in done:
                    rows.append(run(name, rival(dataset, order(count), workers), count, workers))
            print_rows([row for row in rows if row["workers"] == workers])
            save(rows, videos)
    finally:
        if arguments.folder is None:
            shutil.rmtree(folder, ignore_errors=True)


def save(rows: list[dict[str, Any]], videos: int) -> None:
    """Write what there is, with the ratios of the best of ours to the best of all rivals."""
    (mine, my_cpu), (theirs, their_cpu) = (
        (max(row["batches_per_second"] for row in part), min(row["cpu_seconds_per_batch"] for row in part))
        for part in (
            [row for row in rows if row["loader"] == "graphvtr"],
            [row for row in rows if row["loader"] != "graphvtr"],
        )
    )
    print(f"best of ours {mine:.2f} batches/s, best of the rivals {theirs:.2f}: {mine / theirs:.2f} times; "
          f"CPU seconds a batch {my_cpu:.3f} and {their_cpu:.3f}: {their_cpu / my_cpu:.2f} times")  # fmt: skip
    write_result("loading", rows, unit="batches a second", videos=videos, batch=BATCH, shape=list(SHAPE),
                 cores=len(os.sched_getaffinity(0)), load=os.getloadavg()[0], ratio_of_bests=mine / theirs,
                 cpu_ratio_of_bests=their_cpu / my_cpu)  # fmt: skip


def print_rows(rows: list[dict[str, Any]]) -> None:
    """A table of one number of workers."""
    mine = rows[0]["batches_per_second"]
    for row in rows:
        memory = f"{row['peak_bytes_first_half'] / 2**20:6.0f} {row['peak_bytes_second_half'] / 2**20:6.0f} MiB"
        print(f"{row['workers']} workers  {row['loader']:10} {row['batches_per_second']:6.2f} batches/s  "
              f"{row['cpu_seconds_per_batch']:5.2f} CPU s  "
              f"{mine / row['batches_per_second']:5.2f}x  {memory}")  # fmt: skip


if __name__ == "__main__":
    main()
