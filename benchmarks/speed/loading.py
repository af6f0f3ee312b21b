"""Loading of region features: DiskGraphs and BatchLoader against per-video npy files and against HDF5.

    python benchmarks/speed/loading.py [--videos 10000] [--batches 40] [--rounds 3] [--workers 0 1 2]

Synthetic videos of 16 frames with 36 regions of 2,048 float16 numbers on disk (holes in sparse files: they cost no
room, and no disk is waited for). Every loader gives float32 features of batches of 64 videos: the same batches, in the
same order. The rivals load nothing but the features; ours loads boxes, scores, frames and the frame features too.

* ``npy``: a torch Dataset of ``np.load(f"{video}.npy")``, ``DataLoader`` with its own collation, float32 in the
  workers, as most published code does.
* ``npy, half``: the same, but half precision as far as the main process: the better version of it.
* ``hdf5``: one h5py dataset [V, 16, 36, 2048], opened once a worker, half precision as far as the main process.

Two regimes: ``first read``: the loader's files are dropped from the system's cache before the run, and no video comes
twice; ``cached``: a tenth of the videos, read once before the run. Batches are counted when they are handed over and
not looked at, which favours the rivals: their workers hand over shared memory that is not yet mapped.

Every run is repeated in several rounds, medians are reported. Aim: at least twice the batches a second of the best
rival with as many workers, and memory that does not grow with the batches.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from benchmarks.lib.harness import RESULTS, write_result
from benchmarks.lib.loading_files import SHAPE, make_hdf5, make_npy, make_store
from benchmarks.lib.loading_measure import MemoryWatch, held_bytes, touch_memory, usage
from benchmarks.lib.loading_rivals import BATCH, Loader, forget, loaders

WARMUP = 3
REGIMES = ("first read", "cached")
SAME = ("loader", "regime", "workers")


def run(batches: Iterator[torch.Tensor], count: int, title: str) -> dict[str, Any]:
    """Take ``count`` batches after a few to warm up."""
    base = held_bytes()
    for _ in range(WARMUP):
        next(batches)
    times = []
    with MemoryWatch() as memory:
        before = usage()
        begin = last = time.perf_counter()
        for _ in tqdm(range(count), title, leave=False, disable=None):
            x = next(batches)
            assert x.numel() == BATCH * int(np.prod(SHAPE))
            assert x.dtype == torch.float32
            now = time.perf_counter()
            times.append(now - last)
            last = now
            del x
        end = time.perf_counter()
        after = usage()
    first, second = memory.halves(begin, end)
    return {
        "batches_per_second": count / (end - begin),
        "median_seconds": float(np.median(times)),
        "batches": count,
        "cpu_seconds_per_batch": (after.cpu - before.cpu) / count,
        "page_faults_per_batch": (after.faults - before.faults) / count,
        "peak_bytes_first_half": first - base,
        "peak_bytes_second_half": second - base,
    }


def orders(videos: int, needed: int, regime: str, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The videos to read before a run, and those of its batches."""
    generator = torch.Generator().manual_seed(seed)
    every = torch.randperm(videos, generator=generator)
    if regime == "first read":
        if needed > videos:
            raise SystemExit(f"{needed:,} videos are needed for a first read of each: give --videos or fewer --batches")
        return every[:0], every[:needed]
    few = every[: max(videos // 10, BATCH)]
    passes = [few[torch.randperm(len(few), generator=generator)] for _ in range(-(-needed // len(few)))]
    return few, torch.cat(passes)[:needed]


def measure(loader: Loader, regime: str, workers: int, videos: int, batches: int, ahead: int, seed: int) -> Any:
    """One run."""
    before, order = orders(videos, (WARMUP + batches + ahead) * BATCH, regime, seed)
    forget(loader.files)
    if len(before):
        for _ in loader.start(before, 0):
            pass
    title = f"{regime}, {workers} workers, {loader.name}"
    row = run(loader.start(order, workers), batches, title)
    forget(loader.files)  # room for the next one
    return dict(zip(SAME, (loader.name, regime, workers), strict=True)) | {"round": seed} | row


def medians(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One row for loader, regime and workers: medians over the rounds, with the slowest and the quickest."""
    rows = []
    for key in dict.fromkeys(tuple(each[name] for name in SAME) for each in runs):
        mine = [each for each in runs if tuple(each[name] for name in SAME) == key]
        row: dict[str, Any] = dict(zip(SAME, key, strict=True))
        for name in mine[0].keys() - {*SAME, "round"}:
            choose = max if name.startswith("peak") else statistics.median
            row[name] = choose(each[name] for each in mine)
        speeds = [each["batches_per_second"] for each in mine]
        rows.append(row | {"slowest_round": min(speeds), "quickest_round": max(speeds), "rounds": len(mine)})
    return rows


def ratios(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Ours to every rival with as many workers, by batches a second and by processor time."""

    def ratio(row: dict[str, Any], ours: dict[str, Any]) -> dict[str, Any]:
        return {
            "regime": row["regime"],
            "workers": row["workers"],
            "rival": row["loader"],
            "batches_per_second": ours["batches_per_second"] / row["batches_per_second"],
            "cpu": row["cpu_seconds_per_batch"] / ours["cpu_seconds_per_batch"],
        }

    mine = {(row["regime"], row["workers"]): row for row in rows if row["loader"] == "graphvtr"}
    return [ratio(row, mine[row["regime"], row["workers"]]) for row in rows if row["loader"] != "graphvtr"]


def save(runs: list[dict[str, Any]], videos: int) -> None:
    """Write what there is."""
    rows = medians(runs)
    write_result(
        "loading",
        rows,
        unit="batches a second",
        videos=videos,
        batch=BATCH,
        shape=list(SHAPE),
        cores=len(os.sched_getaffinity(0)),
        ratios=ratios(rows),
        runs=runs,
    )


def print_table(runs: list[dict[str, Any]]) -> None:
    """Every row, and how many times as quick ours is with as many workers."""
    rows = medians(runs)
    found = {(each["regime"], each["workers"], each["rival"]): each for each in ratios(rows)}
    for row in sorted(rows, key=lambda row: (REGIMES.index(row["regime"]), row["workers"])):
        ratio = found.get((row["regime"], row["workers"], row["loader"]))
        speed = f"{row['batches_per_second']:6.2f} batches/s [{row['slowest_round']:.2f}, {row['quickest_round']:.2f}]"
        memory = f"{row['peak_bytes_first_half'] / 2**20:6.0f} {row['peak_bytes_second_half'] / 2**20:6.0f} MiB"
        cost = f"{row['cpu_seconds_per_batch']:6.3f} CPU s {row['page_faults_per_batch']:9,.0f} page faults"
        times = f"ours {ratio['batches_per_second']:.2f} x" if ratio else ""
        print(f"{row['regime']:10}  {row['workers']} workers  {row['loader']:10} {speed}  {cost}  {memory}  {times}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--videos", type=int, default=10_000)
    parser.add_argument("--batches", type=int, default=40, help="timed in every run")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--resume", action="store_true", help="keep the runs that results/loading.json has")
    parser.add_argument("--folder", type=Path, default=None, help="keep the files here and use them again")
    arguments = parser.parse_args()
    folder = arguments.folder or Path(tempfile.mkdtemp(prefix="loading-"))
    runs: list[dict[str, Any]] = []
    if arguments.resume and (RESULTS / "loading.json").exists():
        runs = json.loads((RESULTS / "loading.json").read_text())["runs"]
    done = {(*(each[name] for name in SAME), each["round"]) for each in runs}
    try:
        if not (folder / "x.h5").exists():
            make_store(folder / "store", arguments.videos)
            make_npy(folder / "npy", arguments.videos)
            make_hdf5(folder / "x.h5", arguments.videos)
        ahead = 1 + 2 * max(arguments.workers)  # what is read ahead at the end was so at the beginning
        size = (WARMUP + arguments.batches + ahead) * BATCH * int(np.prod(SHAPE)) * 2
        print(f"memory of {size / 2**30:.1f} GiB touched in {touch_memory(size + 2**31):.0f} s")
        every = loaders(folder)
        for seed in range(arguments.rounds):
            for regime in REGIMES:
                for workers in arguments.workers:
                    for loader in every[seed:] + every[:seed]:  # nobody is always first
                        if (loader.name, regime, workers, seed) not in done:
                            runs.append(
                                measure(loader, regime, workers, arguments.videos, arguments.batches, ahead, seed)
                            )
            save(runs, arguments.videos)
        print_table(runs)
        from benchmarks.lib.loading_plot import draw  # not before: matplotlib would count as a loader's memory

        draw()
    finally:
        if arguments.folder is None:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
