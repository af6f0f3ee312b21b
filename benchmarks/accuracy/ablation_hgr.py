"""Ablations of HGR (Table 4), its levels one by one (Table 5), what goes beyond the paper: MovingScenes and MSVD.

    python benchmarks/accuracy/ablation_hgr.py [--seeds 3] --root ../shared/data/msvd98 --store STORE

Settings: ``hgr_setup.py``; of MSVD's 98 clips 57 train and 35 are ranked. Nothing is tuned: ``benchmarks/scenes.py``
tunes these rows on all training clips. Means over seeds; intervals resample seeds and clips with all of their captions;
differences are paired. Finished runs are kept, so that a run that was stopped goes on. The papers' tables are printed
beside.
"""

from __future__ import annotations

import contextlib
import logging
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.lib.harness import RESULTS, write_result
from benchmarks.lib.hgr_setup import (
    ABLATIONS,
    BEYOND,
    CAPTIONS,
    CLIPS,
    HGR,
    MSVD_HGR,
    MSVD_TRAIN,
    ROWS,
    TRAIN,
    command_line,
    msvd_trials,
    printed_to,
    scene_trials,
    scenes,
)
from benchmarks.lib.runs import Runs, chance_runs, print_table
from benchmarks.lib.trials import Trial, Trials
from benchmarks.published import find, table_text
from graphvtr.tasks.checkpoint import load
from graphvtr.tasks.embed import encode_texts, encode_videos
from graphvtr.tasks.prepare import prepare

FULL = "full HGR model"
SPLITS = ("test", "test_unseen")


def level_scores(trials: Trials, trial: Trial, seed: int, split: str) -> Tensor:
    """Scores [levels, Nv, Nt] of a model."""
    model = load(trials.result(trial, seed).checkpoint)
    vocabulary = model.vocabulary
    dataset = prepare(trials.splits[split], model, vocabulary or trials.vocabulary)
    with torch.inference_mode():
        return model.level_scores(encode_videos(model, dataset.video_graphs), encode_texts(model, dataset.role_graphs))


def split_tables(trials: Trials, trial_of: dict[str, Trial], dataset: str, split: str, seeds: range) -> dict[str, Any]:
    """Both tables of one split, printed; as plain values."""
    owner = trials.splits[split].video_of_caption
    done = {name: trials.finished(trial_of[name], seeds) for name in (*ABLATIONS, *BEYOND)}
    rows = {name: trials.runs(trial_of[name], have, split) for name, have in done.items() if have}
    short = "".join(f"; {name}: {len(have)}" for name, have in done.items() if len(have) < len(seeds))
    where = f"{dataset}/{split}, {len(trials.splits[split].videos)} clips, {len(seeds)} seeds{short}"
    shown = {"chance": chance_runs(owner, len(trials.splits[split].videos)), **rows}
    print_table(f"{where}: components (as Table 4) and beyond the paper", shown)
    differences = {}
    for name in rows:
        both = [seed for seed in done[name] if seed in done[FULL]]  # the same seeds on both sides
        if name != FULL and both:
            full, other = (trials.runs(trial_of[row], both, split) for row in (FULL, name))
            found = differences[name] = {**full.difference(other), "seeds": both}
            low, high = found["interval"]
            print(f"rsum of {FULL} less {name} ({len(both)} seeds): {found['mean']:+.1f} [{low:+.1f}, {high:+.1f}]")
    per_seed = [level_scores(trials, trial_of[FULL], seed, split) for seed in done[FULL]]
    levels = {
        name: Runs.of([scores[position] for scores in per_seed], owner)
        for position, name in enumerate(("event", "action", "entity"))
    }
    levels["fusion"] = rows[FULL]
    print_table(f"{where}: levels (as Table 5)", levels)
    return {
        "components": {name: runs.summary() for name, runs in rows.items()},
        "full less": differences,
        "levels": {name: runs.summary() for name, runs in levels.items()},
    }


def draw(results: dict[str, dict[str, Any]], path: Path) -> None:
    """rsum of every row with its interval, a panel a split."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, len(results), figsize=(4.3 * len(results), 3.4), sharey=True, layout="constrained")
    for ax, (where, found) in zip(axes, results.items(), strict=True):
        for position, (name, row) in enumerate(reversed(found["components"].items())):
            low, high = row["rsum"]["interval"]
            ax.plot([low, high], [position, position], color="#555555", linewidth=1.5)
            ax.plot(row["rsum"]["seeds"], [position] * len(row["rsum"]["seeds"]), "|", color="#0072B2", markersize=9)
            ax.plot(row["rsum"]["mean"], position, "o", color="black" if name == FULL else "#E69F00")
        ax.set_yticks(range(len(found["components"])), list(reversed(found["components"])))
        ax.set_title(where, fontsize=10)
        ax.grid(axis="x", alpha=0.3)
    figure.supxlabel("rsum: mean, seeds (|) and 95 % interval over clips", fontsize=9)
    figure.savefig(path, dpi=130)
    plt.close(figure)


def on_scenes(seeds: range, tiny: bool) -> dict[str, dict[str, Any]]:
    """The tables of MovingScenes; what is missing is trained."""
    clips = {"train": 12, "val": 6, "test": 6, "test_unseen": 6} if tiny else CLIPS
    trials = scene_trials(scenes(clips, **({"num_clips": 60} if tiny else {})))
    for names in (list(ABLATIONS), list(BEYOND)):
        for seed in seeds:  # a seed of every row before the next: a run that is stopped has all rows
            for name in names:
                trials.result(ROWS[name], seed)
    tables = {f"MovingScenes/{split}": split_tables(trials, ROWS, "MovingScenes", split, seeds) for split in SPLITS}
    validation = {
        name: [max(trials.result(ROWS[name], seed).val_rsum) for seed in trials.finished(ROWS[name], seeds)]
        for name in (*ABLATIONS, *BEYOND)
    }
    print("\nbest validation rsum, each seed:")
    for name, values in validation.items():
        print(f"  {name}: {', '.join(f'{value:.1f}' for value in values)}; mean {sum(values) / len(values):.1f}")
    tables["MovingScenes/test"]["validation rsum"] = validation
    return tables


def on_msvd(root: Path, store: Path, seeds: range, tiny: bool) -> dict[str, dict[str, Any]]:
    """The tables of MSVD; what is missing is trained."""
    train = {**MSVD_TRAIN, **({"epochs": 1} if tiny else {})}
    options = {**ABLATIONS, **BEYOND}
    rows = {name: Trial(name, "hgr", {**MSVD_HGR, **changes}, train) for name, changes in options.items()}
    captions = 2 if tiny else CAPTIONS
    trials = msvd_trials(root, store, captions)
    for seed in seeds:
        for trial in rows.values():
            trials.result(trial, seed)
    return {"MSVD/test": split_tables(trials, rows, "MSVD", "test", seeds)}


def main() -> None:
    parser = command_line(__doc__)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    seeds = range(arguments.seeds)
    with contextlib.nullcontext() if arguments.tiny else printed_to("ablation_hgr"):
        results = on_scenes(seeds, arguments.tiny)
        results |= on_msvd(arguments.root, arguments.store, seeds, arguments.tiny)
        print(f"\nThe paper's:\n{table_text([*find('hgr', table='4'), *find('hgr', table='5')])}")
    if arguments.tiny:
        return
    draw(results, RESULTS / "ablation_hgr.png")
    write_result(
        "ablation_hgr",
        results,
        seeds=arguments.seeds,
        settings={
            "MovingScenes": {"model": HGR, "train": TRAIN, "clips": CLIPS},
            "MSVD": {"model": MSVD_HGR, "train": MSVD_TRAIN, "captions": CAPTIONS},
        },
    )


if __name__ == "__main__":
    main()
