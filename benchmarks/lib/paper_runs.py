"""Rows of the papers' tables trained by their recipes: data are checked first, runs are kept and resumed."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.lib.paper_recipes import Place, Recipe, recipe
from benchmarks.lib.paper_rows import Block
from benchmarks.lib.records import TrialResult
from benchmarks.lib.runs import Runs
from benchmarks.lib.trials import Trials
from graphvtr.datasets import DATASETS, RetrievalDataset, build_dataset
from graphvtr.errors import DataError
from graphvtr.metrics import RetrievalRanks
from graphvtr.tasks import make_vocabulary
from graphvtr.tasks.binary import select_checkpoint
from graphvtr.tasks.checkpoint import load
from graphvtr.tasks.complexity import PairSize, complexity, default_model
from graphvtr.tasks.embed import encode_texts, encode_videos
from graphvtr.tasks.prepare import prepare
from graphvtr.tasks.ranking import chance
from graphvtr.text.word_vectors import PACKAGE, WordVectors, load_word_vectors


@dataclass
class Found:
    """What a block's rows reached: system -> column -> mean; where there are runs, the interval of the rsum too, and
    what random rankings of the same clips reach."""

    values: dict[str, dict[str, float]] = field(default_factory=dict)
    intervals: dict[str, tuple[float, float]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    chance: dict[str, float] = field(default_factory=dict)


class Table:
    """The rows of one block, checked before anything is trained.

    Args:
        paper, number: of the table.
        block: what is trained.
        place: where data are.
        only: systems to train; none for all that have a recipe.

    Raises:
        DataError: data, word vectors or the pairs of a binary table are not there; the message says what to put where.
    """

    def __init__(self, paper: str, number: str, block: Block, place: Place, only: tuple[str, ...] = ()) -> None:
        self.name, self.block, self.place = f"paper_{paper}_{number}", block, place
        rows = [row for row in block.rows if row.recipe and (not only or row.system in only)]
        self.recipes = [recipe(row, block, place) for row in rows]
        self._splits: dict[str, dict[str, RetrievalDataset]] = {}
        if block.kind == "complexity":
            return
        for one in self.recipes:
            self.vectors(one)
            self.splits(one)
        if block.kind in ("cross", "binary"):
            self.test_set()
        if block.kind == "binary" and place.pairs is None:
            raise DataError(
                "binary selection",
                "needs its pairs",
                "make them with graphvtr perturb --data youtube2text, pass --pairs",
            )

    def splits(self, one: Recipe) -> dict[str, RetrievalDataset]:
        """Train, val and test of a row; built once for rows that choose captions alike."""
        key = json.dumps(one.options, sort_keys=True)
        if key not in self._splits:
            name, source = self.place.data or self.block.data, self.place.source(one.options)
            self._splits[key] = {
                split: self._cut(build_dataset(name, split, source)) for split in ("train", "val", "test")
            }
        return self._splits[key]

    def _cut(self, dataset: RetrievalDataset) -> RetrievalDataset:
        clips = self.place.clips if dataset.split == "train" else self.place.clips // 4
        if not clips or len(dataset.videos) <= clips:
            return dataset
        return dataset.index_select((dataset.video_of_caption < clips).nonzero().flatten())

    def vectors(self, one: Recipe) -> WordVectors | None:
        """The word vectors a row starts from."""
        if one.word_vectors is None:
            return None
        if one.word_vectors != PACKAGE and not Path(one.word_vectors).is_file():
            raise DataError(
                f"word vectors '{one.word_vectors}' of {one.row.system}",
                "no such file",
                "put GloVe's there (https://nlp.stanford.edu/data/glove.6B.zip), or pass --set word_vectors=FILE",
            )
        return _load_vectors(one.word_vectors)

    def test_set(self) -> RetrievalDataset:
        """The test split of a cross-dataset table."""
        return self._cut(build_dataset(self.block.test, "test", self.place.source({}, test=True)))

    def trials(self, one: Recipe) -> Trials:
        """The resumable runs of a row."""
        splits = self.splits(one)
        data = {
            "data": self.place.data or self.block.data,
            "root": str(self.place.root),
            "store": str(self.place.store),
            "options": one.options,
            "clips": self.place.clips,
            "min_count": one.min_count,
            "parser": self.place.parser,
            "vectors": one.word_vectors,
            "videos": {split: len(part.videos) for split, part in splits.items()},
        }
        vocabulary = make_vocabulary(splits["train"], one.min_count)
        return Trials(self.name, splits, vocabulary, data=data, vectors=self.vectors(one), score=("test",))

    def results(self, seeds: range) -> Iterator[tuple[Recipe, TrialResult]]:
        """Every run, a seed of all rows before the next: what is stopped has all rows."""
        for seed in seeds:
            for one in self.recipes:
                yield one, self.trials(one).result(one.trial, seed)

    def measure(self, seeds: range) -> Found:
        """Train what is missing and measure."""
        if self.block.kind == "complexity":
            return self._complexity()
        runs: dict[str, list[TrialResult]] = {}
        for one, result in self.results(seeds):
            runs.setdefault(one.row.system, []).append(result)
        found = Found(seconds={system: sum(r.seconds for r in rs) / len(rs) for system, rs in runs.items()})
        for one in self.recipes:
            self._add(found, one, runs[one.row.system])
        if self.block.kind != "binary" and self.recipes:
            tested = self.test_set() if self.block.kind == "cross" else self.splits(self.recipes[0])["test"]
            found.chance = expected(tested)
        return found

    def _add(self, found: Found, one: Recipe, results: list[TrialResult]) -> None:
        system, test = one.row.system, self.splits(one)["test"]
        if self.block.kind == "binary":
            self._binary(found, system, results)
        elif self.block.kind == "cross":
            test = self.test_set()
            self._runs(
                found,
                system,
                Runs.of([level_and_fused(r.checkpoint, test)[-1] for r in results], test.video_of_caption),
            )
        elif self.block.kind == "levels":
            scores = [level_and_fused(r.checkpoint, test) for r in results]
            levels = load(results[0].checkpoint).levels
            for place, level in enumerate((*levels, "")):
                name = f"{system}, {level} level" if level else system
                self._runs(found, name, Runs.of([one[place] for one in scores], test.video_of_caption))
        else:
            self._runs(found, system, Runs.of([r.scores["test"] for r in results], test.video_of_caption))

    @staticmethod
    def _runs(found: Found, system: str, runs: Runs) -> None:
        summary = runs.summary()
        found.values[system] = {column: cell["mean"] for column, cell in summary.items()}
        for side in ("t2v", "v2t"):
            recalls = [value for column, value in found.values[system].items() if column.startswith(f"{side} R@")]
            found.values[system][f"{side} rsum"] = sum(recalls)
        found.intervals[system] = summary["rsum"]["interval"]

    def _binary(self, found: Found, system: str, results: list[TrialResult]) -> None:
        assert self.place.pairs is not None
        source = self.place.source({}, test=True)
        every = [
            select_checkpoint(r.checkpoint, self.block.test, "test", source, self.place.pairs, mismatch="warn")
            for r in results
        ]
        kinds = {kind: [one.kinds[kind].value for one in every] for kind in every[0].kinds}
        found.values[system] = {kind: sum(values) / len(values) for kind, values in kinds.items()}
        found.values[system]["average"] = sum(one.average for one in every) / len(every)

    def _complexity(self) -> Found:
        found, size = Found(), PairSize()
        for one in self.recipes:
            options = {"num_layers": 1, "text_layers": 4} if one.trial.model == "vsrnet" else {}
            cost = complexity(default_model(one.trial.model, size, options), size.video(), size.caption())
            found.values[one.row.system] = {
                "million parameters": cost.total_parameters / 1e6,
                "GFLOP a pair": cost.total_flops / 1e9,
            }
        return found


def expected(dataset: RetrievalDataset) -> dict[str, float]:
    """Columns of a table that random rankings are expected to reach."""
    ranks = RetrievalRanks(dataset.video_of_caption, len(dataset.videos), len(dataset))
    level = chance(ranks)
    found = {f"t2v {name}": value for name, value in level["t2v"].items()}
    found |= {f"v2t {name}": value for name, value in level["v2t"].items()}
    for side in ("t2v", "v2t"):
        found[f"{side} rsum"] = sum(found[f"{side} R@{k}"] for k in (1, 5, 10))
    return {**found, "rsum": level["rsum"]}


def needed(name: str) -> str:
    """What a dataset expects to find, from its documentation."""
    builder: Any = DATASETS[name]
    text = inspect.cleandoc(getattr(builder, "func", builder).__doc__ or "")
    parts = text.split("\n\n")
    begin = next((place for place, part in enumerate(parts) if part.startswith("Expected below")), 0)
    return "\n\n".join(parts[begin : begin + 2]).replace("``", "")


@lru_cache
def _load_vectors(source: str) -> WordVectors:
    return load_word_vectors(source)


def level_and_fused(checkpoint: Path, dataset: RetrievalDataset) -> Tensor:
    """Scores of each level and, last, the fused ones, [levels + 1, Nv, Nt]."""
    model = load(checkpoint)
    vocabulary = model.vocabulary
    assert vocabulary is not None
    prepared = prepare(dataset, model, vocabulary)
    with torch.inference_mode():
        video, text = encode_videos(model, prepared.video_graphs), encode_texts(model, prepared.role_graphs)
        levels = model.level_scores(video, text)
    return torch.cat([levels, model.fuse(levels)[None]])
