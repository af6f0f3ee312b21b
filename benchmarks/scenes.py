"""Ablations on MovingScenes, tuned: ViSERN's Table 3, HGR's 2, 4, 5 and 6, MCSAN's 3, VSR-Net's 1, GraphVTR's parts.

    python benchmarks/scenes.py hgr visern          # these papers' rows; all by default; a seed of every row first
    python benchmarks/scenes.py --tables-only       # of what is there
    python benchmarks/scenes.py --quick             # minutes: shows that all works, writes to runs/

All 1,400 training clips in pairs of twins, which differ in roles or order alone and meet in one batch; every clip has a
light of its own, so that places are not told by colour. 150 clips choose epochs and settings: each row's learning rate,
dropout, clipping, mining (and batch norm with a gate, or the weight of attributes) out of ``--tune`` candidates on a
third of the training clips, the same number for all, and every run goes on until validation stops climbing. 1,012
clips of another seed and 1,012 of compositions that training never showed are measured for tables alone.

Beside retrieval: how often clips and captions are told from their twins', captions that are wrong in one thing (HGR's
Table 6), HGR's levels (Table 5), and what the unseen world costs one row more than another (Table 2). Intervals
resample seeds and clips. What tables are made of is in ``results/runs``. About 5 CPU minutes a row and seed.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import logging
from dataclasses import replace
from typing import Any

import torch

from benchmarks.lib.harness import printed_to, write_result
from benchmarks.lib.kinds import accuracies, print_rows
from benchmarks.lib.paths import RESULTS
from benchmarks.lib.runs import POWER, Runs, chance_runs, print_table, with_seeds
from benchmarks.lib.scenes_measures import between, choices, level_sums, own_margins
from benchmarks.lib.scenes_rows import CLAIMS, PAIRS, STUDIES, WHOLE
from benchmarks.lib.tables import print_differences, print_diverged, share_text
from benchmarks.lib.trial import Trial, small, wanted
from benchmarks.lib.trials import Measure, Trials
from benchmarks.lib.tune import tuned
from graphvtr.datasets import RetrievalDataset
from graphvtr.datasets.moving_scenes import MovingScenes
from graphvtr.metrics import percentiles
from graphvtr.nn.encoders import PretrainedWords
from graphvtr.tasks import make_vocabulary
from graphvtr.tasks.baselines import ridge_scores
from graphvtr.tasks.binary import own_pairs
from graphvtr.text.pairs import write_pairs

WORLD = {"twins": True, "weather": 0.6}
TRAINED_ON = {"num_clips": 2000, "seed": 0}
TESTED_ON = {"num_clips": 9000, "seed": 1}
TESTS = ("test", "test_unseen")
QUICK = {"num_clips": 120}
QUICK_PAIRS = PAIRS.with_stem(f"{PAIRS.stem}_quick")


def worlds(quick: bool) -> dict[str, RetrievalDataset]:
    """The splits; whole ones keep their hard negatives."""
    made = {}
    for split in ("train", "val", *TESTS):
        options = {**WORLD, **(TESTED_ON if split in TESTS else TRAINED_ON), **(QUICK if quick else {})}
        made[split] = MovingScenes(None, split, progress=False, **options)
    return made


def study(splits: dict[str, RetrievalDataset], quick: bool) -> Trials:
    """The runs on them."""
    test = splits["test"]
    measure: dict[str, Measure] = {
        "own pairs": functools.partial(own_margins, test),
        "between twins": functools.partial(choices, test),
        "levels": functools.partial(level_sums, test),
    }
    data = {"dataset": "moving_scenes", **WORLD, "clips": {name: len(split.videos) for name, split in splits.items()}}
    name = "scenes_quick" if quick else "scenes"
    return Trials(
        name,
        splits,
        make_vocabulary(splits["train"]),
        data=data,
        score=("val", *TESTS),
        records=None if quick else RESULTS / "runs" / name,
        measure=measure,
    )


def drop(one: dict[str, Runs], other: dict[str, Runs]) -> dict[str, Any]:
    """How much more rsum the unseen world costs ``one`` than ``other``: a difference of differences.

    The two worlds have different clips, drawn on their own; in each of them both models rank the same ones.
    """
    seen, unseen = TESTS
    lost = [runs[seen].values["rsum"].mean() - runs[unseen].values["rsum"].mean() for runs in (one, other)]
    drawn = [  # of a model the same seeds in both worlds; resamples of clips are turned round, so that they differ
        with_seeds(runs[seen].draws["rsum"] - runs[unseen].draws["rsum"][:, ::-1], seed)
        for seed, runs in enumerate((one, other), 1)
    ]
    draws = drawn[0] - drawn[1]
    return {
        "mean": float(lost[0] - lost[1]),
        "interval": percentiles(draws),
        "smallest_visible": float(POWER * draws.std()),
    }


def tables(trials: Trials, rows: dict[str, Trial], seeds: range, ridge: dict[str, Runs]) -> dict[str, Any]:
    """Everything printed, and as plain values: of each row the seeds that are there."""
    there = {name: trials.finished(trial, seeds) for name, trial in rows.items()}
    there = {name: found for name, found in there.items() if found}
    runs = {name: {split: trials.runs(rows[name], found, split) for split in TESTS} for name, found in there.items()}
    plain: dict[str, Any] = {"rows": {}, "differences": {}}
    for split in TESTS:
        test = trials.splits[split]
        owner = test.video_of_caption
        closed = {"chance": chance_runs(owner, len(test.videos), 3), "ridge, MiniLM": ridge[split]}
        shown = closed | {name: both[split] for name, both in runs.items()}
        print_table(f"MovingScenes, {split}: {len(test.videos)} clips in pairs of twins", shown)
        plain["rows"][split] = {name: one.summary() for name, one in shown.items()}
        pairs = [(one, other) for claims in CLAIMS.values() for one, other in claims if one in runs and other in runs]
        found = {f"{one} less {other}": runs[one][split].difference(runs[other][split]) for one, other in pairs}
        plain["differences"][split] = found
        if found:
            print_differences("rsum", found)
    plain["drop"] = {
        f"{name} less {other}": drop(runs[name], runs[other])
        for name in ("HGR", "GraphVTR")
        for other in WHOLE
        if name in runs and other in runs and other != name
    }
    if plain["drop"]:
        print_differences("lost in the unseen world, rsum", plain["drop"])  # Table 2 of HGR
    plain["twins"] = between(trials, rows, there)
    print("\nTold from the twin, which differs in roles or order alone, %, 50 is chance:")
    width = max((len(name) for name in there), default=0)
    for name, sides in plain["twins"].items():
        cells = (f"{side} {share_text(cell['mean'], cell['interval'])}" for side, cell in sides.items())
        print(f"  {name:{width}}  {'   '.join(cells)}")
    pairs_of_test = own_pairs(trials.splits["test"])[0]
    plain["binary"] = {
        name: accuracies(trials.measured(rows[name], found, "own pairs"), pairs_of_test)
        for name, found in there.items()
    }
    if there:
        print_rows("Which of two captions fits, %, 50 is chance (test; equal scores count as wrong)", plain["binary"])
    plain["levels"] = {
        name: torch.stack(levels).mean(0).tolist()
        for name, found in there.items()
        if (levels := trials.measured(rows[name], found, "levels"))[0].numel()
    }
    print("\nrsum of each level alone, mean over seeds (Table 5 of HGR):")
    for name, levels in plain["levels"].items():
        print(f"  {name:{width}}  event {levels[0]:.1f}, action {levels[1]:.1f}, entity {levels[2]:.1f}")
    plain["about"] = {name: trials.about(rows[name], found) for name, found in there.items()}
    print("\nseeds, parameters, seconds a seed (on a shared machine), validation rsum, what tuning chose:")
    for name, row in plain["about"].items():
        chosen = {key: row["train"].get(key) for key in ("lr", "clip_grad")}
        chosen |= {key: row["options"][key] for key in TUNED if key in row["options"]}
        mean = sum(row["seconds"]) / len(row["seconds"])
        val = "/".join(f"{value:.0f}" for value in row["val_rsum"])
        print(f"  {name:{width}} {len(row['seeds'])} {row['parameters'] / 1e6:5.2f} M {mean:5.0f} s  {val}")
        print(f"      {', '.join(f'{key} {value}' for key, value in chosen.items())}")
    print_diverged(plain["about"])
    return plain


TUNED = ("mining", "dropout", "word_dropout", "batch_norm", "attribute_weight")


def few_epochs(trial: Trial) -> Trial:
    """A row of a quick run, with the hard negatives of that."""
    made = small(trial, 16)
    return replace(made, train={**made.train, "negatives": str(QUICK_PAIRS)}) if "negatives" in made.train else made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("studies", nargs="*", metavar="STUDY", help=f"of {', '.join(STUDIES)}; all by default")
    parser.add_argument("--rows", nargs="*", help="names of rows to train; all of the studies by default")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--tune", type=int, default=4, metavar="N", help="settings to try for each row (default: 4)")
    parser.add_argument("--tables-only", action="store_true", help="train nothing")
    parser.add_argument("--quick", action="store_true", help="few clips, one epoch; shows that all works")
    arguments = parser.parse_args()
    if unknown := [name for name in arguments.studies if name not in STUDIES]:
        parser.error(f"no study '{unknown[0]}': choose of {', '.join(STUDIES)}")
    logging.basicConfig(level=logging.WARNING)
    quick = arguments.quick
    splits = worlds(quick)
    pairs = QUICK_PAIRS if quick else PAIRS
    if not pairs.is_file():
        write_pairs(pairs, own_pairs(splits["train"])[0])
    trials = study(splits, quick)
    train = splits["train"]
    third = len(train.videos) // 6 * 2  # in whole pairs of twins
    few = {"train": train.index_select(train.video_of_caption < third)}
    words = PretrainedWords("minilm")
    ridge = {
        split: trials.closed_form(
            f"ridge, MiniLM, {split}",
            lambda split=split: ridge_scores(splits["train"], splits["val"], splits[split], text=words).scores,
            splits[split].video_of_caption,
        )
        for split in TESTS
    }
    chosen = wanted({trial.name: trial for name in arguments.studies or STUDIES for trial in STUDIES[name]}, arguments)
    seeds, budget = range(1 if quick else arguments.seeds), 2 if quick else arguments.tune
    everything = [few_epochs(trial) if quick else trial for rows in STUDIES.values() for trial in rows]

    def write() -> None:
        best = tuned(trials, few, everything, budget)
        with contextlib.nullcontext() if quick else printed_to("scenes"):
            most = max((len(one.tried) for one in best.values()), default=0)
            print(f"MovingScenes, tuned with {most} settings a row on a third of the training clips")
            found = tables(trials, {name: one.trial for name, one in best.items()}, seeds, ridge)
        if not quick:
            write_result("scenes", found, tried={name: one.tried for name, one in best.items()}, world=WORLD)

    if not arguments.tables_only:
        names = [trial.name for trial in chosen]
        best = tuned(trials, few, everything, budget, train=names)
        trials.train_missing([best[name].trial for name in names], seeds, (lambda: None) if quick else write)
    write()


if __name__ == "__main__":
    main()
