"""Where GraphVTR stands on the MSR-VTT subset: beside the four papers' models, ridge regression and chance."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.lib.graphvtr_msrvtt import FULL, NEGATIVES
from benchmarks.lib.paths import COMMITTED

OTHERS = ("msrvtt_real.json", "msrvtt_real_yolox_nano.json")
WORDS = ", MiniLM"
"""All rows of the figure read alike."""
COLOURS = {"GraphVTR": "#D55E00", "other models": "#0072B2", "closed forms": "#777777"}


def standings(folder: Path = COMMITTED) -> dict[str, dict[str, Any]]:
    """rsum and ``kind`` of every row that is measured so far, the best first.

    Args:
        folder: of the result files; those of the papers' models may be missing.
    """
    rows = _rows(folder / "flagship.json")
    ours = {FULL.name: FULL.name, NEGATIVES: f"{FULL.name}, {NEGATIVES}"}
    found = {ours[name]: (rows[name], "GraphVTR") for name in ours if name in rows}
    found |= {
        name: (row, "closed forms") for name, row in rows.items() if name.startswith(("chance", "ridge", "canon"))
    }
    for name in OTHERS:
        others = _rows(folder / name) if (folder / name).is_file() else {}
        trained = {name: row for name, row in others.items() if name.endswith(WORDS) and name not in rows}
        for name, row in trained.items():
            if not name.startswith(FULL.name):
                found[name.removesuffix(WORDS)] = (row, "other models")
    made = {name: {**row["rsum"], "kind": kind} for name, (row, kind) in found.items()}
    return dict(sorted(made.items(), key=lambda item: -item[1]["mean"]))


def _rows(path: Path) -> dict[str, Any]:
    rows: dict[str, Any] = json.loads(path.read_text())["rows"]["rows"]
    return rows


def draw(found: dict[str, dict[str, Any]], path: Path) -> None:
    """A line a row of :func:`standings`: its mean, its seeds, its interval."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, ax = plt.subplots(figsize=(7.5, 1.2 + 0.3 * len(found)), layout="constrained")
    for place, row in enumerate(reversed(found.values())):
        colour = COLOURS[row["kind"]]
        ax.plot(row["interval"], [place, place], color=colour, linewidth=1.5)
        ax.plot(row["seeds"], [place] * len(row["seeds"]), "|", color=colour, markersize=9)
        ax.plot(row["mean"], place, "o", color=colour)
        ax.annotate(f"{row['mean']:.0f}", (row["interval"][1], place), (5, -3), textcoords="offset points", fontsize=8)
    for kind in dict.fromkeys(row["kind"] for row in found.values()):
        ax.plot([], [], "o-", color=COLOURS[kind], label=kind)
    ax.set_yticks(range(len(found)), list(reversed(found)))
    ax.set_xlim(0, 1.1 * max(row["interval"][1] for row in found.values()))
    ax.set_xlabel(
        "rsum on 1,032 test videos of the MSR-VTT subset: mean, seeds (|), 95 % over seeds and videos;\n"
        "words: frozen MiniLM, but for ridge regression from GloVe vectors and from bags",
        fontsize=8,
    )
    ax.grid(axis="x", alpha=0.3)
    ax.legend(loc="lower right", fontsize=8)
    figure.savefig(path, dpi=130)
    plt.close(figure)
