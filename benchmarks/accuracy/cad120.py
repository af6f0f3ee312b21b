"""Do relations in space and time tell apart videos of the same things? VSR-Net's variants on CAD-120's real graphs.

    python benchmarks/accuracy/cad120.py --root ../shared/data/cad120 --folds 1 2 3 4

The six rows of VSR-Net's Table 1, ViSERN and HGR are trained on the official splits, which leave one person out (of
the training list a tenth chooses the epoch), and retrieve the test clips, one action each, for their captions and the
reverse. Clips of which the same is true share their captions, so equal captions are one query with several right
clips. Figures are means over folds and seeds.

A second question is put to each clip: is it told by its own caption or by that of the opposite, worded alike with the
same thing (*picks up the cup* or *puts down the cup*, *opens* or *closes the microwave*)? Only kinds of clips whose
opposite is among the fold's test clips too are asked, and the accuracy is the mean over kinds: who answers without
looking at the clip gets 50 %.

All models see the same graphs, 8 frames a clip, and were given the same small width, learning rate and number of
epochs before the first test figure was looked at; all negatives of a batch, as many of its captions are equal.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.lib.harness import write_result
from benchmarks.lib.paths import DATA
from benchmarks.lib.runs import Runs, chance_runs, print_table
from benchmarks.lib.trials import Trial, TrialResult, Trials
from graphvtr.datasets.cad120 import CAD120Graphs
from graphvtr.datasets.cad120.captions import captions_of
from graphvtr.datasets.cad120.units import Unit
from graphvtr.metrics import first_of_each, percentiles
from graphvtr.nn.models.vsrnet import PRESETS
from graphvtr.tasks.checkpoint import load
from graphvtr.tasks.evaluate import encode_texts, encode_videos
from graphvtr.tasks.prepare import make_vocabulary
from graphvtr.text import pack

OPPOSITE = {
    "pick": "place",
    "place": "pick",
    "open": "close",
    "close": "open",
    "microwave_food": "take_food",
    "take_food": "microwave_food",
}
WIDTH = 64
TRAIN = {
    "epochs": 40,
    "batch_size": 64,
    "lr": 2e-3,
    "schedule": "cosine",
    "clip_grad": 2.0,
    "captions_per_video": "one",
}
VSRNET = {"hidden": WIDTH, "num_layers": 1, "heads": 4, "mlp_ratio": 2.0, "dropout": 0.1}
VISERN = {"hidden": WIDTH, "word_dim": 64, "video_rnn": 64, "text_rnn": 64, "filters": 32, "mining": "all"}
HGR = {"hidden": WIDTH, "word_dim": 64, "mining": "all", "node_reduce": "mean"}
ROWS = [Trial(f"VSR-Net {name}", "vsrnet", {**VSRNET, **preset}, TRAIN) for name, preset in PRESETS.items()]
ROWS += [Trial("ViSERN", "visern", VISERN, TRAIN), Trial("HGR", "hgr", HGR, TRAIN)]
RIVALS = ("VSR-Net VG", "VSR-Net VR_st", "VSR-Net VG+VR_m", "VSR-Net VG+VR_s", "VSR-Net VG+VR_t", "ViSERN", "HGR")
PAIRS = [("VSR-Net full", rival) for rival in RIVALS]


@dataclass(frozen=True)
class Choices:
    """Right or wrong of every question, all seeds of a model.

    Args:
        right: [seeds, clips], share of a clip's captions that are preferred to the opposite's.
        kind: [clips].
    """

    right: np.ndarray
    kind: np.ndarray

    def mean(self, rows: np.ndarray | None = None) -> float:
        """Mean over kinds, over the clips at ``rows`` (all of them by default)."""
        rows = np.arange(len(self.kind)) if rows is None else rows
        right, kind = self.right[:, rows].mean(0), self.kind[rows]
        return float(np.mean([right[kind == one].mean() for one in np.unique(kind)]) * 100)

    def draws(self, samples: int = 1000) -> np.ndarray:
        """The mean of resampled clips, drawn kind by kind; the same draws for every model."""
        rng = np.random.default_rng(0)
        members = [np.flatnonzero(self.kind == one) for one in np.unique(self.kind)]
        return np.array([self.mean(np.concatenate([rng.choice(m, len(m)) for m in members])) for _ in range(samples)])


def key(unit: Unit) -> str:
    """The kind of a clip: what is done to what."""
    (action,) = unit.actions
    return f"{action.name} {action.thing}"


def opposite(unit: Unit) -> Unit | None:
    """The same thing, done the other way round."""
    (action,) = unit.actions
    return replace(unit, actions=(replace(action, name=OPPOSITE[action.name]),)) if action.name in OPPOSITE else None


def questions(test: CAD120Graphs) -> tuple[list[int], list[Unit]]:
    """The clips that are asked, and their opposites."""
    kinds = {key(unit) for unit in test.units}
    pairs = [(clip, opposite(unit)) for clip, unit in enumerate(test.units)]
    asked = [(clip, other) for clip, other in pairs if other is not None and key(other) in kinds]
    return [clip for clip, _ in asked], [other for _, other in asked]


def choose(results: list[TrialResult], test: CAD120Graphs, vocabulary: Any) -> Choices:
    """Put the questions to every seed of a model."""
    clips, others = questions(test)
    rows = [(test.video_of_caption == clip).nonzero().squeeze(1) for clip in clips]
    right: list[list[float]] = []
    for result in results:
        model = load(result.checkpoint)
        graphs = vocabulary.encode_store(pack(lists for unit in others for lists in captions_of(unit)))
        graphs = graphs.mapped(model.transform_text)
        videos = test.video_graphs.subset(clips).mapped(model.transform_video)
        with torch.inference_mode():
            scores = model.similarity(encode_videos(model, videos), encode_texts(model, graphs))
        each = len(captions_of(others[0]))
        mine = result.scores["test"]
        right.append(
            [
                float((mine[clip, own] > scores[place, place * each : (place + 1) * each]).float().mean())
                for place, (clip, own) in enumerate(zip(clips, rows, strict=True))
            ]
        )
    return Choices(np.array(right), np.array([key(test.units[clip]) for clip in clips]))


def average(folds: list[Runs]) -> Runs:
    """The mean over folds of every figure, seed by seed; folds are resampled apart."""
    values = {name: np.mean([runs.values[name] for runs in folds], axis=0) for name in folds[0].values}
    return Runs(values, {name: np.mean([runs.draws[name] for runs in folds], axis=0) for name in folds[0].draws})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, default=DATA / "cad120")
    parser.add_argument("--folds", type=int, nargs="+", default=[1, 2, 3, 4])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--frames", type=int, default=8)
    parser.add_argument("--epochs", type=int, help="fewer, to try the script out; nothing is written")
    arguments = parser.parse_args()
    models: dict[str, list[Runs]] = {}
    choices: dict[str, list[Choices]] = {}
    counts: list[dict[str, int]] = []
    for fold in arguments.folds:
        data = {"fold": fold, "num_frames": arguments.frames}
        splits = {split: CAD120Graphs(arguments.root, split, **data) for split in ("train", "val", "test")}
        vocabulary, test = make_vocabulary(splits["train"]), splits["test"]
        trials = Trials("cad120", splits, vocabulary, data=data)
        columns, videos_of_text = first_of_each(test.captions, test.video_of_caption)
        counts.append({split: len(one.videos) for split, one in splits.items()} | {"test captions": len(columns)})
        models.setdefault("chance", []).append(chance_runs(videos_of_text, len(test.videos)))
        for trial in ROWS:
            if arguments.epochs:
                trial = replace(trial, train={**trial.train, "epochs": arguments.epochs})
            results = [trials.result(trial, seed) for seed in range(arguments.seeds)]
            scores = [result.scores["test"][:, columns] for result in results]
            models.setdefault(trial.name, []).append(Runs.of(scores, videos_of_text))
            choices.setdefault(trial.name, []).append(choose(results, test, vocabulary))
    joined = {
        name: Choices(np.concatenate([c.right for c in parts], 1), np.concatenate([c.kind for c in parts]))
        for name, parts in choices.items()
    }
    report(arguments, {name: average(folds) for name, folds in models.items()}, joined, counts)


def report(
    arguments: argparse.Namespace, models: dict[str, Runs], choices: dict[str, Choices], counts: list[dict[str, int]]
) -> None:
    """Print and write both tables and the differences."""
    clips = sum(one["test"] for one in counts)
    print_table(f"CAD-120, {clips} test clips of {len(counts)} folds, means over folds and seeds", models)
    rows = {name: {"retrieval": runs.summary()} for name, runs in models.items()}
    draws = {name: one.draws() for name, one in choices.items()}
    print(f"\nown caption or the opposite's, {len(choices['HGR'].kind)} clips (50 % without looking)")
    for name, one in choices.items():
        low, high = interval = percentiles(draws[name])
        rows[name]["choice"] = {"mean": one.mean(), "interval": interval}
        print(f"{name:20} {one.mean():5.1f} [{low:.1f}, {high:.1f}]")
    differences: dict[str, Any] = {}
    for one, two in PAIRS:
        rsum = models[one].difference(models[two])
        choice = {
            "mean": choices[one].mean() - choices[two].mean(),
            "interval": percentiles(draws[one] - draws[two]),
        }
        differences[f"{one} less {two}"] = {"rsum": rsum, "choice": choice}
        parts = [
            f"{name} {value['mean']:+.1f} [{value['interval'][0]:+.1f}, {value['interval'][1]:+.1f}]"
            for name, value in (("rsum", rsum), ("choice", choice))
        ]
        print(f"{one} less {two}: {', '.join(parts)}")
    if not arguments.epochs:
        write_result(
            "cad120",
            rows,
            differences=differences,
            folds=dict(zip(arguments.folds, counts, strict=True)),
            settings={
                "train": TRAIN,
                "vsrnet": VSRNET,
                "visern": VISERN,
                "hgr": HGR,
                "seeds": arguments.seeds,
                "frames": arguments.frames,
            },
        )


if __name__ == "__main__":
    main()
