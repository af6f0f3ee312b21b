"""Every table of the four papers: printed, and trained again by the recipes on the data it was made on.

    python benchmarks/paper_tables.py --paper hgr --table 4             # the printed numbers, and what data are needed
    python benchmarks/paper_tables.py --paper hgr --table 4 --root MSRVTT --store FEATURES --seeds 3
    python benchmarks/paper_tables.py --paper vsrnet --figure 3 --root MSRVTT --store FEATURES

Rows are trained by their shipped configuration (``benchmarks/published/recipes/`` says what of it is the paper's).
Data are looked at first: where files or features are missing, it says what to put where and trains nothing.
``--subset`` takes the videos that are there, and marks the table. Finished runs are kept; a table that was stopped goes
on. ``--small`` and ``--clips`` make a row within minutes on two cores, to see that all runs: such a table says so and
is no reproduction.
"""

from __future__ import annotations

import argparse
import logging
import sys
import time
from pathlib import Path
from textwrap import indent
from typing import Any

from benchmarks.lib.harness import write_result
from benchmarks.lib.paper_figures import FIGURES, draw
from benchmarks.lib.paper_recipes import Place
from benchmarks.lib.paper_rows import TABLES, Block
from benchmarks.lib.paper_runs import Found, Table, needed
from benchmarks.published import PAPERS, find, load, table_text
from graphvtr.errors import DataError

TRAINED = ("visern", "hgr", "vsrnet", "mcsan")


def beside(paper: str, table: str, block: Block, found: Found, seeds: int) -> str:
    """The printed rows with ours below each."""
    printed = find(paper, table=table, dataset=block.dataset, split=block.split)
    columns = list(dict.fromkeys(number.column for number in printed))
    values: dict[str, dict[str, float]] = {}
    for number in printed:
        values.setdefault(number.system, {})[number.column] = number.value
    width = max(len(system) for system in values) + 2
    wide = [max(len(column), 6) for column in columns]
    lines = [" " * width + "".join(f"  {column:>{w}}" for column, w in zip(columns, wide, strict=True))]
    for system, cells in values.items():
        lines.append(f"{system:{width}}" + _cells(cells, columns, wide) + "  printed")
        if system in found.values:
            low, high = found.intervals.get(system, (0.0, 0.0))
            end = f"  rsum [{low:.1f}, {high:.1f}]" if system in found.intervals else ""
            ours = f"ours, {seeds} seed{'s' * (seeds > 1)}" if found.seconds else "ours"
            lines.append(" " * width + _cells(found.values[system], columns, wide) + f"  {ours}{end}")
    if found.chance:
        lines.append(
            f"{'chance':{width}}" + _cells(found.chance, columns, wide) + "  random rankings of the clips here"
        )
    return "\n".join(lines)


def _cells(values: dict[str, float], columns: list[str], wide: list[int]) -> str:
    cells = (f"{values[column]:.1f}" if column in values else "-" for column in columns)
    return "".join(f"  {cell:>{w}}" for cell, w in zip(cells, wide, strict=True))


def run(paper: str, number: str, place: Place, seeds: int, only: tuple[str, ...]) -> bool:
    """Print a table, train what can be trained, and say whether all of it was there."""
    print(table_text(find(paper, table=number)))
    blocks = TABLES.get((paper, number), ())
    tables, missing = [], []
    for block in blocks:
        for row in block.rows:
            if row.why and not only:
                print(f"not trained: {row.system}, {row.why}", file=sys.stderr)
        try:
            tables.append(Table(paper, number, block, place, only))
        except DataError as error:
            missing.append(f"{block.dataset} ({place.data or block.data}): {error}")
            if place.root is None:
                missing.append(indent(needed(place.data or block.data), "    "))
                if block.test:
                    missing.append(f"{block.test}, to test on: pass --test-root and --test-store")
                    missing.append(indent(needed(block.test), "    "))
                if block.kind == "binary":
                    missing.append(f"pairs: make them with graphvtr perturb --data {block.test}, pass --pairs")
    if missing:
        print("\nNot trained, as data are missing:\n" + "\n".join(f"  {line}" for line in missing))
        return False
    rows: dict[str, Any] = {}
    for table in tables:
        if not table.recipes:
            continue
        begin = time.perf_counter()
        found = table.measure(range(seeds))
        block = table.block
        title = (
            f"{paper}, table {number}: {block.dataset}, {block.split}" if block.dataset else f"{paper}, table {number}"
        )
        marks = "; not the paper's: " + ", ".join(place.deviations) if place.deviations else ""
        print(f"\n{title}{marks}\n{beside(paper, number, block, found, seeds)}")
        for system, seconds in found.seconds.items():
            print(f"{system}: {seconds:.0f} s of training a seed")
        rows[f"{block.dataset} {block.split}"] = {
            "values": found.values,
            "rsum intervals": found.intervals,
            "chance": found.chance,
            "seconds a seed": found.seconds,
            "seconds": time.perf_counter() - begin,
        }
    if rows:
        mark = "_small" * (place.small or bool(place.clips))  # shows that a row trains; never in the place of a table
        deviations = place.deviations or ["none"]
        write_result(f"paper_{paper}_{number}{mark}", rows, seeds=seeds, deviations=deviations)
    return True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--paper", choices=sorted(PAPERS), help="one paper (default: all)")
    parser.add_argument("--table", help="one table of it (default: all)")
    parser.add_argument("--figure", help="a figure of the paper instead of a table")
    parser.add_argument("--rows", nargs="+", default=[], metavar="SYSTEM", help="only these systems, as printed")
    parser.add_argument("--root", type=Path, help="folder of the dataset's own files")
    parser.add_argument("--store", type=Path, help="its feature store")
    parser.add_argument("--data", help="train on this dataset instead of the table's")
    parser.add_argument("--test-root", type=Path, help="the same of the other dataset of a cross-dataset table")
    parser.add_argument("--test-store", type=Path)
    parser.add_argument("--pairs", type=Path, help="pairs of binary selection, of graphvtr perturb")
    parser.add_argument("--parser", help="of the captions (default: spacy)")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--subset", action="store_true", help="take the videos that are there, and mark the table")
    parser.add_argument(
        "--clips", type=int, default=0, help="training videos at most; a quarter to validate and test on"
    )
    parser.add_argument("--small", action="store_true", help="small models, two epochs, two captions a video")
    parser.add_argument("--set", nargs="+", default=[], metavar="KEY=VALUE", help="of the configuration, on top")
    parser.add_argument("--video-files", type=Path, help="folder of the clips, for the pictures of a gallery")
    parser.add_argument("--out", type=Path, default=Path("runs/figures"), help="folder of figures")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    fields = (
        "root",
        "store",
        "data",
        "test_root",
        "test_store",
        "pairs",
        "parser",
        "subset",
        "clips",
        "small",
        "video_files",
    )
    place = Place(**{name: getattr(arguments, name) for name in fields}, overrides=tuple(arguments.set))
    papers = [arguments.paper] if arguments.paper else list(TRAINED)
    if arguments.figure:
        for paper in papers:
            print(draw(paper, arguments.figure, place, arguments.out, arguments.seeds))
        return
    whole = True
    for paper in papers:
        tables = dict.fromkeys(number.table for number in load(paper))
        if arguments.table and arguments.table not in tables:
            figures = sorted(figure for of, figure in FIGURES if of == paper)
            raise SystemExit(f"{paper} has the tables {', '.join(tables)} and the figures {', '.join(figures)}")
        for number in [arguments.table] if arguments.table else tables:
            whole &= run(paper, number, place, arguments.seeds, tuple(arguments.rows))
    if not whole and place.root is not None:
        raise SystemExit(2)


if __name__ == "__main__":
    main()
