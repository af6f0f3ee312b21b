"""Every table of the four papers and of a public leaderboard as data, so that a benchmark prints theirs beside ours.

    python benchmarks/published                             # all tables
    python benchmarks/published visern --dataset MSR-VTT    # one paper, one dataset

One CSV file a paper, one line a printed number, as printed: the table, the system (names spelled alike in all
papers), dataset, split, direction (``t2v`` text to video, ``v2t`` video to text, empty for both), metric, value.
A dash in a table is no line.

>>> find("visern", table="3", system="ViSERN", metric="rsum")[0].value
151.1
>>> print(table_text(find("visern", dataset="MSVD", system="ViSERN")))
visern, table 2: MSVD, test
          t2v                            v2t
          R@1   R@5  R@10  MedR   MnR    R@1   R@5  R@10  MedR   MnR   rsum
ViSERN   18.1  48.4  61.3     6  28.6   24.3  46.2  59.5     7  34.6  257.8

``recipes/`` holds one table a system: every detail of a training as the paper gives it, its section, and ours.

Four things to know before numbers are compared. ``MnR`` in ViSERN's paper is the mean over all correct items, in
HGR's the mean of the rank of correct items in general; ``graphvtr.metrics`` has both. VSR-Net's table 1 is from the
9k training split of MSR-VTT 1k-A. The leaderboard has HGR at 11.1 on MSR-VTT's official split where its paper prints
9.2, and one cell that cannot be read. And some printed sums differ from the sum of the printed recalls, see
:func:`uneven_sums`: ViSERN's by 0.9, its Dual Encoding row on MSVD by 2.4, all four rows of MCSAN's ablation by up to
7.2, MCSAN's own rows on MSR-VTT and VATEX (411.8 printed for 414.4) and HSL's.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from benchmarks.lib.tables import WIDTH, parts

PAPERS = {
    "hgr": "Chen et al., Fine-grained Video-Text Retrieval with Hierarchical Graph Reasoning, CVPR 2020",
    "visern": "Feng et al., Exploiting Visual Semantic Reasoning for Video-Text Retrieval, IJCAI 2020",
    "vsrnet": "Han et al., Visual Spatio-Temporal Relation-Enhanced Network for Cross-Modal Text-Video Retrieval",
    "mcsan": "Multi-Level Cross-Modal Semantic Alignment Network for Video-Text Retrieval",
    "leaderboard": "A public leaderboard's rows of HGR: official splits, and partially relevant videos",
}
UNREADABLE = "unreadable"
"""What a file holds for a cell that is garbled where it was published; its value is NaN."""
RECALLS = ("R@1", "R@5", "R@10")
Column = tuple[str, str]
"""Direction and metric."""


@dataclass(frozen=True)
class Printed:
    """One number of one table."""

    paper: str
    table: str
    system: str
    dataset: str
    split: str
    direction: str
    metric: str
    value: float

    @property
    def column(self) -> str:
        return f"{self.direction} {self.metric}".strip()


@lru_cache
def load(paper: str) -> tuple[Printed, ...]:
    """All numbers of one paper, in the order of its tables."""
    if paper not in PAPERS:
        raise ValueError(f"no tables of {paper!r}; there are {', '.join(PAPERS)}")
    with (Path(__file__).parent / f"{paper}.csv").open(newline="") as file:
        return tuple(
            Printed(paper, **{**row, "value": math.nan if row["value"] == UNREADABLE else float(row["value"])})
            for row in csv.DictReader(file)
        )


def find(paper: str | None = None, **wanted: str) -> list[Printed]:
    """Numbers whose fields equal ``wanted``: ``find("hgr", table="1", system="HGR", metric="R@1")``."""
    papers = PAPERS if paper is None else [paper]
    return [
        number
        for name in papers
        for number in load(name)
        if all(getattr(number, field) == value for field, value in wanted.items())
    ]


def table_text(numbers: Iterable[Printed]) -> str:
    """Tables as printed: a line a system, a column a direction and metric; what is too wide stands in two blocks."""
    groups: dict[tuple[str, ...], dict[str, dict[Column, float]]] = {}
    for number in numbers:
        head = (number.paper, number.table, number.dataset, number.split)
        groups.setdefault(head, {}).setdefault(number.system, {})[number.direction, number.metric] = number.value
    blocks = []
    for (paper, table, dataset, split), systems in groups.items():
        lines = [f"{paper}, table {table}" + (f": {dataset}, {split}" if dataset else "")]
        columns = list(dict.fromkeys(column for values in systems.values() for column in values))
        wide = max(map(len, systems)) + sum(_widths(columns))
        for part in parts(columns, math.ceil(wide / WIDTH)):
            lines += _block(systems, part)
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


def _widths(columns: list[Column]) -> list[int]:
    """Of the columns, with two blanks before the first of a direction and one before its others."""
    before = [("", ""), *columns]
    return [
        1 + (not side or side != last) + max(len(metric), 5)
        for (side, metric), (last, _) in zip(columns, before, strict=False)
    ]


def _block(systems: dict[str, dict[Column, float]], columns: list[Column]) -> list[str]:
    """Lines of some columns: a direction stands above the first of its metrics."""
    sides = [side for side, _ in columns]
    heads = [side if side != last else "" for side, last in zip(sides, ["", *sides], strict=False)]
    rows = [("", heads)] if any(heads) else []
    rows.append(("", [metric for _, metric in columns]))
    rows += [(name, [_cell(column[1], values.get(column)) for column in columns]) for name, values in systems.items()]
    width = max(map(len, systems))
    return [
        f"{name:{width}}{''.join(f'{cell:>{w}}' for cell, w in zip(cells, _widths(columns), strict=True))}".rstrip()
        for name, cells in rows
    ]


def _cell(metric: str, value: float | None) -> str:
    if value is None:
        return "-"
    if math.isnan(value):
        return "?"
    return f"{value:.1f}" if metric in (*RECALLS, "rsum") else f"{value:g}"


def uneven_sums(tolerance: float = 0.15) -> list[tuple[str, str, str, float, float]]:
    """Rows whose printed sum is not the sum of their printed recalls: paper, table, system, sum of recalls, printed."""
    found = []
    for total in find(metric="rsum", direction=""):
        same = {"table": total.table, "system": total.system, "dataset": total.dataset, "split": total.split}
        recalls = [number.value for number in find(total.paper, **same) if number.metric in RECALLS]
        if abs(sum(recalls) - total.value) > tolerance:
            found.append((total.paper, total.table, total.system, round(sum(recalls), 1), total.value))
    return found
