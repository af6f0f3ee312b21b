"""The picture of ``results/loading.json``: speed, processor time and memory of every loader by number of workers."""

from __future__ import annotations

import json

import matplotlib as mpl

from benchmarks.lib.harness import RESULTS

mpl.use("Agg")
import matplotlib.pyplot as plt

COLOURS = {"graphvtr": "#1b6ca8", "npy": "#c2571a", "npy, half": "#e8a33d", "hdf5": "#8a8a8a"}
TITLES = {"first read": "first read of every video", "cached": "videos in the system's cache"}
PANELS = (
    ("batches a second", lambda row: row["batches_per_second"]),
    ("CPU seconds a batch", lambda row: row["cpu_seconds_per_batch"]),
    ("peak memory, GiB", lambda row: max(row["peak_bytes_first_half"], row["peak_bytes_second_half"]) / 2**30),
)


def draw() -> None:
    """Draw what the file holds."""
    content = json.loads((RESULTS / "loading.json").read_text())
    rows = content["rows"]
    workers = sorted({row["workers"] for row in rows})
    figure, axes = plt.subplots(2, 3, figsize=(11, 6), layout="constrained", sharex=True, sharey="col")
    for regime, line in zip(TITLES, axes, strict=True):
        for axis, (title, value) in zip(line, PANELS, strict=True):
            for place, (loader, colour) in enumerate(COLOURS.items()):
                found = {row["workers"]: row for row in rows if (row["loader"], row["regime"]) == (loader, regime)}
                at = [index + (place - 1.5) * 0.2 for index in range(len(workers))]
                heights = [value(found[count]) for count in workers]
                axis.bar(at, heights, 0.19, color=colour, label=loader)
                if axis is line[0]:
                    ends = [[found[c]["slowest_round"] for c in workers], [found[c]["quickest_round"] for c in workers]]
                    axis.vlines(at, *ends, color="black", linewidth=0.8)
            axis.set_title(title if axis is not line[0] else f"{title}: {TITLES[regime]}", fontsize=10, loc="left")
            axis.spines[["top", "right"]].set_visible(False)
            axis.tick_params(labelleft=True)
    for axis in axes[1]:
        axis.set_xticks(range(len(workers)), [str(count) for count in workers])
        axis.set_xlabel("workers")
    axes[0, 0].legend(frameon=False, fontsize=8, loc="upper left")
    figure.suptitle(
        f"{content['videos']:,} videos of 16 x 36 x 2,048 float16 regions, batches of {content['batch']}, "
        f"{content['cores']} cores; lines: slowest and quickest of {rows[0]['rounds']} rounds",
        fontsize=10,
    )
    figure.savefig(RESULTS / "loading.png", dpi=130)
    print(f"wrote {RESULTS / 'loading.png'}")
