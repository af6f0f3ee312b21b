"""The picture of ``results/loading.json``: batches a second and memory of every loader by number of workers.

python benchmarks/loading_plot.py
"""

from __future__ import annotations

import json

import matplotlib as mpl
from harness import RESULTS

mpl.use("Agg")
import matplotlib.pyplot as plt

COLOURS = {"graphvtr": "#1b6ca8", "npy": "#c2571a", "npy, half": "#e8a33d", "hdf5": "#8a8a8a"}


def main() -> None:
    content = json.loads((RESULTS / "loading.json").read_text())
    rows = content["rows"]
    workers = sorted({row["workers"] for row in rows})
    figure, axes = plt.subplots(1, 3, figsize=(11, 3.4), layout="constrained")
    panels = (
        ("batches a second", lambda row: row["batches_per_second"]),
        ("CPU seconds a batch", lambda row: row["cpu_seconds_per_batch"]),
        ("peak memory, GiB", lambda row: max(row["peak_bytes_first_half"], row["peak_bytes_second_half"]) / 2**30),
    )
    for axis, (title, value) in zip(axes, panels, strict=True):
        for place, (loader, colour) in enumerate(COLOURS.items()):
            found = {row["workers"]: value(row) for row in rows if row["loader"] == loader}
            at = [index + (place - 1.5) * 0.2 for index, count in enumerate(workers) if count in found]
            axis.bar(at, [found[count] for count in workers if count in found], 0.19, color=colour, label=loader)
        axis.set_title(title, fontsize=10, loc="left")
        axis.set_xticks(range(len(workers)), [str(count) for count in workers])
        axis.set_xlabel("workers")
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].legend(frameon=False, fontsize=8)
    figure.suptitle(
        f"{content['videos']:,} videos of 16 x 36 x 2,048 float16 regions, batches of {content['batch']}, "
        f"{content['cores']} core{'s' if content['cores'] > 1 else ''} "
        f"with load {content['load']:.0f}",
        fontsize=10,
    )
    figure.savefig(RESULTS / "loading.png", dpi=130)
    print(f"wrote {RESULTS / 'loading.png'}")


if __name__ == "__main__":
    main()
