"""Do relations in space and time tell apart videos of the same things? Every model on CAD-120's real graphs.

    python benchmarks/accuracy/cad120.py                                    # trains what is missing, all four folds
    python benchmarks/accuracy/cad120.py --rows "GraphVTR" --folds 1 --seeds 1    # a first look; writes nothing
    python benchmarks/accuracy/cad120.py --quick                            # an epoch; shows that all works

The six rows of VSR-Net's Table 1, the four of ViSERN's Table 3 (with batch norm and a walk that begins at nothing, and
"ViSERN" without both), HGR and GraphVTR are trained on the official splits, which leave one person out (of the training
list a tenth chooses the epoch), and retrieve the test clips, one action each, for their captions and the reverse. Clips
of which the same is true share their captions, so equal captions are one query with several right clips. Figures are
means over folds and seeds. VSR-Net and GraphVTR read captions with a frozen MiniLM; rows of ViSERN and HGR learn their
words, or read MiniLM's too.

A second question is put to each clip: is it told by its own caption or by that of the opposite, worded alike with the
same thing (*picks up the cup* or *puts down the cup*, *opens* or *closes the microwave*)? Only kinds of clips whose
opposite is among the fold's test clips too are asked, and the accuracy is the mean over kinds: who answers without
looking at the clip gets 50 %.

All models see the same graphs, 8 frames a clip, and were given the same small width, learning rate and number of
epochs before the first test figure was looked at; all negatives of a batch, as many of its captions are equal. What
GraphVTR reads of a clip was chosen on fold 1's training list, one of its three persons left out in turn: fold 1's test
person had no say, those of the other folds had. About 2 CPU minutes a row, fold and seed.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.lib import msrvtt_rows
from benchmarks.lib.graphvtr_msrvtt import of_levels
from benchmarks.lib.harness import printed_to, write_result
from benchmarks.lib.paths import DATA, RESULTS
from benchmarks.lib.runs import POWER, Runs, chance_runs, line_of_ranks, print_table, ranks_of, with_seeds
from benchmarks.lib.tables import print_differences, print_diverged
from benchmarks.lib.trial import Trial, wanted
from benchmarks.lib.trials import Trials
from graphvtr.datasets.cad120 import CAD120Graphs
from graphvtr.datasets.cad120.captions import captions_of
from graphvtr.datasets.cad120.units import Unit
from graphvtr.metrics import first_of_each, percentiles
from graphvtr.nn import GraphVTR, RetrievalModel
from graphvtr.nn.models.vsrnet import PRESETS
from graphvtr.tasks.embed import encode_texts, encode_videos
from graphvtr.tasks.prepare import make_vocabulary
from graphvtr.text import Vocabulary, pack

RANKS, CHOICES = "different captions", "choices"
MEASURED = (RANKS, CHOICES, f"start {RANKS}", f"start {CHOICES}")
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
VISERN = {"hidden": WIDTH, "video_rnn": 64, "text_rnn": 64, "filters": 32, "mining": "all"}
HGR = {"hidden": WIDTH, "mining": "all", "node_reduce": "mean"}
OURS = {"hidden": WIDTH, "members": 4, "inner": 2 * WIDTH, "bag": 0, "graphs": False}
TIME = {"dct": 4, "pooled": True, "scaled": True}
READ: dict[str, dict[str, Any]] = {"": {"word_dim": 64}, ", MiniLM": {"text": "minilm"}}
FULL, START = "GraphVTR", "GraphVTR's start, a closed form"
ROWS = [
    *(Trial(f"VSR-Net {name}", "vsrnet", {**VSRNET, **preset}, TRAIN) for name, preset in PRESETS.items()),
    Trial("ViSERN", "visern", {**VISERN, **READ[""]}, TRAIN),
    *(
        Trial(f"ViSERN {name}{words}", "visern", {**VISERN, **options, **read}, TRAIN)
        for words, read in READ.items()
        for name, options in msrvtt_rows.VISERN.items()
    ),
    *(Trial(f"HGR{words}", "hgr", {**HGR, **read}, TRAIN) for words, read in READ.items()),
    Trial(FULL, "graphvtr", {**OURS, **TIME, "relations": 6}, TRAIN),
    Trial(f"{FULL}, without relations", "graphvtr", {**OURS, **TIME}, TRAIN),
    Trial(f"{FULL}, with role graphs", "graphvtr", {**OURS, **TIME, "relations": 6, "graphs": True}, TRAIN),
    Trial(f"{FULL}, mean frames", "graphvtr", {**OURS, "relations": 6}, TRAIN),
]
RELATIONS, WALK = "VSR-Net full", "ViSERN random_walk, dot"
LEFT = (RELATIONS, *(f"{WALK}{words}" for words in READ), FULL)
"""Rows that are compared with every other one."""
FOLDS, FRAMES = (1, 2, 3, 4), 8


@dataclass(frozen=True)
class Choices:
    """Right or wrong of every question, all seeds of a model.

    Args:
        right: [seeds, clips], share of a clip's captions that are preferred to the opposite's.
        kind: [clips].
    """

    right: np.ndarray
    kind: np.ndarray

    def mean(self) -> float:
        """Mean over kinds."""
        return float(np.mean([self.right[:, self.kind == one].mean() for one in np.unique(self.kind)]) * 100)

    def draws(self, seed: int = 1, samples: int = 1000) -> np.ndarray:
        """The mean of resampled seeds on resampled clips, drawn kind by kind; the same clips for every model."""
        rng = np.random.default_rng(0)
        values = np.zeros((len(self.right), samples))
        kinds = np.unique(self.kind)
        for one in kinds:
            mine = self.right[:, self.kind == one]
            drawn = rng.integers(mine.shape[1], size=(samples, mine.shape[1]))
            values += 100 * mine[:, drawn].mean(2) / len(kinds)
        return with_seeds(values, seed)

    def difference(self, other: Choices) -> dict[str, Any]:
        """Mean less that of ``other``, as :meth:`benchmarks.lib.runs.Runs.difference`."""
        draws = self.draws(1) - other.draws(2)
        return {
            "mean": self.mean() - other.mean(),
            "interval": percentiles(draws),
            "smallest_visible": float(POWER * draws.std()),
        }


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


def choose(model: RetrievalModel, test: CAD120Graphs, vocabulary: Vocabulary) -> Tensor:
    """Put the questions to a model: of each the share of a clip's captions that are preferred to the opposite's."""
    clips, others = questions(test)
    own = torch.stack([(test.video_of_caption == clip).nonzero().squeeze(1) for clip in clips])  # [questions, 5]
    opposites = pack(lists for unit in others for lists in captions_of(unit))
    captions = [vocabulary.encode_store(one) for one in (test.role_graphs.subset(own.flatten()), opposites)]
    place = torch.arange(len(clips))
    with torch.inference_mode():
        video = encode_videos(model, test.video_graphs.subset(clips).mapped(model.transform_video))
        texts = (encode_texts(model, graphs.mapped(model.transform_text)) for graphs in captions)
        mine, theirs = (model.similarity(video, text).view(len(clips), *own.shape)[place, place] for text in texts)
    return (mine > theirs).float().mean(1)


class Fold:
    """The runs on one fold, with what is measured of each: ranks among different captions, and choices.

    Args:
        number: of the fold.
        quick: nothing is kept in the repository.
    """

    def __init__(self, number: int, quick: bool) -> None:
        data = {"fold": number, "num_frames": FRAMES}
        splits = {split: CAD120Graphs(DATA / "cad120", split, **data) for split in ("train", "val", "test")}
        self.test = splits["test"]
        self.columns, self.owner = first_of_each(self.test.captions, self.test.video_of_caption)
        self.trials = Trials(
            "cad120_quick" if quick else "cad120",
            splits,
            make_vocabulary(splits["train"]),
            data=data,
            records=None if quick else RESULTS / "runs" / "cad120",
            measure={name: functools.partial(self._measure, name) for name in MEASURED},
        )
        self.counts = {split: len(one.videos) for split, one in splits.items()} | {"test captions": len(self.columns)}

    def _measure(self, name: str, model: RetrievalModel, scores: Mapping[str, Tensor]) -> Tensor:
        start = name.startswith("start")
        if start:  # without what the gates let through GraphVTR is the closed form
            if not isinstance(model, GraphVTR):
                return torch.zeros(0)
            model = of_levels(model)
        if name.endswith(CHOICES):
            return choose(model, self.test, self.trials.vocabulary)
        found = self.trials.scores_of(model, "test") if start else scores["test"]
        return line_of_ranks(found[:, self.columns], self.owner)

    def measured(self, trial: Trial, seeds: list[int], of: str = "") -> tuple[Runs, Choices]:
        """Both figures of some seeds of a row, or of its ``start``."""
        videos = len(self.test.videos)
        groups = ranks_of(torch.zeros(videos, len(self.columns)), self.owner)[2]
        ranks, right = (self.trials.measured(trial, seeds, f"{of}{name}") for name in (RANKS, CHOICES))
        runs = [Runs.of_line(one, videos, groups) for one in ranks]
        kinds = [key(self.test.units[clip]) for clip in questions(self.test)[0]]
        return Runs.joined(runs), Choices(torch.stack(right).numpy(), np.array(kinds))


def average(folds: list[Runs]) -> Runs:
    """The mean over folds of every figure, seed by seed; folds are resampled apart."""
    values = {name: np.mean([runs.values[name] for runs in folds], axis=0) for name in folds[0].values}
    return Runs(values, {name: np.mean([runs.draws[name] for runs in folds], axis=0) for name in folds[0].draws})


def joined(folds: list[Choices]) -> Choices:
    """The clips of all folds."""
    return Choices(np.concatenate([one.right for one in folds], 1), np.concatenate([one.kind for one in folds]))


def run(
    arguments: argparse.Namespace, name: str = "cad120", folds: Sequence[int] = FOLDS, rows: Sequence[Trial] = ROWS
) -> None:
    """Train what is missing, and write the tables of what every fold has with all seeds.

    Args:
        arguments: ``rows`` to train (all of them by default), ``seeds``, ``tables_only`` and ``quick``.
        name: of the result files, which are written only where all folds are asked for.
        folds: of the data set.
        rows: of the tables.
    """
    if arguments.quick:
        folds, rows = folds[:1], [replace(trial, train={**trial.train, "epochs": 1}) for trial in rows]
    found: dict[str, list[tuple[Runs, Choices]]] = {}
    about: dict[str, dict[int, dict[str, Any]]] = {}
    chance, counts, seeds = [], [], range(arguments.seeds)
    for number in folds:
        fold = Fold(number, arguments.quick)
        fold.trials.train_missing(wanted({trial.name: trial for trial in rows}, arguments), seeds, lambda: None)
        chance.append(chance_runs(fold.owner, len(fold.test.videos)))
        counts.append(fold.counts)
        for trial in rows:
            if len(fold.trials.finished(trial, seeds)) < arguments.seeds:
                continue
            found.setdefault(trial.name, []).append(fold.measured(trial, list(seeds)))
            about.setdefault(trial.name, {})[number] = fold.trials.about(trial, list(seeds))
            if trial.name == FULL:  # the same of any seed
                found.setdefault(START, []).append(fold.measured(trial, [0], "start "))
    whole = {row: parts for row, parts in found.items() if len(parts) == len(folds)}
    models = {"chance": average(chance)} | {row: average([part[0] for part in parts]) for row, parts in whole.items()}
    choices = {row: joined([part[1] for part in parts]) for row, parts in whole.items()}
    written = not arguments.quick and tuple(folds) == FOLDS
    with printed_to(name) if written else contextlib.nullcontext():
        content, differences = tables(models, choices, counts)
        print_diverged({f"{row}, fold {fold}": one for row, parts in about.items() for fold, one in parts.items()})
    if written:
        write_result(
            name,
            content,
            differences=differences,
            folds=dict(zip(folds, counts, strict=True)),
            settings={"seeds": arguments.seeds, "frames": FRAMES},
            about={row: list(parts.values()) for row, parts in about.items() if row in whole},
        )


def tables(
    models: dict[str, Runs], choices: dict[str, Choices], counts: list[dict[str, int]]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Print both tables and the differences; they as plain values."""
    clips = sum(one["test"] for one in counts)
    print_table(f"CAD-120, {clips} test clips of {len(counts)} folds, means over folds and seeds", models)
    content: dict[str, Any] = {row: {"retrieval": runs.summary()} for row, runs in models.items()}
    for row, one in choices.items():
        content[row]["choice"] = {"mean": one.mean(), "interval": percentiles(one.draws())}
    if choices:
        asked = len(next(iter(choices.values())).kind)
        print(f"\nown caption or the opposite's, {asked} clips (50 % without looking)")
    width = max(map(len, models))
    for row in choices:
        value, (low, high) = content[row]["choice"]["mean"], content[row]["choice"]["interval"]
        print(f"{row:{width}} {value:5.1f} [{low:.1f}, {high:.1f}]")
    differences: dict[str, Any] = {}
    for one in (row for row in LEFT if row in choices):
        others = [row for row in choices if row != one]
        for figure, sides in (("rsum", models), ("choice", choices)):
            less = {row: sides[one].difference(sides[row]) for row in others}
            print_differences(f"{figure} of {one} less the row's", less)
            for row in others:
                differences.setdefault(f"{one} less {row}", {})[figure] = less[row]
    return content, differences


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", nargs="*", help="names of rows; all by default")
    parser.add_argument("--folds", type=int, nargs="+", default=FOLDS, choices=FOLDS)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--tables-only", action="store_true", help="train nothing")
    parser.add_argument("--quick", action="store_true", help="a fold, a seed, an epoch; shows that all works")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.seeds = 1
    logging.basicConfig(level=logging.WARNING)
    run(arguments, folds=arguments.folds)


if __name__ == "__main__":
    main()
