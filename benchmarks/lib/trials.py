"""Train a row of a table once a seed, keep its scores and its checkpoint, and go on after a crash.

    trials = Trials("my_study", splits, vocabulary, data={"num_clips": 600, "seed": 0})
    rows = {trial.name: trials.runs(trial, seeds=range(3), split="test") for trial in TRIALS}
    print_table("MovingScenes", rows)

A finished run is kept in ``~/.cache/graphvtr/trials/NAME/`` under everything that decides its numbers: the model and
its options, the training options, the data and the seed. It is not trained again until one of these, or
``Trials.fresh``, says so; a run that was stopped goes on from its last epoch. The commit is kept with the run and goes
into the tables; it is not part of the key, as most commits change no figure: give ``fresh=True`` (or empty the folder)
after a change of a model. A run of uncommitted code counts only while there is uncommitted code.

A run that diverges counts by its best epoch before, as one would use it, and tables say so; the reason is kept.

A study of hours names a folder of ``records`` in the repository: what its tables are made of is kept there, and a run
that has a record is finished on every machine (:mod:`benchmarks.lib.records`).
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from benchmarks.lib.paths import CACHE, git, uncommitted, without_places
from benchmarks.lib.records import Record, TrialResult
from benchmarks.lib.runs import Runs, ranks_of
from benchmarks.lib.training_run import train
from benchmarks.lib.trial import Trial
from graphvtr.atomic import write_tensors
from graphvtr.datasets import RetrievalDataset
from graphvtr.errors import DivergedError
from graphvtr.nn import GraphVTR, RetrievalModel
from graphvtr.tasks.checkpoint import load
from graphvtr.tasks.embed import encode_texts, encode_videos
from graphvtr.tasks.prepare import build_model, prepare
from graphvtr.tasks.trainer import TrainOptions
from graphvtr.text import Vocabulary
from graphvtr.text.word_vectors import WordVectors

CHANGES = "+changes"
PAUSE = 600.0
"""Seconds between two writings of tables, which took a fifth of a study of short runs."""
Measure = Callable[[RetrievalModel, Mapping[str, Tensor]], Tensor]
"""Something of a trained model and its scores of each split."""


class Trials:
    """Runs of one benchmark on one dataset.

    Args:
        name: of the benchmark: the folder of its runs.
        splits: ``train``, ``val`` and those that are scored.
        vocabulary: of the training captions.
        data: what decides the splits (sizes, seeds, features): part of the key.
        score: the splits whose score matrices are kept.
        vectors: word vectors to start from, for models that have a word embedding.
        fresh: train again what is there.
        root: instead of ``$GRAPHVTR_CACHE`` or ``~/.cache/graphvtr``.
        records: folder of what the repository keeps of the runs; None keeps nothing there.
        measure: name -> what else is measured of each run and kept with its ranks.
    """

    def __init__(
        self,
        name: str,
        splits: Mapping[str, RetrievalDataset],
        vocabulary: Vocabulary,
        *,
        data: Mapping[str, Any],
        score: Iterable[str] = ("val", "test"),
        vectors: WordVectors | None = None,
        fresh: bool = False,
        root: Path | None = None,
        records: Path | None = None,
        measure: Mapping[str, Measure] | None = None,
    ) -> None:
        self.folder = (root or CACHE / "trials") / name
        self.records, self.measure = records, dict(measure or {})
        self.splits, self.vocabulary, self.data = splits, vocabulary, dict(data)
        self.score, self.vectors, self.fresh = tuple(score), vectors, fresh
        self._resampled: dict[tuple[Path, str], Runs] = {}
        self._recorded: dict[Path, Record] = {}

    def runs(self, trial: Trial, seeds: Iterable[int], split: str = "test") -> Runs:
        """All seeds of a row on a split, trained where they are not there yet; each is resampled once."""
        return Runs.joined([self._run(trial, seed, split) for seed in seeds])

    def _run(self, trial: Trial, seed: int, split: str) -> Runs:
        key = self._folder(trial, seed), split
        if key not in self._resampled:
            relevant = self.splits[split].video_of_caption
            self._resampled[key] = Runs.of_ranks(*self.record(trial, seed).ranks[split], relevant)
        return self._resampled[key]

    def record(self, trial: Trial, seed: int) -> Record:
        """Ranks of one run and what was measured of it, which is trained where it is not there yet.

        What is asked for and was not measured then is measured where the checkpoint is; elsewhere it stays away.
        """
        folder = self._folder(trial, seed)
        there = self._recorded.get(folder)
        if there is None and (path := self._recorded_at(trial, seed)) is not None:
            there = self._recorded[folder] = Record.load(path)
        missing = [name for name in self.measure if there is None or name not in there.measured]
        if there is not None and (not missing or self._kept(trial, seed) is None):
            return there
        result = self.result(trial, seed)
        model = load(result.checkpoint)
        measured = {name: self.measure[name](model, result.scores) for name in missing}
        about = {
            "trial": trial.name,
            "seed": seed,
            "val_rsum": result.val_rsum,
            "seconds": result.seconds,
            "commit": result.commit,
            "parameters": sum(p.numel() for p in model.parameters() if p.requires_grad),
            "gates": gates_of(model),
            **({"diverged": result.diverged} if result.diverged else {}),
            "options": json.loads(without_places(json.dumps({"model": trial.options, "train": trial.train}))),
            "data": self.data,
        }
        ranks = {
            split: ranks_of(scores, self.splits[split].video_of_caption)[:2] for split, scores in result.scores.items()
        }
        record = Record(about, ranks, {**({} if there is None else there.measured), **measured})
        self._keep(trial, seed, record)
        return record

    def _keep(self, trial: Trial, seed: int, record: Record) -> None:
        folder = self._folder(trial, seed)
        if self.records is not None:
            record.save(self.records / f"{folder.name}.safetensors")
        self._recorded[folder] = record

    def measured(self, trial: Trial, seeds: Iterable[int], name: str) -> list[Tensor]:
        """One of the things measured of each seed, of those that have it."""
        found = (self.record(trial, seed).measured for seed in seeds)
        return [one[name] for one in found if name in one]

    def kept(self, name: str, make: Callable[[], Tensor], *about: Any) -> Tensor:
        """What takes minutes and follows from the splits alone, made once: a closed form's scores, for instance.

        Args:
            name: of what is made.
            make: makes it where it is not there yet.
            about: whatever else decides it.
        """
        path = self.folder / f"kept_{_digest([name, self.data, *about])}.safetensors"
        if self.fresh or not path.is_file():
            write_tensors(path, {"kept": make().contiguous()}, {"name": name})
        return load_file(path)["kept"]

    def closed_form(self, name: str, make: Callable[[], Tensor], relevant: Tensor | None = None) -> Runs:
        """A row that is solved and not trained, from its scores [Nv, Nt]; solved where there is no record of it.

        Args:
            name: of the row.
            make: solves it and scores what is ranked.
            relevant: the video of each caption that it ranks; those of the test split by default.
        """
        path = None
        if self.records is not None:
            path = self.records / f"closed_{_digest([name, self.data])}.safetensors"
        relevant = self.splits["test"].video_of_caption if relevant is None else relevant
        if path is None or self.fresh or not path.is_file():
            ranks = ranks_of(make(), relevant)[:2]
            record = Record({"trial": name, "commit": _commit(), "data": self.data}, {"test": ranks})
            if path is not None:
                record.save(path)
        else:
            record = Record.load(path)
        return Runs.of_ranks(*record.ranks["test"], relevant)

    def finished(self, trial: Trial, seeds: Iterable[int]) -> list[int]:
        """Those of the seeds whose run is there, or its record."""
        return [seed for seed in seeds if self._recorded_at(trial, seed) is not None or self.trained(trial, [seed])]

    def trained(self, trial: Trial, seeds: Iterable[int]) -> list[int]:
        """Those of the seeds whose checkpoint is on this machine."""
        return [seed for seed in seeds if self._kept(trial, seed) is not None]

    def train_missing(self, rows: Iterable[Trial], seeds: Iterable[int], after: Callable[[], None]) -> None:
        """Train what is not there, a seed of every row before the next.

        ``after`` writes the tables again, of what is there whenever :data:`PAUSE` seconds have passed.
        """
        rows, written = list(rows), time.monotonic()
        for seed in seeds:
            for trial in rows:
                if self.finished(trial, [seed]):
                    continue
                self.record(trial, seed)
                if time.monotonic() - written > PAUSE:
                    after()
                    written = time.monotonic()

    def about(self, trial: Trial, seeds: list[int]) -> dict[str, Any]:
        """What a table says of finished runs beside their figures."""
        runs = [self.record(trial, seed).about for seed in seeds]
        return {
            "seeds": seeds,
            "val_rsum": [max(run["val_rsum"]) for run in runs],
            "curves": [run["val_rsum"] for run in runs],
            "seconds": [run["seconds"] for run in runs],
            "commits": [run["commit"] for run in runs],
            "parameters": runs[0]["parameters"],
            **({"gates": [run["gates"] for run in runs]} if runs[0]["gates"] else {}),
            "diverged": {run["seed"]: run["diverged"] for run in runs if run.get("diverged")},
            "options": dict(trial.options),
            "train": dict(trial.train),
        }

    def result(self, trial: Trial, seed: int) -> TrialResult:
        """One run, trained where it is not there yet."""
        folder = self._folder(trial, seed)
        kept = None if self.fresh else self._kept(trial, seed)
        if kept is None:
            self._train(trial, seed, folder)
            kept = json.loads((folder / "result.json").read_text())
        scores = load_file(folder / "scores.safetensors")
        commit = kept.get("commit", "unknown")
        checkpoint, diverged = Path(kept["checkpoint"]), kept.get("diverged")
        return TrialResult(scores, kept["val_rsum"], kept["seconds"], checkpoint, commit, diverged)

    def curve(self, trial: Trial, seed: int) -> list[float]:
        """Validation rsum of every epoch of a run, trained where it is not there yet; 0 of one that diverged."""
        try:
            found = self.record(trial, seed)
        except DivergedError as error:  # in its first epoch: there is nothing to measure
            found = Record({"trial": trial.name, "seed": seed, "val_rsum": [0.0], "diverged": error.problem}, {})
            self._keep(trial, seed, found)
        return [0.0] if found.about.get("diverged") else list(found.about["val_rsum"])

    def _recorded_at(self, trial: Trial, seed: int) -> Path | None:
        """Where the record of a run is, None where there is none."""
        if self.records is None or self.fresh:
            return None
        path = self.records / f"{self._folder(trial, seed).name}.safetensors"
        return path if path.is_file() else None

    def _kept(self, trial: Trial, seed: int) -> dict[str, Any] | None:
        """What is remembered of a finished run; nothing of one of uncommitted code, once all is committed."""
        path = self._folder(trial, seed) / "result.json"
        if not path.is_file():
            return None
        kept: dict[str, Any] = json.loads(path.read_text())
        return None if kept.get("commit", "").endswith(CHANGES) and not uncommitted() else kept

    def _train(self, trial: Trial, seed: int, folder: Path) -> None:
        torch.manual_seed(seed)
        model = build_model(trial.model, self.splits["train"], self.vocabulary, dict(trial.options))
        if self.vectors is not None and model.word_embedding is not None:
            model.load_word_vectors(*self.vectors.matrix_for(self.vocabulary))
        options = TrainOptions(**{"device": "cpu", **trial.train, "seed": seed})
        done = train(model, self.vocabulary, self.splits["train"], self.splits["val"], folder, options, self.fresh)
        best = load(done.result.best)
        save_file(
            {split: self.scores_of(best, split).contiguous() for split in self.score}, folder / "scores.safetensors"
        )
        done.result.last.unlink(missing_ok=True)  # holds the optimiser's state: three times the model
        (folder / "result.json").write_text(
            json.dumps(
                {
                    "trial": trial.name,
                    "seed": seed,
                    "val_rsum": done.result.scores,
                    "seconds": done.seconds,
                    "checkpoint": str(done.result.best),
                    "commit": _commit(),
                    "diverged": done.diverged,
                    "options": {"model": dict(trial.options), "train": dict(trial.train), "data": self.data},
                }
            )
        )
        line = f"{trial.name}, seed {seed}: validation rsum {max(done.result.scores):.1f}, {done.seconds:.0f} s"
        line += " (diverged)" if done.diverged else ""
        print(line, file=sys.stderr, flush=True)  # not part of the table that is printed to a file

    def scores_of(self, model: RetrievalModel, split: str) -> Tensor:
        """All scores [Nv, Nt] of a model on a split."""
        dataset = prepare(self.splits[split], model, self.vocabulary)
        with torch.inference_mode():
            video = encode_videos(model, dataset.video_graphs)
            text = encode_texts(model, dataset.role_graphs)
            return model.similarity(video, text)

    def _folder(self, trial: Trial, seed: int) -> Path:
        vectors = None if self.vectors is None else "vectors"
        key = [trial.model, dict(trial.options), dict(trial.train), self.data, vectors, seed, sorted(self.score)]
        return self.folder / f"{trial.model}_{_digest(key)}"


def _commit() -> str:
    """The code that runs."""
    return (git("rev-parse", "--short", "HEAD") or "unknown") + (CHANGES if uncommitted() else "")


def gates_of(model: RetrievalModel) -> dict[str, float]:
    """What the levels of a GraphVTR weigh beside its start; nothing for other models."""
    return dict(zip(model.levels[1:], model.gates.tolist(), strict=True)) if isinstance(model, GraphVTR) else {}


def _digest(key: Any) -> str:
    # a path of this machine would make it another key elsewhere
    text = without_places(json.dumps(key, sort_keys=True, default=str))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
