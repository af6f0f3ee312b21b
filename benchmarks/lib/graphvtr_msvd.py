"""98 real MSVD clips, of which 57 train: GraphVTR, which begins at a closed form, beside the models and closed forms.

The configurations of MSR-VTT with MiniLM words as they are; 6 clips choose strengths, gates and the epoch, 35 are
ranked for each of their 1,404 captions and the captions for each clip. Nothing was chosen on the test clips. The same
models are measured on MSR-VTT's test videos too, of which none saw any (HGR, Table 2, from small to large). Intervals
resample seeds and clips. A CPU minute a row and seed, two more to extract the store.
"""

from __future__ import annotations

import argparse
import contextlib
from dataclasses import replace
from typing import Any

from benchmarks.lib import msrvtt, transfer
from benchmarks.lib.graphvtr_msrvtt import FULL
from benchmarks.lib.harness import printed_to, write_result
from benchmarks.lib.msrvtt_ridges import ridges
from benchmarks.lib.msrvtt_rows import rows
from benchmarks.lib.paths import DATA, RESULTS
from benchmarks.lib.runs import Runs, chance_runs, print_table
from benchmarks.lib.tables import print_differences, print_diverged
from benchmarks.lib.trial import small, wanted
from benchmarks.lib.trials import Trials
from graphvtr.datasets import DataSource, build_dataset
from graphvtr.tasks import make_vocabulary

ROWS = {
    FULL.name: FULL,
    "with role graphs": replace(FULL, name="with role graphs", options={**FULL.options, "graphs": True}),
    **rows("minilm"),
}
MSRVTT = "MSR-VTT"


def run(arguments: argparse.Namespace) -> None:
    """The tables ``flagship_msvd``, see :mod:`benchmarks.graphvtr`."""
    quick = arguments.quick
    store = msrvtt.store(of=transfer.MSVD)
    source = DataSource(root=DATA / transfer.MSVD, store=store)
    splits = {split: build_dataset("msvd", split, source) for split in ("train", "val", "test")}
    videos = msrvtt.split(msrvtt.store(), "test") if (DATA / "msrvtt").exists() and not quick else None
    trials = Trials(
        "flagship_msvd",
        splits,
        make_vocabulary(splits["train"]),
        data={"dataset": "msvd98", "store": store.name},
        records=None if quick else RESULTS / "runs" / "flagship_msvd",
        measure=None if videos is None else {MSRVTT: transfer.measure_on(videos)},
    )
    every = {name: small(trial) if quick else trial for name, trial in ROWS.items()}
    trials.train_missing(wanted(every, arguments), range(arguments.seeds), lambda: None)
    owner = splits["test"].video_of_caption
    found = {"chance": chance_runs(owner, len(splits["test"].videos))}
    found |= ridges(trials)
    about: dict[str, Any] = {}
    moved: dict[str, Runs] = {}
    if videos is not None:
        moved = transfer.baselines_on(videos, trials, MSRVTT, 3)
    for name, trial in every.items():
        if there := trials.finished(trial, range(arguments.seeds)):
            found[name] = trials.runs(trial, there)
            about[name] = trials.about(trial, there)
            if videos is not None and (runs := transfer.runs_on(videos, trials, trial, there, MSRVTT)):
                moved[name] = runs
    ours = [name for name in about if every[name].model == FULL.model]
    pairs = [(name, other) for name in ours for other in found if other not in (name, "chance")]
    less = {f"{name} less {other}": found[name].difference(found[other]) for name, other in pairs}
    with contextlib.nullcontext() if quick else printed_to("flagship_msvd"):
        print_table(f"MSVD, {len(splits['test'].videos)} test clips, {len(owner)} captions; words: MiniLM", found)
        print_differences("rsum", less)
        print_diverged(about)
        if videos is not None:
            print_table(f"The same models on {len(videos.videos)} test videos of MSR-VTT (HGR, Table 2)", moved)
    if not quick:
        summaries = {name: runs.summary() for name, runs in found.items()}
        transferred = {name: runs.summary() for name, runs in moved.items()}
        write_result("flagship_msvd", {"rows": summaries, "about": about, "less": less, "transfer": transferred})
