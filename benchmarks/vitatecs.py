"""VITATECS: of a caption and one that differs in one concept, which fits the video? Real video, by aspect.

    python benchmarks/vitatecs.py            # every model that benchmarks/msrvtt_real.py has trained, beside ridge
    python benchmarks/vitatecs.py --quick    # a few pairs

Pairs of MSR-VTT test videos that have frames here; measured only, never tuned on. Equal scores count as wrong.
Intervals resample videos with all of their pairs, and seeds. Rows "beside other videos" score each pair with videos
that it is not of: what is told apart there is told by the captions alone, and only what a model adds to it says
something of the video. The last rows take all models as one. Ten CPU minutes, most of them for reading captions once;
models were measured when they were trained.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import gzip
import hashlib
import itertools
import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.lib import msrvtt
from benchmarks.lib.harness import printed_to, write_result
from benchmarks.lib.msrvtt_rows import all_rows
from benchmarks.lib.paths import CACHE, DATA
from benchmarks.lib.runs import POWER, with_seeds
from benchmarks.lib.tables import print_shares
from benchmarks.lib.trial import Trial
from benchmarks.lib.trials import Measure, Trials
from graphvtr.datasets import RetrievalDataset
from graphvtr.datasets.parsing import parse_captions
from graphvtr.datasets.source import DataSource
from graphvtr.graphs import GraphStore, RoleGraph
from graphvtr.metrics import percentiles
from graphvtr.nn import RetrievalModel
from graphvtr.nn.encoders import PretrainedWords
from graphvtr.nn.encoders.role_slots import node_words, role_slots
from graphvtr.nn.pair_margins import pair_margins
from graphvtr.tasks.baselines import canonical_scores, ridge_scores
from graphvtr.tasks.binary import TIE, binary_margins
from graphvtr.text.pairs import BinaryPair, read_pairs
from graphvtr.text.word_vectors import load_word_vectors

SEEDS, SAMPLES = 3, 1000
OTHERS = (1, 101, 211, 307, 401)
"""How many places further the other videos are."""
BESIDE = "beside other videos"


def read(videos: Sequence[str], limit: int | None = None) -> list[BinaryPair]:
    """The pairs of MSR-VTT videos among ``videos``, at most ``limit`` an aspect."""
    there = set(videos)
    found = []
    for path in sorted((DATA / "vitatecs" / "data").glob("*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as file:
            lines = [json.loads(line) for line in file if line.strip()]
        mine = [
            BinaryPair(line["video_name"].removesuffix(".mp4"), line["caption"], line["counterfactual"], line["aspect"])
            for line in lines
            if line["src_dataset"] == "MSRVTT" and line["video_name"].removesuffix(".mp4") in there
        ]
        found += mine[:limit]
    return found


def _name(further: int) -> str:
    return f"vitatecs {further}"


class Pairs:
    """Pairs, their captions as graphs, and accuracies of margins.

    Args:
        test: the clips.
        pairs: of them.
    """

    def __init__(self, test: RetrievalDataset, pairs: list[BinaryPair]) -> None:
        self.test, self.pairs = test, pairs
        place = {name: row for row, name in enumerate(test.videos)}
        self.owner = torch.tensor([place[pair.video] for pair in pairs])
        texts = [pair.positive for pair in pairs] + [pair.negative for pair in pairs]
        self.graphs = parse_captions(texts, DataSource())
        self.as_split = RetrievalDataset(
            "vitatecs", "test", test.videos, texts, self.owner.repeat(2), test.video_graphs, self.graphs
        )
        self.kinds = [pair.kind for pair in pairs]
        self.digest = hashlib.sha256(repr(pairs).encode()).hexdigest()[:16]

    def of_scores(self, scores: Tensor, further: int = 0) -> Tensor:
        """Margins [n] of scores [Nv, 2 n] of the pairs' captions as a split; of the videos so many places further."""
        return pair_margins(scores, (self.owner + further) % len(self.test.videos))

    def measures(self) -> dict[str, Measure]:
        """What to measure of every run: margins beside the right video, and beside others."""
        return {_name(further): functools.partial(self._of_model, further) for further in (0, *OTHERS[:2])}

    def _of_model(self, further: int, model: RetrievalModel, scores: Mapping[str, Tensor]) -> Tensor:
        count = len(self.pairs)
        right, wrong = (self.graphs.subset(torch.arange(begin, begin + count)) for begin in (0, count))
        names = [self.test.videos[row] for row in ((self.owner + further) % len(self.test.videos)).tolist()]
        return binary_margins(model, self.test, names, right, wrong, model.require_vocabulary())

    def rows(self, name: str, trials: Trials, trial: Trial, seeds: list[int]) -> dict[str, list[Tensor]]:
        """Margins of the seeds of a row that have them, and of its first one beside other videos."""
        found = {
            name: trials.measured(trial, seeds, _name(0)),
            f"{name}, {BESIDE}": [
                one for further in OTHERS[:2] for one in trials.measured(trial, seeds[:1], _name(further))
            ],
        }
        return {name: margins for name, margins in found.items() if margins}

    def accuracy(self, margins: list[Tensor]) -> dict[str, Any]:
        """Accuracy by aspect of the margins of some seeds, with intervals over seeds and videos."""
        clips, clip = np.unique(self.owner.numpy(), return_inverse=True)
        drawn = np.random.default_rng(0).multinomial(len(clips), np.full(len(clips), 1 / len(clips)), SAMPLES)
        found = {}
        for kind in sorted(set(self.kinds)):
            mine = np.array([one == kind for one in self.kinds])
            count = np.bincount(clip[mine], minlength=len(clips))
            hits = [np.bincount(clip[mine], (one.numpy() > TIE)[mine], len(clips)) for one in margins]
            shares = np.stack([100 * (drawn @ hit) / np.maximum(drawn @ count, 1) for hit in hits])
            resampled = with_seeds(shares)
            found[kind] = {
                "pairs": int(mine.sum()),
                "value": float(np.mean([100 * hit.sum() / count.sum() for hit in hits])),
                "interval": percentiles(resampled),
                "smallest_visible": float(POWER * resampled.std()),
            }
        return found


def closed_forms(trials: Trials, pairs: Pairs, refit: bool = True) -> dict[str, list[Tensor]]:
    """Margins of the closed forms: ridge regression from the order-blind bag of GloVe vectors and from MiniLM's
    sentence vectors, and canonical correlation from these, which is, with a bag of pieces beside, GraphVTR's start.

    Args:
        trials: whose splits they are solved on; they are kept there.
        pairs: to tell apart.
        refit: solve on validation captions too, where the pairs are not of these.
    """
    train, val = trials.splits["train"], trials.splits["val"]
    minilm = PretrainedWords("minilm")
    made = {
        "ridge, GloVe means (order-blind)": lambda: (
            ridge_scores(train, val, pairs.as_split, vectors=load_word_vectors("glove-package"), refit=refit).scores
        ),
        "ridge, MiniLM": lambda: ridge_scores(train, val, pairs.as_split, text=minilm, refit=refit).scores,
        "canonical correlation, MiniLM": lambda: canonical_scores(train, val, pairs.as_split, text=minilm),
    }
    found = {}
    for name, make in made.items():
        scores = trials.kept(name, make, pairs.digest, refit)
        found[name] = [pairs.of_scores(scores)]
        if name == "ridge, MiniLM":
            found[f"{name}, {BESIDE}"] = [pairs.of_scores(scores, further) for further in OTHERS]
    return found


def together(rows: Sequence[Mapping[str, list[Tensor]]]) -> dict[str, list[Tensor]]:
    """Margins of all models as one: what is in the features for any of them, an upper mark that chooses nothing.

    Each run's margins at the same spread, each row's mean over its runs. The last row takes what is told beside other
    videos off what is told beside the right one: what the video adds.

    Args:
        rows: of each model what :meth:`Pairs.rows` gives, those without margins beside other videos left out.
    """
    whole = [found for found in rows if len(found) == 2]
    if len(whole) < 2:
        return {}
    own, beside = ([_spread_alike(list(found.values())[side]) for found in whole] for side in (0, 1))
    right = torch.stack([runs.mean(0) for runs in own]).mean(0)
    others = torch.stack(beside).mean(0)
    name = "all models together"
    return {
        name: [right],
        f"{name}, {BESIDE}": list(others),
        f"{name}, less {BESIDE}": [right - others.mean(0)],
    }


def _spread_alike(runs: list[Tensor]) -> Tensor:
    return torch.stack([one.double() / one.double().std() for one in runs])


def blind(path: Path, pairs: Pairs, strength: float = 0.1) -> list[Tensor]:
    """Margins of what never sees a video: which of two captions reads like a true one.

    Ridge regression without an intercept from differences of true and perturbed training captions (sentence vector and
    words in each role) to 1. What a model gains on pairs by hard negatives says something of videos only as far as it
    is ahead of this.

    Args:
        path: of hard negatives of the training captions.
        pairs: to tell apart.
        strength: of the ridge, as a share of the mean eigenvalue.
    """
    hard = read_pairs(path)
    made = parse_captions([pair.positive for pair in hard] + [pair.negative for pair in hard], DataSource())
    right, wrong = _caption_vectors(made).chunk(2)
    x = right - wrong
    gram = x.T @ x
    gram.diagonal().add_(strength * gram.diagonal().mean())
    weight = torch.linalg.solve(gram, x.sum(0))
    right, wrong = _caption_vectors(pairs.graphs).chunk(2)
    return [(right - wrong) @ weight]


def _caption_vectors(graphs: GraphStore[RoleGraph]) -> Tensor:
    """Sentence vector and the words in each role, [N, 6 d], in double precision."""
    words = PretrainedWords("minilm")
    ready = graphs.mapped(words.tokenize)
    found = []
    with torch.no_grad():
        for part in torch.arange(len(ready)).split(256):
            batch = ready.batch(part)
            x, sentence = words.read(batch)
            nodes = (node_words(batch, x, level) for level in ("action", "entity"))
            found.append(torch.cat([sentence, role_slots(batch, *nodes)], 1).double())
    return torch.cat(found)


def show(rows: dict[str, dict[str, Any]], seeds: dict[str, int], note: str) -> None:
    """The table."""
    print(f"accuracy in % [95 %], 50 is chance; {note}")
    print_shares(rows, seeds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--captions", type=int, default=20, help="training captions a video (default: all 20)")
    parser.add_argument("--quick", action="store_true", help="a few pairs, the regressions only")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    path = msrvtt.store()
    size = msrvtt.size_of(arguments)
    splits = msrvtt.splits(path, **size)
    pairs = Pairs(splits["test"], read(splits["test"].videos, 5 if arguments.quick else None))
    margins = closed_forms(msrvtt.trials(msrvtt.study(quick=arguments.quick), splits, path, "minilm", **size), pairs)
    models: list[dict[str, list[Tensor]]] = []
    stores = {path: msrvtt.study()}
    for name in msrvtt.DETECTORS:  # what was trained on regions, where they are at hand
        if (place := CACHE / f"msrvtt_{name}").is_dir():
            stores[place] = msrvtt.study(name)
    for words, place in itertools.product(() if arguments.quick else msrvtt.WORDS, stores):
        trials = msrvtt.trials(stores[place], splits, place, words, pairs.measures(), **size)
        rows = all_rows(words, place != path)
        rows |= {name: one.trial for name, one in msrvtt.chosen(trials, rows).items()}
        for name, trial in rows.items():
            if there := trials.finished(trial, range(SEEDS)):
                label = f"{name}, {msrvtt.WORDS[words]}"
                models.append(pairs.rows(label, trials, trial, there))
                margins |= models[-1]
    seeds = {name: len(some) for name, some in margins.items() if BESIDE not in name}
    found = {name: pairs.accuracy(some) for name, some in (margins | together(models)).items()}
    with contextlib.nullcontext() if arguments.quick else printed_to("vitatecs"):
        show(found, seeds, "VITATECS, MSR-VTT test videos with frames here; in brackets after a name: seeds")
    if not arguments.quick:
        write_result(
            "vitatecs", found, seeds=seeds, note=f"{msrvtt.NOTE}; {arguments.captions} training captions a video"
        )


if __name__ == "__main__":
    main()
