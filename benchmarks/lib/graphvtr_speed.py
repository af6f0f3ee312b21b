"""What GraphVTR costs beside the four papers' models, on MSR-VTT with YOLOX-nano's regions and MiniLM words.

Training: seconds of an epoch with its validation, and before the first one (GraphVTR solves its start there), as the
difference of runs of one and two epochs; times the epochs that the row's runs took until validation stopped climbing
(mean of the recorded seeds), beside the dearest of the four. Search:
milliseconds of ``Index.search`` whole, over all 4,427 clips, one question and sixteen; weights are random. Alone on the
machine; 30 minutes, and 20 more to extract the store.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from benchmarks.lib import msrvtt, msrvtt_rows
from benchmarks.lib.graphvtr_msrvtt import DETECTOR, FULL
from benchmarks.lib.harness import environment, measure, printed_to, write_result
from benchmarks.lib.trial import Trial, small
from benchmarks.lib.trials import Trials
from benchmarks.search_recall import asked, indexed, made
from graphvtr.datasets import RetrievalDataset
from graphvtr.errors import DataError
from graphvtr.tasks.prepare import build_model
from graphvtr.tasks.trainer import TrainOptions, fit

BESIDE = ("HGR", "MCSAN", "ViSERN random_walk, dot", "VSR-Net VG+VR_s")
QUESTIONS, TOGETHER, TOP = 40, 16, 10
FRAMES = replace(msrvtt_rows.GRAPHVTR, name=f"{FULL.name} without relations")
"""Its record has the same key under any name."""


def rows() -> dict[str, Trial]:
    """GraphVTR, with its level of relations and without, and a row of each paper."""
    every = {**msrvtt_rows.rows("minilm"), **msrvtt_rows.rows("minilm", regions=True)}
    return {trial.name: trial for trial in (FULL, FRAMES, *(every[name] for name in BESIDE))}


def taken(studies: list[Trials], every: dict[str, Trial]) -> dict[str, float]:
    """Epochs that the recorded runs of each row took, with the settings that were chosen for it; the mean over seeds.

    Raises:
        DataError: there is no record of one.
    """
    found: dict[str, float] = {}
    for trials, others in zip(studies, (True, False), strict=True):
        rivals = msrvtt_rows.rows("minilm", regions=others)  # settings are chosen with all rows of a study in view
        best = {name: one.trial for name, one in msrvtt.chosen(trials, rivals).items() if name in every}
        for name, trial in (every | best).items():
            if name not in found and (seeds := trials.finished(trial, range(5))):
                found[name] = statistics.mean(len(curve) for curve in trials.about(trial, seeds)["curves"])
    if missing := [name for name in every if name not in found]:
        command = "benchmarks/graphvtr.py msrvtt or benchmarks/msrvtt_real.py (--regions)"
        raise DataError(missing[0], "has no record of a run on MSR-VTT", f"train it first: {command}")
    return found


def training_seconds(trials: Trials, trial: Trial, epochs: float) -> dict[str, float]:
    """Seconds of an epoch, of what comes before the first, and of so many."""
    _, *spent = [_fit_seconds(trials, trial, count) for count in (1, 1, 2)]  # the first one fills the caches
    epoch = spent[1] - spent[0]
    before = max(0.0, spent[0] - epoch)
    return {"before": before, "epoch": epoch, "epochs": epochs, "whole": before + epoch * epochs}


def _fit_seconds(trials: Trials, trial: Trial, epochs: int) -> float:
    train, val = trials.splits["train"], trials.splits["val"]
    model = build_model(trial.model, train, trials.vocabulary, dict(trial.options))
    options = TrainOptions(**{"device": "cpu", "seed": 0, **trial.train, "epochs": epochs})
    with tempfile.TemporaryDirectory() as folder:
        begin = time.perf_counter()
        fit(model, trials.vocabulary, train, val, Path(folder), options, progress=False)
        return time.perf_counter() - begin


def search_milliseconds(splits: list[RetrievalDataset], trial: Trial, seconds: float) -> dict[str, float]:
    """Medians over questions, each timed often; one alone and sixteen together."""
    model = made(trial.model, splits[-1], dict(trial.options))
    questions = asked(splits, QUESTIONS)
    with tempfile.TemporaryDirectory() as folder:
        index = indexed(model, splits, Path(folder) / "index")
        one = [measure(lambda q=q: index.search([q], TOP), seconds=seconds, min_calls=3).median for q in questions]
        many = measure(lambda: index.search(questions[:TOGETHER], TOP), seconds=10 * seconds)
    return {"one_ms": 1000 * statistics.median(one), "sixteen_ms": 1000 * many.median, "clips": len(index)}


def run(arguments: argparse.Namespace) -> None:
    """The table ``flagship_speed``, whole in one process, so that its ratios are of one run."""
    quick = arguments.quick
    if arguments.tables_only:
        return
    path, size = msrvtt.store(DETECTOR), msrvtt.size_of(arguments)
    regions = msrvtt.splits(path, **size)
    trials = msrvtt.trials(msrvtt.study(quick=True), regions, path, "minilm", **size)  # no records: runs are timed
    epochs = dict.fromkeys(rows(), 2.0)
    if not quick:
        frames = msrvtt.store()
        studies = [
            msrvtt.trials(msrvtt.study(DETECTOR), regions, path, "minilm", **size),
            msrvtt.trials(msrvtt.study(), msrvtt.splits(frames, **size), frames, "minilm", **size),
        ]
        epochs = taken(studies, rows())
    splits = [trials.splits[name] for name in ("val", "test", "train")]
    found: dict[str, dict[str, float]] = {}
    for name, trial in rows().items():
        one = small(trial) if quick else trial
        found[name] = training_seconds(trials, one, epochs[name]) | search_milliseconds(
            splits, one, 0.01 if quick else 0.2
        )
    dearest = max(BESIDE, key=lambda name: found[name]["whole"])
    for row in found.values():
        row["of_dearest"] = row["whole"] / found[dearest]["whole"]
        row["of_hgr"] = row["one_ms"] / found["HGR"]["one_ms"]
    with contextlib.nullcontext() if quick else printed_to("flagship_speed"):
        print(f"{len(trials.splits['train'].videos)} training videos; {environment()['threads']} threads\n")
        print(f"{'':27}  seconds to train                  of the   ms a search       of")
        print(f"{'':27}  before  epoch  epochs   whole  dearest    one  sixteen   HGR's")
        for name, row in found.items():
            print(
                f"{name:27}  {row['before']:6.1f} {row['epoch']:6.1f} {row['epochs']:7.1f} {row['whole']:7.0f}"
                f"  {row['of_dearest']:7.2f}  {row['one_ms']:5.1f}  {row['sixteen_ms']:7.1f}   {row['of_hgr']:5.2f}"
            )
    if not quick:
        write_result("flagship_speed", found, dearest=dearest, note=msrvtt.NOTE)
