"""Learning curves on MSR-VTT: test rsum over the number of training videos. When do graphs start to pay?"""

from __future__ import annotations

import argparse
from typing import Any

from benchmarks.lib import msrvtt
from benchmarks.lib.harness import write_result
from benchmarks.lib.msrvtt_ridges import ridges
from benchmarks.lib.msrvtt_rows import all_rows
from benchmarks.lib.paths import RESULTS
from benchmarks.lib.trial import wanted

REGIONS = ("ViSERN no_reasoning", "ViSERN random_walk, dot", "VSR-Net VG", "VSR-Net VG+VR_s")
"""Of the rows that read regions those that differ in their graph."""
PANELS = {words: f"words from {name}" for words, name in msrvtt.WORDS.items()}
STYLES: dict[str, dict[str, Any]] = {
    "GraphVTR": {"color": "C3", "linewidth": 2.5},
    "HGR": {"color": "C0"},
    "VSE": {"color": "C1"},
    "VSE++": {"color": "C5"},
    "Dual Encoding": {"color": "C2"},
    "MCSAN": {"color": "C4"},
    "HANet": {"color": "C6"},
    "ViSERN no_reasoning": {"color": "C8", "marker": "s", "markerfacecolor": "white"},
    "ViSERN random_walk, dot": {"color": "C8", "marker": "s"},
    "VSR-Net VG": {"color": "C9", "marker": "^", "markerfacecolor": "white"},
    "VSR-Net VG+VR_s": {"color": "C9", "marker": "^"},
}
"""Of the trained rows; the markers of those without their graph are hollow."""
Line = dict[int, dict[str, Any]]
"""Training videos -> rsum with its interval."""


def run(arguments: argparse.Namespace) -> None:
    """Train what is missing, and write the curves of what is there: on frames and on regions.

    A row has the settings of the whole study, and its epoch is chosen on validation at every size. Closed forms are
    solved on the training videos alone.

    Args:
        arguments: of the command ``msrvtt_real.py``.
    """
    found: dict[str, Line] = {}
    for regions in (False, True):
        _part(arguments, found, regions)
    if not arguments.quick:
        _write(found, arguments)
    for name, line in found.items():
        print(f"{name:32}", *(f"{videos}: {one['mean']:.1f}" for videos, one in line.items()))


def _part(arguments: argparse.Namespace, found: dict[str, Line], regions: bool) -> None:
    detector = arguments.detector if regions else None
    path, study = msrvtt.store(detector), msrvtt.study(detector, arguments.quick)
    whole = msrvtt.size_of(arguments)
    every = msrvtt.splits(path, **whole)
    rows = {words: all_rows(words, regions, arguments.quick) for words in arguments.words}
    for words, row in rows.items():
        if not arguments.quick:
            best = msrvtt.chosen(msrvtt.trials(study, every, path, words, **whole), row, arguments.tune)
            row |= {name: one.trial for name, one in best.items()}
        rows[words] = {name: trial for name, trial in row.items() if not regions or name in REGIONS}
    seeds = range(1 if arguments.quick else arguments.seeds)
    for videos in arguments.curve:
        less = videos < len(every["train"].videos)
        size = {**whole, "videos": videos, "val_captions": msrvtt.FEW} if less else whole
        splits = msrvtt.splits(path, **size) if less else every
        if not regions:
            for name, runs in ridges(msrvtt.trials(study, splits, path, "minilm", **size), refit=False).items():
                found.setdefault(name, {})[videos] = runs.summary()["rsum"]
        for words, row in rows.items():
            trials = msrvtt.trials(study, splits, path, words, **size)
            missing = wanted(row, arguments) if arguments.regions == regions else []
            trials.train_missing(missing, seeds, lambda: None)
            for name, trial in row.items():
                if there := trials.finished(trial, seeds):
                    one = trials.runs(trial, there).summary()["rsum"]
                    found.setdefault(f"{name}, {msrvtt.WORDS[words]}", {})[videos] = one
        if not arguments.quick:
            _write(found, arguments)


def _write(found: dict[str, Line], arguments: argparse.Namespace) -> None:
    write_result("msrvtt_curves", found, note=msrvtt.note_of(arguments))
    draw(found)


def draw(found: dict[str, Line]) -> None:
    """A line a row, a panel a kind of words; closed forms are dashed and stand in the panel of what they read."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, len(PANELS), figsize=(13, 5.5), layout="constrained", sharey=True)
    for ax, (words, title) in zip(axes, PANELS.items(), strict=True):
        label = f", {msrvtt.WORDS[words]}"
        lines = {name.removesuffix(label): row for name, row in found.items() if name.endswith(label)}
        ends = {name: row[max(row)]["mean"] for name, row in lines.items()}
        for name in sorted(lines, key=lambda name: -ends[name]):
            row, closed = lines[name], name not in STYLES
            sizes = sorted(row)
            means = [row[size]["mean"] for size in sizes]
            low, high = ([abs(row[size]["interval"][side] - row[size]["mean"]) for size in sizes] for side in (0, 1))
            style = {"linestyle": ":" if name.startswith("ridge") else "--", "color": "0.3"} if closed else STYLES[name]
            ax.errorbar(sizes, means, yerr=[low, high], markersize=5, capsize=2, label=name, **{"marker": "o", **style})
        ax.set_xscale("log")
        ticks = sorted({size for row in lines.values() for size in row})
        ax.set_xticks(ticks, [f"{size:,}" for size in ticks])
        ax.minorticks_off()
        ax.set_xlabel("training videos")
        ax.set_title(title)
        ax.grid(alpha=0.3)
        ax.legend(fontsize=8, loc="upper left")
    axes[0].set_ylabel("rsum on 1,032 test videos, 95 % over seeds and videos")
    figure.savefig(RESULTS / "msrvtt_curves.png", dpi=110)
    plt.close(figure)
