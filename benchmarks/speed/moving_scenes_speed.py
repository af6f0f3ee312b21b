"""How long MovingScenes takes to make, in one process and in two, and to read from its cache.

    python benchmarks/speed/moving_scenes_speed.py

Aim: 2,000 clips in under two minutes on two cores.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

from benchmarks.lib.harness import measure, write_result
from graphvtr.datasets.moving_scenes import SPLITS, MovingScenes


def make_all(root: Path, num_clips: int, workers: int) -> None:
    """Make every split below ``root``."""
    for split in SPLITS:
        MovingScenes(root, split, num_clips=num_clips, workers=workers, progress=False)


def spent() -> tuple[float, float]:
    """Wall-clock and processor seconds so far, those of finished child processes included."""
    times = os.times()
    return time.perf_counter(), times.user + times.system + times.children_user + times.children_system


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--num-clips", type=int, default=2000)
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 2])
    arguments = parser.parse_args()
    rows = []
    for workers in arguments.workers:
        with tempfile.TemporaryDirectory() as folder:
            root, load = Path(folder), os.getloadavg()[0]
            wall, processor = spent()
            make_all(root, arguments.num_clips, workers)
            wall, processor = (after - before for after, before in zip(spent(), (wall, processor), strict=True))
            size = sum(path.stat().st_size for path in root.rglob("*") if path.is_file())
            loaded = measure(lambda root=root: MovingScenes(root, "train", num_clips=arguments.num_clips), min_calls=3)
        row = {
            "clips": arguments.num_clips,
            "workers": workers,
            "seconds": round(wall, 2),
            "processor_seconds": round(processor, 2),
            "megabytes_on_disk": round(size / 2**20, 1),
            "load_train_seconds": loaded,
            "machine_load_before": round(load, 2),
        }
        print(
            f"{row['clips']} clips, {workers} workers: {wall:.1f} s ({processor:.1f} s of processor time), "
            f"{row['megabytes_on_disk']} MB, train read in {loaded.median:.2f} s, load {load:.1f}"
        )
        rows.append(row)
    write_result("moving_scenes_speed", rows, aim="2,000 clips in under 120 s on two cores", cores=os.cpu_count())


if __name__ == "__main__":
    main()
