"""MovingScenes, where roles decide: retrieval in the seen and the unseen world, and captions that differ in one thing.

All 1,400 training clips; 150 clips choose epochs and gates; 225 clips of the seen and 225 of the unseen world are
measured for the table and choose nothing. Every row reads frozen MiniLM tokens; hard negatives are the data set's own.
Of twins every other clip differs from the one before in roles or order alone, and both meet in one batch; how often
they are told apart is the figure for relations. About 10 CPU minutes a row and seed.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.lib.graphvtr_msrvtt import wanted
from benchmarks.lib.harness import write_result
from benchmarks.lib.hgr_setup import HGR, printed_to, scenes
from benchmarks.lib.kinds import accuracies, print_rows
from benchmarks.lib.paths import CACHE, RESULTS
from benchmarks.lib.runs import Runs, chance_runs, print_table, with_seeds
from benchmarks.lib.tables import share_text
from benchmarks.lib.trials import Measure, Trial, Trials
from graphvtr.datasets import RetrievalDataset
from graphvtr.metrics import between_twins, percentiles, twin_positions
from graphvtr.nn import RetrievalModel
from graphvtr.nn.encoders import PretrainedWords
from graphvtr.tasks import make_vocabulary
from graphvtr.tasks.baselines import ridge_scores
from graphvtr.tasks.binary import binary_margins, own_pairs
from graphvtr.text.pairs import write_pairs

WHOLE = {"train": 1400, "val": 150, "test": 225, "test_unseen": 225}
SMALL = {**WHOLE, "train": 30}
"""Of 200 clips; only whole splits keep their pairs."""
TRAIN = {
    "epochs": 30,
    "batch_size": 128,
    "lr": 1e-3,
    "schedule": "cosine",
    "clip_grad": 2.0,
    "captions_per_video": "one",
}
OURS = {"hidden": 256, "members": 4, "inner": 512, "dropout": 0.3}
TESTS = ("test", "test_unseen")


def rows(pairs: Path, quick: bool, twins: bool = False) -> dict[str, Trial]:
    """The model, with and without its parts, and HGR on the same words."""
    hgr, ours = {**HGR, "hidden": 256, "text": "minilm"}, dict(OURS)
    hgr.pop("word_dim")
    train: dict[str, Any] = {**TRAIN, "twins": True} if twins else dict(TRAIN)
    if quick:
        hgr, ours, train = {**hgr, "hidden": 16}, {**ours, "hidden": 16, "inner": 16}, {**train, "epochs": 1}
    made = (
        Trial("GraphVTR", "graphvtr", {**ours, "relations": 6}, train),
        Trial("without relations", "graphvtr", ours, train),
        Trial("without graphs", "graphvtr", {**ours, "graphs": False}, train),
        Trial("relations without role graphs", "graphvtr", {**ours, "graphs": False, "relations": 6}, train),
        Trial("with hard negatives", "graphvtr", {**ours, "relations": 6}, {**train, "negatives": str(pairs)}),
        Trial("HGR", "hgr", hgr, train),
        Trial("HGR, with hard negatives", "hgr", hgr, {**train, "negatives": str(pairs)}),
    )
    return {trial.name: trial for trial in made}


def run(arguments: argparse.Namespace, twins: bool = False) -> None:
    """The tables ``flagship_scenes``, or those of clips that come in pairs."""
    quick = arguments.quick
    few: dict[str, Any] = {"num_clips": 200} if quick else {}
    if twins:
        few["twins"] = True
    study = f"flagship_scenes{'_twins' if twins else ''}"
    splits = scenes(SMALL if quick else WHOLE, **few)
    pairs = CACHE / f"scenes_pairs{'_twins' if twins else ''}{'_quick' if quick else ''}.jsonl"
    if not pairs.is_file():
        write_pairs(pairs, own_pairs(scenes({"train": 10_000}, **few)["train"])[0])
    data = {"dataset": "moving_scenes", "clips": {name: len(split.videos) for name, split in splits.items()}}
    test = splits["test"]
    measure: dict[str, Measure] = {"own pairs": functools.partial(own_margins, test)}
    if twins:
        measure["between twins"] = functools.partial(choices, test)
    trials = Trials(
        f"{study}_quick" if quick else study,
        splits,
        make_vocabulary(splits["train"]),
        data=data,
        score=("val", *TESTS),
        records=None if quick else RESULTS / "runs" / study,
        measure=measure,
    )
    words = PretrainedWords("minilm")
    ridge = {name: ridge_scores(splits["train"], splits["val"], splits[name], text=words).scores for name in TESTS}
    every = rows(pairs, quick, twins)

    def write() -> None:
        there = {name: trials.finished(trial, range(arguments.seeds)) for name, trial in every.items()}
        there = {name: seeds for name, seeds in there.items() if seeds}
        tables: dict[str, dict[str, Runs]] = {}
        for split in TESTS:
            owner = splits[split].video_of_caption
            tables[split] = {"chance": chance_runs(owner, len(splits[split].videos), 3)}
            tables[split]["ridge, MiniLM"] = Runs.of([ridge[split]], owner)
            tables[split] |= {name: trials.runs(every[name], seeds, split) for name, seeds in there.items()}
        pairs_of_test = own_pairs(test)[0]
        told = {
            name: accuracies(trials.measured(every[name], seeds, "own pairs"), pairs_of_test)
            for name, seeds in there.items()
        }
        differences = {
            split: {
                name: runs.difference(table["HGR"]) for name, runs in table.items() if name not in ("chance", "HGR")
            }
            for split, table in tables.items()
            if "HGR" in table
        }
        with contextlib.nullcontext() if quick else printed_to(study):
            for split, table in tables.items():
                print_table(f"MovingScenes, {split}: {len(splits[split].videos)} clips", table)
                for name, one in differences.get(split, {}).items():
                    low, high = one["interval"]
                    print(f"  less HGR: {name:24} {one['mean']:+6.1f} [{low:+.1f}, {high:+.1f}]")
            apart = between(trials, every, there) if twins else {}
            for name, one in apart.items():
                cells = (f"{side} {share_text(value['mean'], value['interval'])}" for side, value in one.items())
                print(f"  between twins, %, 50 is chance: {name:26} {'; '.join(cells)}")
            if told:
                print_rows("Which of two captions fits, %, 50 is chance (test; equal scores count as wrong)", told)
            print("\nseeds:", ", ".join(f"{name} {len(seeds)}" for name, seeds in there.items()))
        if not quick:
            plain = {split: {name: runs.summary() for name, runs in table.items()} for split, table in tables.items()}
            found = {"rows": plain, "less HGR": differences, "binary": told, "seeds": there, "between twins": apart}
            write_result(study, found)

    trials.train_missing(wanted(every, arguments), range(arguments.seeds), (lambda: None) if quick else write)
    write()


def choices(test: RetrievalDataset, model: RetrievalModel, scores: Mapping[str, Tensor]) -> Tensor:
    """Whether each clip and each caption is told from its twin's, NaN where there is none, one after another."""
    return torch.cat(between_twins(scores["test"], test.video_of_caption, twin_positions(test.videos)))


def between(trials: Trials, rows: dict[str, Trial], there: dict[str, list[int]]) -> dict[str, Any]:
    """How often clips and captions are told from their twins', with intervals over seeds and pairs of clips."""
    test = trials.splits["test"]
    twin, own = twin_positions(test.videos), torch.arange(len(test.videos))
    pair = torch.minimum(own, torch.where(twin < 0, own, twin))[test.video_of_caption].numpy()
    drawn = np.random.default_rng(0).multinomial(len(own), np.full(len(own), 1 / len(own)), 1000)
    found: dict[str, Any] = {}
    for name, seeds in there.items():
        told = [one.chunk(2) for one in trials.measured(rows[name], seeds, "between twins")]
        for side, values in zip(("clips", "captions"), zip(*told, strict=True), strict=True):
            shares = []
            for value in values:
                has = ~value.isnan().numpy()
                count = np.bincount(pair[has], minlength=len(own))
                right = np.bincount(pair[has], value.numpy()[has], len(own))
                shares.append(100 * (drawn @ right) / np.maximum(drawn @ count, 1))
            mean = 100 * float(np.mean([value.nanmean() for value in values]))
            found.setdefault(name, {})[side] = {"mean": mean, "interval": percentiles(with_seeds(np.stack(shares)))}
    return found


def own_margins(test: RetrievalDataset, model: RetrievalModel, scores: Mapping[str, Tensor]) -> Tensor:
    """Margins of the test clips' own pairs."""
    pairs, right, wrong = own_pairs(test)
    assert right is not None
    assert wrong is not None
    return binary_margins(model, test, [pair.video for pair in pairs], right, wrong, model.require_vocabulary())
