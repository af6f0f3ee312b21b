"""The figures of the papers: a command each, and those that count or train are made here."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from textwrap import indent
from typing import Literal

import torch

from benchmarks.lib.paper_recipes import Place, recipe
from benchmarks.lib.paper_rows import ON_MSVD, TABLES, Block, Row
from benchmarks.lib.paper_runs import Table, level_and_fused, needed
from graphvtr.datasets import build_dataset
from graphvtr.errors import DataError
from graphvtr.plot.retrieved import Retrieved, plot_side_by_side
from graphvtr.plot.style import plain, pyplot
from graphvtr.tasks.checkpoint import load
from graphvtr.tasks.concepts import concepts_of

OF = "--root ROOT --store STORE"
CLIPS = f"{OF} --clips DIR"
HERE = f"pass {OF}"
FIGURES: dict[tuple[str, str], str] = {
    ("hgr", "3"): "graphvtr plot role-graph 'CAPTION' --checkpoint RUN/best.ckpt --out attention.html",
    ("hgr", "4"): f"graphvtr plot gallery RUN/best.ckpt --data msrvtt {CLIPS} --out t2v.png",
    ("hgr", "5"): f"graphvtr plot gallery RUN/best.ckpt --data msrvtt {OF} --direction v2t --out v2t.png",
    ("visern", "3"): f"graphvtr plot regions RUN/best.ckpt --data msrvtt {CLIPS} --out map.png",
    ("vsrnet", "3"): "graphvtr plot gallery FULL/best.ckpt --against VG/best.ckpt --data msrvtt_1ka ...",
    ("vsrnet", "4"): "graphvtr plot gallery FULL/best.ckpt --against VG/best.ckpt --data msvd --direction v2t ...",
    ("vsrnet", "5"): f"L from 1 to 6, R@10: {HERE}",
    ("vsrnet", "6"): f"lambda from 0 to 1, R@10: {HERE}",
    ("vsrnet", "7"): f"graphvtr plot regions RUN/best.ckpt --data msvd {CLIPS} --out map.png",
    ("mcsan", "2"): f"frequencies of attributes: {HERE}",
    ("mcsan", "8"): f"graphvtr plot gallery RUN/best.ckpt --data msrvtt {CLIPS} --out t2v.png",
}
"""(paper, figure) -> the command that draws it, or what is drawn here; diagrams of models are not among them."""
SWEEPS = {"5": ("num_layers", (1, 2, 3, 4, 5, 6)), "6": ("relation_weight", (0.0, 0.25, 0.5, 0.75, 1.0))}
RELATIONS = ("VSR-Net", "VSR-Net, VG")
GALLERIES: dict[tuple[str, str], tuple[Block, tuple[str, ...], Literal["t2v", "v2t"]]] = {
    ("hgr", "4"): (TABLES[("hgr", "1")][0], ("HGR",), "t2v"),
    ("hgr", "5"): (TABLES[("hgr", "1")][0], ("HGR",), "v2t"),
    ("mcsan", "8"): (TABLES[("mcsan", "1")][0], ("MCSAN",), "t2v"),
    ("vsrnet", "3"): (TABLES[("vsrnet", "1")][0], RELATIONS, "t2v"),
    ("vsrnet", "4"): (ON_MSVD, RELATIONS, "v2t"),
}
"""(paper, figure) -> what is trained, the rows that are shown, the direction."""
QUERIES = 4


def draw(paper: str, figure: str, place: Place, out: Path, seeds: int) -> str:
    """Draw a figure and say where it is, or give the command that draws it.

    Raises:
        DataError: no such figure, or its data are missing.
    """
    command = FIGURES.get((paper, figure))
    if command is None:
        known = ", ".join(number for of, number in FIGURES if of == paper)
        raise DataError(f"figure {figure} of {paper}", "is none that can be drawn", f"known: {known}")
    told = f"{paper}, figure {figure}: {command}"
    if (paper, figure) in (("hgr", "3"), ("visern", "3"), ("vsrnet", "7")):
        return told
    if place.root is None:
        block = GALLERIES[(paper, figure)][0] if (paper, figure) in GALLERIES else TABLES[(paper, "1")][0]
        return f"{told}\nNot drawn, as data are missing: {block.data}\n{indent(needed(block.data), '    ')}"
    out.mkdir(parents=True, exist_ok=True)
    path = out / f"{paper}_figure_{figure}.png"
    if (paper, figure) == ("mcsan", "2"):
        _frequencies(place, path)
    elif paper == "vsrnet" and figure in SWEEPS:
        _sweep(figure, place, path, seeds)
    else:
        _gallery(paper, figure, place, path)
    return f"{paper}, figure {figure}: wrote {path}"


def frequencies(captions: list[tuple[str, ...]]) -> list[tuple[str, int]]:
    """How many captions name each entity, the most frequent first."""
    return Counter(entity for caption in captions for entity in caption).most_common()


def _frequencies(place: Place, path: Path) -> None:
    """MCSAN's Figure 2: how often attributes are named; the figure shows five of them, this all, and five by name."""
    block = TABLES[("mcsan", "1")][0]
    row = next(row for row in block.rows if row.system == "MCSAN")
    dataset = build_dataset(place.data or block.data, "train", place.source(recipe(row, block, place).options))
    counts = frequencies([concepts.entities for concepts in concepts_of(dataset)])
    ranks = [0, *(int(len(counts) ** (step / 4)) - 1 for step in range(1, 5))]
    plt = pyplot()
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
    left.loglog(range(1, len(counts) + 1), [count for _, count in counts], color="#4c72b0")
    left.set_xlabel("rank of the entity")
    left.set_ylabel("captions that name it")
    names = [counts[rank][0] for rank in ranks]
    bars = right.bar(names, [counts[rank][1] for rank in ranks], color="#4c72b0")
    right.bar_label(bars, fontsize=8)
    right.set_yscale("log")
    right.set_ylim(top=3 * counts[0][1])  # room for the number above the tallest bar
    right.set_ylabel("captions that name it")
    figure.suptitle(f"{len(counts):,} entities of {len(dataset):,} training captions of {dataset.name}", **plain())
    figure.savefig(path, dpi=150)


def _block(paper: str, table: str, rows: tuple[Row, ...]) -> Block:
    block = TABLES[(paper, table)][0]
    return Block(block.dataset, block.split, block.data, rows)


def _sweep(figure: str, place: Place, path: Path, seeds: int) -> None:
    """VSR-Net's Figures 5 and 6: R@10 of text to video over L, over lambda."""
    option, values = SWEEPS[figure]
    base = next(row for row in TABLES[("vsrnet", "1")][0].rows if row.system == "VSR-Net")
    rows = tuple(Row(f"{option} = {value}", base.recipe, {option: value}) for value in values)
    found = Table("vsrnet", f"figure_{figure}", _block("vsrnet", "1", rows), place).measure(range(seeds))
    plt = pyplot()
    drawn, axes = plt.subplots(figsize=(4.5, 3), layout="constrained")
    axes.plot(values, [found.values[row.system]["t2v R@10"] for row in rows], marker="o", color="#4c72b0")
    axes.set_xlabel({"num_layers": "L, blocks of a branch", "relation_weight": "lambda, share of relations"}[option])
    axes.set_ylabel("text to video R@10")
    drawn.suptitle("; ".join(place.deviations) or "as the paper trains it", fontsize=8, **plain())
    drawn.savefig(path, dpi=150)


def _gallery(paper: str, figure: str, place: Place, path: Path) -> None:
    """A gallery of a trained row; for VSR-Net's Figures 3 and 4 of the model with and without relations."""
    block, systems, direction = GALLERIES[(paper, figure)]
    table, found = Table(paper, "1", block, place, systems), {}
    for one, result in table.results(range(1)):
        *levels, fused = level_and_fused(result.checkpoint, table.splits(one)["test"])
        names = load(result.checkpoint).levels
        found[one.row.system] = Retrieved(
            table.splits(one)["test"], fused, torch.stack(levels), names, place.video_files
        )
    models = [found[system] for system in systems]
    count = len(models[0].dataset.captions if direction == "t2v" else models[0].dataset.videos)
    queries = torch.randperm(count, generator=torch.Generator().manual_seed(0))[:QUERIES].tolist()
    if len(models) == 1:
        drawn = models[0].plot(queries, direction)
    else:
        drawn = plot_side_by_side(models, systems, queries, direction)
    drawn.savefig(path, dpi=150)
