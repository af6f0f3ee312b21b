"""MCSAN, its ablations (Table 3) and HANet on MovingScenes and on real MSVD clips, and the long tail of attributes.

    python benchmarks/accuracy/mcsan.py

Written down on 21 November 2026 before any test figure of these runs was seen. MovingScenes (2,000 clips, seed 0): the
first 250 training clips (1,250 captions) train, the first 60 validation clips choose the epoch, all 225 test clips are
ranked. MSVD: 57 clips train with their first 20 captions, 6 choose the epoch, 35 are ranked for their 1,404 captions;
twenty frames of EfficientNet-Lite0 features, word embeddings from 50-d GloVe. All rows: 128 dimensions, Sentence-BERT
is MiniLM, all negatives of a batch, Adam along a cosine, three seeds; intervals resample clips with all of their
captions. Finished runs are kept, so that a run that was stopped goes on (``--train-only`` draws nothing).

The long tail: how many of the attributes that the captions of a test clip name are among the likeliest ones by the
heads of the full model (focal loss) and without L (binary cross entropy), for attributes of every frequency in
training. Every clip gets as many guesses on each level as it has attributes there, so that no threshold favours the
loss that is better calibrated.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.lib.harness import RESULTS, write_result
from benchmarks.lib.hgr_setup import printed_to, scenes
from benchmarks.lib.mcsan_longtail import draw_longtail, longtail, print_longtail
from benchmarks.lib.paths import CACHE, DATA
from benchmarks.lib.runs import Runs, chance_runs, print_table
from benchmarks.lib.trials import Trial, Trials
from benchmarks.published import find, table_text
from graphvtr.datasets import DataSource, RetrievalDataset, build_dataset
from graphvtr.tasks import make_vocabulary
from graphvtr.tasks.checkpoint import load
from graphvtr.text.word_vectors import load_word_vectors

SEEDS = 3
CLIPS = {"train": 250, "val": 60, "test": 225}
TRAIN = {
    "moving_scenes": {"epochs": 8, "batch_size": 64, "lr": 1e-3, "schedule": "cosine", "clip_grad": 2.0},
    "msvd": {"epochs": 10, "batch_size": 64, "lr": 5e-4, "schedule": "cosine", "clip_grad": 2.0},
}
SIZES = {
    "hidden": 128,
    "word_dim": 50,
    "mining": "all",
    "word_dropout": 0.2,
    "video_dropout": 0.2,
    "concept_sizes": [256, 128, 256],
}
MCSAN = {**SIZES, "frame_width": 128, "feedforward": 256}
ABLATIONS: dict[str, dict[str, Any]] = {
    "MCSAN": {},
    "MCSAN without R": {"relationship": False},
    "MCSAN without S": {"shared_heads": False, "distribution_weight": 0.0},
    "MCSAN without L": {"attribute_loss": "bce"},
}


def rows(data: str) -> dict[str, Trial]:
    """The rows of one dataset's table."""
    mcsan = {name: Trial(name, "mcsan", {**MCSAN, **options}, TRAIN[data]) for name, options in ABLATIONS.items()}
    return {"HANet": Trial("HANet", "hanet", SIZES, TRAIN[data]), **mcsan}


def msvd(root: Path, store: Path) -> dict[str, RetrievalDataset]:
    """The clips at hand of the official splits; training captions are cut to 20 a clip."""
    options: dict[str, dict[str, Any]] = {"train": {"max_captions": 20}, "val": {}, "test": {}}
    return {
        split: build_dataset("msvd", split, DataSource(root=root, store=store, options=chosen))
        for split, chosen in options.items()
    }


def trials_of(data: str, arguments: argparse.Namespace) -> Trials:
    """The runs of one dataset."""
    if data == "moving_scenes":
        splits = scenes(CLIPS)
        return Trials("mcsan_scenes", splits, make_vocabulary(splits["train"]), data={"clips": CLIPS})
    splits = msvd(arguments.root, arguments.store)
    vectors = load_word_vectors("glove-package")
    kept = {"max_captions": 20, "features": "efficientnet_lite0"}
    return Trials("mcsan_msvd", splits, make_vocabulary(splits["train"]), data=kept, vectors=vectors)


def table(data: str, trials: Trials, seeds: range) -> dict[str, Any]:
    """One dataset's table, printed and as plain values."""
    test = trials.splits["test"]
    found: dict[str, Runs] = {"chance": chance_runs(test.video_of_caption, len(test.videos))}
    found |= {name: trials.runs(trial, seeds) for name, trial in rows(data).items()}
    print_table(f"{data}, {len(test.videos)} test clips, {len(test.captions)} captions, {len(seeds)} seeds", found)
    pairs = [("MCSAN", other) for other in (*list(ABLATIONS)[1:], "HANet")]
    differences = {f"{one} less {other}": found[one].difference(found[other]) for one, other in pairs}
    print("\npaired differences of rsum:")
    for name, value in differences.items():
        low, high = value["interval"]
        print(f"  {name}: {value['mean']:+.1f} [{low:+.1f}, {high:+.1f}]")
    seconds = {
        name: float(np.mean([trials.result(trial, seed).seconds for seed in seeds]))
        for name, trial in rows(data).items()
    }
    print("\nseconds to train a seed: " + ", ".join(f"{name} {value:.0f}" for name, value in seconds.items()))
    return {
        "rows": {name: runs.summary() for name, runs in found.items()},
        "differences": differences,
        "seconds": seconds,
    }


def tail(data: str, trials: Trials, seeds: range) -> dict[str, Any]:
    """The long tail of one dataset."""
    losses = {"focal": "MCSAN", "binary cross entropy": "MCSAN without L"}
    chosen = {loss: [trials.result(rows(data)[row], seed).checkpoint for seed in seeds] for loss, row in losses.items()}
    found = longtail(chosen, trials.splits["test"])
    print_longtail(data, found)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, default=DATA / "msvd98")
    parser.add_argument("--store", type=Path, default=CACHE / "msvd98_efficientnet_lite0")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--data", nargs="+", choices=sorted(TRAIN), default=list(TRAIN))
    parser.add_argument("--train-only", action="store_true", help="train what is missing and stop")
    parser.add_argument("--tiny", action="store_true", help="an epoch of a seed, to see that all runs; writes nothing")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    if arguments.tiny:
        for options in TRAIN.values():
            options["epochs"] = 1
    seeds = range(1 if arguments.tiny else arguments.seeds)
    trials = {name: trials_of(name, arguments) for name in arguments.data}
    for name in arguments.data:
        for seed in seeds:  # a seed of every row before the next: a run that is stopped has all rows
            for trial in rows(name).values():
                trials[name].result(trial, seed)
    if arguments.train_only:
        return
    with contextlib.nullcontext() if arguments.tiny else printed_to("mcsan"):
        found = {name: table(name, trials[name], seeds) for name in arguments.data}
        tails = {name: tail(name, trials[name], seeds) for name in arguments.data}
        print(f"\nThe paper's:\n{table_text(find('mcsan', table='3'))}")
    if arguments.tiny:
        return
    draw_longtail(tails, RESULTS / "mcsan_longtail.png")
    write_result(
        "mcsan",
        {name: {**found[name], "longtail": tails[name]} for name in found},
        settings={"train": TRAIN, "mcsan": MCSAN, "hanet": SIZES, "clips": CLIPS, "seeds": len(seeds)},
        parameters={
            name: {row: _parameters(trials[name], trial) for row, trial in rows(name).items()} for name in found
        },
    )


def _parameters(trials: Trials, trial: Trial) -> int:
    model = load(trials.result(trial, 0).checkpoint)
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)


if __name__ == "__main__":
    main()
