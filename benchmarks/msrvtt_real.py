"""Every model on real video: a subset of MSR-VTT, the same frames and the same words for all rows.

    python benchmarks/msrvtt_real.py --rows HGR VSE --seeds 3        # trains what is missing, writes what is there
    python benchmarks/msrvtt_real.py --regions                       # ViSERN and VSR-Net, on YOLOX-nano's regions
    python benchmarks/msrvtt_real.py --regions --detector fastestdet --words minilm     # with settings of YOLOX-nano's
    python benchmarks/msrvtt_real.py --curve 100 300 1000 3151       # learning curves; --regions: of those rows
    python benchmarks/msrvtt_real.py --quick                         # minutes: shows that all works, writes to runs/

Both settings are rows: words that are learned, from GloVe on (``--words glove``), and frozen MiniLM tokens
(``minilm``), with which rows differ in their graphs alone. Trained until validation stops climbing, the epoch chosen
on validation; ``--tune N`` settings a row and the best ones of rows of the same model, the same number for all, are
tried on a third of the training videos first; the best of them, and the second where it is near, at a constant rate
with more patience too, on all of them.
Intervals resample seeds and videos. Finished runs are kept, and what tables are made of in ``results/runs``, with which
a study goes on on another machine; what is written says for each row how many seeds it has.
About 15 CPU minutes a row and seed, 40 with regions; 10 (30) more to extract the store.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import sys
from itertools import permutations
from typing import Any

from benchmarks import vitatecs
from benchmarks.lib import msrvtt, msrvtt_curves, transfer
from benchmarks.lib.harness import environment, printed_to, write_result
from benchmarks.lib.msrvtt_ridges import ridges
from benchmarks.lib.msrvtt_rows import all_rows
from benchmarks.lib.paths import DATA
from benchmarks.lib.runs import Runs, chance_runs, print_table
from benchmarks.lib.tables import print_differences, print_diverged
from benchmarks.lib.trial import Trial, wanted
from benchmarks.lib.trials import Measure, Trials
from graphvtr.datasets import RetrievalDataset


def measures(test: RetrievalDataset, clips: RetrievalDataset | None, quick: bool) -> dict[str, Measure]:
    """What is measured of a run beside its ranks: pairs of VITATECS and clips of MSVD, where these are at hand."""
    found = {} if clips is None else {transfer.MSVD: transfer.measure_on(clips)}
    if not quick and (DATA / "vitatecs").exists():
        found |= vitatecs.Pairs(test, vitatecs.read(test.videos)).measures()
    return found


def tuned_rows(trials: Trials, rows: dict[str, Trial], arguments: argparse.Namespace, words: str) -> dict[str, Any]:
    """Replace rows by their best settings on a third of the training videos; all that was tried."""
    if arguments.tune < 2 or arguments.quick:
        return {}
    best = msrvtt.chosen(trials, rows, arguments.tune, train=[trial.name for trial in wanted(rows, arguments)])
    rows |= {name: one.trial for name, one in best.items()}
    return {f"{name}, {msrvtt.WORDS[words]}": one.tried for name, one in best.items()}


def tables(
    closed: dict[str, Runs], all_trials: dict[str, Trials], rows: dict[str, dict[str, Trial]], seeds: range
) -> dict[str, Any]:
    """Everything printed, and as plain values: of each row the seeds that are there."""
    test = next(iter(all_trials.values())).splits["test"]
    owner = test.video_of_caption
    found = {"chance": chance_runs(owner, len(test.videos), 3)}
    found |= closed
    about: dict[str, Any] = {}
    for words, trials in all_trials.items():
        for name, trial in rows[words].items():
            there = trials.finished(trial, seeds)
            if not there:
                continue
            label = f"{name}, {msrvtt.WORDS[words]}"
            found[label] = trials.runs(trial, there)
            about[label] = trials.about(trial, there)
    print_table(f"{len(test.videos)} test videos, {len(owner)} captions;\n{msrvtt.NOTE}", found)
    print("\nseeds, trained parameters, seconds a seed (on a shared machine), validation rsum:")
    for label, row in about.items():
        mean = sum(row["seconds"]) / len(row["seconds"])
        val = ", ".join(f"{value:.0f}" for value in row["val_rsum"])
        print(f"  {label:24} {len(row['seeds'])}   {row['parameters']:>11,}   {mean:6.0f}   {val}")
    print_diverged(about)
    best = "ridge, MiniLM"
    differences = {name: runs.difference(found[best]) for name, runs in found.items() if name in about}
    print_differences(f"rsum less {best}'s", differences)
    between = {f"{one} less {other}": found[one].difference(found[other]) for one, other in permutations(about, 2)}
    for ours in (name for name in about if name.startswith("GraphVTR")):
        less = {name: between[f"{ours} less {name}"] for name in about if name != ours}
        print_differences(f"rsum of {ours} less the row's", less)
    summaries = {name: runs.summary() for name, runs in found.items()}
    return {"rows": summaries, "about": about, f"less {best}": differences, "between": between}


def transferred(
    clips: RetrievalDataset, all_trials: dict[str, Trials], rows: dict[str, dict[str, Trial]], seeds: range
) -> dict[str, Any]:
    """The same models on MSVD's clips, printed and as plain values (HGR, Table 2)."""
    found = transfer.baselines_on(clips, next(iter(all_trials.values())), "MSVD")
    for words, trials in all_trials.items():
        for name, trial in rows[words].items():
            label = f"{name}, {msrvtt.WORDS[words]}"
            if runs := transfer.runs_on(clips, trials, trial, trials.finished(trial, seeds)):
                found[label] = runs
    print_table(
        f"The same models on MSVD, {len(clips.videos)} clips, {len(clips.captions)} captions (HGR, Table 2)", found
    )
    return {name: runs.summary() for name, runs in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", nargs="*", help="names of rows to train; all by default, none with an empty list")
    parser.add_argument("--words", nargs="*", default=list(msrvtt.WORDS), choices=msrvtt.WORDS)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--captions", type=int, default=20, help="training captions a video (default: all 20)")
    parser.add_argument(
        "--tune",
        type=int,
        default=msrvtt.BUDGET,
        metavar="N",
        help="settings to try for each row (%(default)s)",
    )
    parser.add_argument("--regions", action="store_true", help="the rows that need regions")
    parser.add_argument("--detector", default=msrvtt.TUNED, choices=sorted(msrvtt.DETECTORS))
    parser.add_argument("--tables-only", action="store_true", help="train nothing")
    parser.add_argument("--quick", action="store_true", help="few videos, one epoch; shows that all works")
    parser.add_argument("--curve", nargs="+", type=int, metavar="N", help="learning curves over N training videos")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    if arguments.curve:
        msrvtt_curves.run(arguments)
        return
    detector = arguments.detector if arguments.regions else None
    path = msrvtt.store(detector)
    size = msrvtt.size_of(arguments)
    splits = msrvtt.splits(path, **size)
    seeds = range(1 if arguments.quick else arguments.seeds)
    study = msrvtt.study(detector, arguments.quick)
    clips = None
    if (DATA / transfer.MSVD).exists():
        clips = transfer.msvd_clips(detector)
    measure = measures(splits["test"], clips, arguments.quick)
    all_trials = {words: msrvtt.trials(study, splits, path, words, measure, **size) for words in arguments.words}
    rows = {words: all_rows(words, arguments.regions, arguments.quick) for words in arguments.words}
    closed = ridges(msrvtt.trials(study, splits, path, "minilm", **size))
    tried: dict[str, Any] = {}
    for words, trials in msrvtt.tuning(arguments, all_trials).items():
        tried |= tuned_rows(trials, rows[words], arguments, words)

    def write() -> None:
        quiet = contextlib.nullcontext() if arguments.quick else printed_to(study)
        with quiet:
            found = tables(closed, all_trials, rows, seeds)
            if clips is not None:
                found["transfer"] = transferred(clips, all_trials, rows, seeds)
        if not arguments.quick:
            write_result(study, found, note=msrvtt.note_of(arguments), tried=tried)

    for seed in seeds:  # a seed of every row before the next
        for words, trials in all_trials.items():
            trials.train_missing(wanted(rows[words], arguments), [seed], write)
    write()
    print(environment()["commit"], file=sys.stderr)


if __name__ == "__main__":
    main()
