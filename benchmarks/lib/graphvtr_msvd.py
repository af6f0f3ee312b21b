"""98 real MSVD clips, of which 57 train: GraphVTR, which begins at a closed form, beside HGR, VSE and the closed forms.

The configurations of MSR-VTT with MiniLM words as they are; 6 clips choose strengths, gates and the epoch, 35 are
ranked for each of their 1,404 captions and the captions for each clip. Nothing was chosen on the test clips. Intervals
resample seeds and clips. A CPU minute a row and seed, two more to extract the store.
"""

from __future__ import annotations

import argparse
import contextlib
from dataclasses import replace
from typing import Any

from benchmarks.lib import msrvtt
from benchmarks.lib.graphvtr_msrvtt import FULL, wanted
from benchmarks.lib.harness import printed_to, write_result
from benchmarks.lib.paths import CACHE, DATA, RESULTS
from benchmarks.lib.runs import chance_runs, print_table
from benchmarks.lib.tables import print_differences
from benchmarks.lib.trials import Trials, small
from benchmarks.msrvtt_real import ridges
from graphvtr.datasets import DataSource, build_dataset
from graphvtr.tasks import make_vocabulary
from graphvtr.video import build_featurizer, extract

ROWS = {
    FULL.name: FULL,
    "with role graphs": replace(FULL, name="with role graphs", options={**FULL.options, "graphs": True}),
    **{name: trial for name, trial in msrvtt.rows("minilm").items() if name in ("HGR", "VSE")},
}


def run(arguments: argparse.Namespace) -> None:
    """The tables ``flagship_msvd``, see :mod:`benchmarks.graphvtr`."""
    quick = arguments.quick
    root, store = DATA / "msvd98", CACHE / "msvd98_efficientnet_lite0"
    extract(root / "video", store, build_featurizer("efficientnet_lite0"), num_frames=20)
    source = DataSource(root=root, store=store)
    splits = {split: build_dataset("msvd", split, source) for split in ("train", "val", "test")}
    trials = Trials(
        "flagship_msvd",
        splits,
        make_vocabulary(splits["train"]),
        data={"dataset": "msvd98", "store": store.name},
        records=None if quick else RESULTS / "runs" / "flagship_msvd",
    )
    every = {name: small(trial) if quick else trial for name, trial in ROWS.items()}
    trials.train_missing(wanted(every, arguments), range(arguments.seeds), lambda: None)
    owner = splits["test"].video_of_caption
    found = {"chance": chance_runs(owner, len(splits["test"].videos))}
    found |= ridges(trials)
    about: dict[str, Any] = {}
    for name, trial in every.items():
        if there := trials.finished(trial, range(arguments.seeds)):
            found[name] = trials.runs(trial, there)
            about[name] = trials.about(trial, there)
    closed, ready = [name for name in found if name not in about and name != "chance"], list(about)
    pairs = [(name, other) for place, name in enumerate(ready, 1) for other in (*closed, *ready[place:])]
    less = {f"{name} less {other}": found[name].difference(found[other]) for name, other in pairs}
    with contextlib.nullcontext() if quick else printed_to("flagship_msvd"):
        print_table(f"MSVD, {len(splits['test'].videos)} test clips, {len(owner)} captions; words: MiniLM", found)
        print_differences("rsum", less)
    if not quick:
        summaries = {name: runs.summary() for name, runs in found.items()}
        write_result("flagship_msvd", {"rows": summaries, "about": about, "less": less})
