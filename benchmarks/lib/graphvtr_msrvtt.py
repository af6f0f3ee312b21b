"""The MSR-VTT subset: GraphVTR beside its baselines, without each of its parts, with and without hard negatives.

Rows are compared on validation; test is measured for the table at the end and chooses nothing. Intervals resample seeds
and videos. VITATECS by aspect stands beside retrieval. Regions are YOLOX-nano's. About 5 CPU minutes a row and seed, 15
with role graphs; 20 more to extract the store and 5 to make hard negatives once.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks import vitatecs
from benchmarks.lib import msrvtt
from benchmarks.lib.harness import printed_to, write_result
from benchmarks.lib.msrvtt_ridges import ridges
from benchmarks.lib.msrvtt_rows import GRAPHVTR
from benchmarks.lib.paths import CACHE
from benchmarks.lib.runs import Runs, chance_runs, line_of_ranks, print_table
from benchmarks.lib.tables import print_differences, print_diverged
from benchmarks.lib.trial import Trial, small, wanted
from benchmarks.lib.trials import Measure, Trials
from graphvtr.datasets import RetrievalDataset
from graphvtr.nn import GraphVTR, RetrievalModel
from graphvtr.text.pairs import ALL_KINDS, write_pairs
from graphvtr.text.perturb import perturb

DETECTOR = msrvtt.TUNED
FULL = replace(GRAPHVTR, options={**GRAPHVTR.options, "relations": 6})
CHANGED = {
    "without relations": {"relations": 0},
    "without hub offsets": {"hubs": False},
    "without the bag": {"bag": 0},
    "without role slots": {"slots": False},
    "one network": {"members": 1},
    "start: ridge": {"start": "ridge"},
    "with role graphs": {"graphs": True},
}
NEGATIVES = "with hard negatives"


def rows(pairs: Path) -> dict[str, Trial]:
    """The model, the model with hard negatives, the model with each part taken away, or a further one."""
    made = [FULL, replace(FULL, name=NEGATIVES, train={**FULL.train, "negatives": str(pairs)})]
    made += [replace(FULL, name=name, options={**FULL.options, **options}) for name, options in CHANGED.items()]
    return {trial.name: trial for trial in made}


def of_levels(model: GraphVTR, *levels: str) -> GraphVTR:
    """A copy whose start counts alone, or with what the gates let through of some levels."""
    made = copy.deepcopy(model)
    kept = torch.tensor([level in levels for level in model.levels[1:]])
    made.gates.mul_(kept)
    return made


STARTS = {"GraphVTR's start, a closed form": (), "GraphVTR's start and hub offsets, closed forms": ("hubs",)}
"""What of the model nothing is trained for, and the levels that it has beside the start."""


def ranks_of_levels(trials: Trials, levels: tuple[str, ...]) -> Measure:
    """Ranks of a GraphVTR's start with some levels, those of the captions and then those of the videos."""

    def measure(model: RetrievalModel, scores: Mapping[str, Tensor]) -> Tensor:
        if not isinstance(model, GraphVTR):
            return torch.zeros(0)
        owner = trials.splits["test"].video_of_caption
        return line_of_ranks(trials.scores_of(of_levels(model, *levels), "test"), owner)

    return measure


def subset(arguments: argparse.Namespace, **options: Any) -> tuple[dict[str, RetrievalDataset], Trials]:
    """The splits of the subset and the runs on them."""
    path, quick = msrvtt.store(DETECTOR), arguments.quick
    size = msrvtt.size_of(arguments)
    splits = msrvtt.splits(path, **size, **options)
    return splits, msrvtt.trials(msrvtt.study(DETECTOR, quick), splits, path, "minilm", **size)


def hard_pairs(train: RetrievalDataset, captions: int, quick: bool) -> Path:
    """Negatives of the training captions, made once: up to one of each kind and video."""
    path = CACHE / f"msrvtt_pairs_{'quick' if quick else captions}_directions.jsonl"
    if not path.is_file():
        kinds = [kind for kind in ALL_KINDS if kind != "incomplete events"]  # what is missing there is not wrong
        write_pairs(path, perturb(train.videos, train.video_of_caption, train.role_graphs, seed=0, kinds=kinds))
    return path


def run(arguments: argparse.Namespace) -> None:
    """The tables ``flagship``, see :mod:`benchmarks.graphvtr`."""
    quick = arguments.quick
    splits, trials = subset(arguments)
    pairs = hard_pairs(splits["train"], arguments.captions, quick)
    every = {name: small(trial) if quick else trial for name, trial in rows(pairs).items()}
    owner = splits["test"].video_of_caption
    closed = {"chance": chance_runs(owner, len(splits["test"].videos), 3)}
    closed |= ridges(trials)
    binary = vitatecs.Pairs(splits["test"], vitatecs.read(splits["test"].videos, 5 if quick else None))
    trials.measure = binary.measures() | {name: ranks_of_levels(trials, levels) for name, levels in STARTS.items()}
    margins = vitatecs.closed_forms(trials, binary)
    blind = trials.kept("blind", lambda: vitatecs.blind(pairs, binary)[0], binary.digest, pairs.name)
    margins["no video: reads like a true caption"] = [blind]

    def write() -> None:
        found = dict(closed)
        there = {name: trials.finished(one, range(arguments.seeds)) for name, one in every.items()}
        there = {name: seeds for name, seeds in there.items() if seeds}
        about: dict[str, Any] = {}
        accuracies = dict(margins)
        for name in STARTS if FULL.name in there else ():  # solved: the same of every seed, but for what hubs weigh
            if ranks := trials.measured(every[FULL.name], there[FULL.name][:1], name):
                found[name] = Runs.of_line(ranks[0], len(splits["test"].videos), owner)
        for name, seeds in there.items():
            found[name] = trials.runs(every[name], seeds)
            accuracies |= binary.rows(name, trials, every[name], seeds)
            about[name] = trials.about(every[name], seeds)
        best = "ridge, MiniLM"
        differences = {name: found[name].difference(found[best]) for name in found if name not in ("chance", best)}
        others = [name for name in (*STARTS, *there) if name in found and name != FULL.name]
        parts = {name: found[FULL.name].difference(found[name]) for name in others} if FULL.name in found else {}
        selection = {name: binary.accuracy(some) for name, some in accuracies.items()}
        with contextlib.nullcontext() if quick else printed_to("flagship"):
            print_table(f"{len(splits['test'].videos)} test videos, {len(owner)} captions;\n{msrvtt.NOTE}", found)
            print_differences(f"rsum less {best}'s", differences)
            print_differences(f"{FULL.name} less the row", parts)
            print("\nseeds and validation rsum:")
            for name, row in about.items():
                print(f"  {name:27} {len(row['seeds'])}   {', '.join(f'{value:.0f}' for value in row['val_rsum'])}")
            print_diverged(about)
            print("\ngates, chosen on validation, of each seed:")
            for name, row in about.items():
                levels = row["gates"][0]
                each = (f"{level} {'/'.join(f'{gates[level]:g}' for gates in row['gates'])}" for level in levels)
                print(f"  {name:27} {', '.join(each)}")
            print()
            vitatecs.show(
                selection,
                {name: len(seeds) for name, seeds in there.items()},
                "VITATECS, test videos with frames here",
            )
        summaries = {name: runs.summary() for name, runs in found.items()}
        if not quick:
            write_result(
                "flagship",
                {"rows": summaries, "about": about, f"less {best}": differences, "parts": parts, "vitatecs": selection},
                note=msrvtt.note_of(arguments),
            )

    trials.train_missing(wanted(every, arguments), range(arguments.seeds), write)
    write()
