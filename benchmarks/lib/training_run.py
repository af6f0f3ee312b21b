"""One training, which goes on from its last epoch if it was stopped before."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import NamedTuple

from graphvtr.datasets import RetrievalDataset
from graphvtr.errors import DivergedError
from graphvtr.nn import RetrievalModel
from graphvtr.tasks.checkpoint import load
from graphvtr.tasks.trainer import FitResult, TrainOptions, fit
from graphvtr.text import Vocabulary


class TrainingRun(NamedTuple):
    """A finished training.

    Args:
        result: of :func:`graphvtr.tasks.trainer.fit`; where it diverged, of the epochs before.
        seconds: of all its parts.
        diverged: why it ended early, None where it did not diverge.
    """

    result: FitResult
    seconds: float
    diverged: str | None


def train(
    model: RetrievalModel,
    vocabulary: Vocabulary,
    training: RetrievalDataset,
    validation: RetrievalDataset,
    folder: Path,
    options: TrainOptions,
    fresh: bool = False,
) -> TrainingRun:
    """Train into ``folder / "run"``; what is there goes on.

    Args:
        model: untrained.
        vocabulary: of its words.
        training, validation: splits.
        folder: of the run.
        options: how to train.
        fresh: begin again where something is there.

    Raises:
        DivergedError: in the first epoch, so that no checkpoint is there.
    """
    run = folder / "run"
    last = run / "last.ckpt"
    if fresh and run.exists():
        for path in run.glob("*.ckpt"):
            path.unlink()
    spent = folder / "seconds.json"
    resume = last.is_file()
    seconds = json.loads(spent.read_text()) if resume and spent.is_file() else 0.0
    begin = time.perf_counter()
    diverged = None
    try:
        result = fit(model, vocabulary, training, validation, run, options, resume=resume, progress=False)
    except DivergedError as error:
        if not last.is_file():
            raise
        scores = list(load(last).info["scores"])
        result, diverged = FitResult(run / "best.ckpt", last, scores), f"{error.item} {error.problem}"
    finally:
        seconds += time.perf_counter() - begin
        folder.mkdir(parents=True, exist_ok=True)
        spent.write_text(json.dumps(seconds))
    return TrainingRun(result, seconds, diverged)
