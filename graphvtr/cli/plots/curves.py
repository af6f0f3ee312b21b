"""``graphvtr plot curves RUN ... --out FILE``: training curves of runs."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from graphvtr.cli.plots.output import add_kind, check_out, use_files, write_figure


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add the kind."""
    parser = add_kind(
        subparsers,
        "curves",
        run,
        help="training curves of runs",
        description="A value by epoch, a line a run; the best is ringed, and what guessing gives is dotted.",
    )
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="folder of a run of graphvtr train")
    parser.add_argument("--value", default="val/rsum", help="what to draw, as logged (default: val/rsum)")


def run(args: argparse.Namespace) -> int:
    """Read and draw."""
    from graphvtr.errors import DataError
    from graphvtr.plot import plot_curves
    from graphvtr.tasks.curves import read_curves

    check_out(args.out)
    use_files()
    curves = {}
    chance: set[float] = set()
    for folder in args.runs:
        found = read_curves(folder)
        if args.value not in found:
            raise DataError(f"{folder}: '{args.value}'", "was not logged", f"known: {', '.join(sorted(found))}")
        curves[str(folder)] = found[args.value]
        if args.value.startswith("val/"):
            guessed = found.get(args.value.replace("val/", "chance/"), ())
            chance |= {round(value, 6) for value in guessed[-1:]}
    best = "min" if "loss" in args.value or args.value.endswith(("MedR", "MnR")) else "max"
    ax = plot_curves(
        curves,
        ylabel=args.value,
        best=None if args.value == "lr" else best,
        chance=chance.pop() if len(chance) == 1 else None,  # runs on different splits have no one line
    )
    write_figure(ax.figure, args.out, args.dpi)
    return 0
