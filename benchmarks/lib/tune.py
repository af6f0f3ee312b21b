"""Settings of a row, chosen on validation with the same budget for every row.

A row's candidates are its own settings first and then draws from the space below, in an order that follows from the
row's name: a larger budget keeps the candidates of a smaller one, so that a study grows over several runs. Each is
trained on a part of the training videos, one seed, until validation stops climbing; the best one by validation rsum is
trained on all of them. Nothing here ever sees a test split.

What the rows of an ablation differ by must not be what they drew: the settings that were best for one row of a model
are tried for all rows of it, and rows that have fewer candidates then go on drawing until all have as many
(:func:`shared`). A random walk on MovingScenes had 263 of its own four, and a row beside it 335 of others.

Where validation is noisy, a rate that is halved whenever it stands still ends a run early: HGR with GloVe words reached
145 on MSR-VTT's validation so, and 152 at a constant rate. On a third of the videos nothing of that is seen (127 and
123). A study can ask for it on all of them (:func:`settled`).
"""

from __future__ import annotations

import inspect
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

import numpy as np

from benchmarks.lib.trial import Trial
from benchmarks.lib.trials import Trials
from graphvtr.datasets import RetrievalDataset
from graphvtr.nn.models import MODELS

LR = (3e-4, 1e-3, 2e-3, 4e-3)
DROPOUT = (0.0, 0.2, 0.4)
CLIP = (None, 2.0)
ATTRIBUTES = (0.1, 1.0, 10.0)
WARMUP = 5
"""Epochs over all negatives before the hardest ones are mined."""
SLOWER = {"schedule": "none", "patience": 12, "epochs": 100}
"""How a row's best setting is trained once more, see :func:`slower`."""
SLOWER_WARMUP = 20
"""Its epochs over all negatives, where hardest ones are mined: after five some rows never get back to what they had."""
STEADYING = ("batch_norm", "zero_init")
DROPPED = ("dropout", "word_dropout", "video_dropout")
"""Arguments of models that are dropout rates: all of a row get the same one."""
NEAR = 0.95
"""Where the second best of a part of the videos has so much of the best one's rsum, both are trained on all of them:
two seeds of one setting differ by as much."""
Draw = tuple[dict[str, Any], dict[str, Any]]
"""Options of the model and of its training."""


@dataclass(frozen=True)
class Tuned:
    """What tuning found.

    Args:
        trial: the row with the best settings.
        tried: settings and validation rsum of each candidate, the curve included, in the order they were tried.
        near: the second best candidate, where it is nearly as good.
    """

    trial: Trial
    tried: list[dict[str, Any]]
    near: list[Trial] = field(default_factory=list)


def candidates(trial: Trial, budget: int) -> list[Trial]:
    """The first ``budget`` candidates of a row, all different."""
    found = [trial]
    for draw in _draws(trial):
        if len(found) >= budget:
            break
        if (made := _with(trial, draw)) not in found:
            found.append(made)
    return found


def _with(trial: Trial, draw: Draw) -> Trial:
    """A row with drawn settings; one without reasoning has no layer that could be normalised."""
    options = draw[0]
    if trial.options.get("normalization") == "none":
        options = {name: value for name, value in options.items() if name not in STEADYING}
    return replace(trial, options={**trial.options, **options}, train={**trial.train, **draw[1]})


def _draws(trial: Trial) -> Iterator[Draw]:
    accepted = inspect.signature(MODELS[trial.model]).parameters
    rng = np.random.default_rng(zlib.crc32(trial.name.encode()))

    def pick(values: tuple[Any, ...]) -> Any:
        return values[int(rng.integers(len(values)))]

    for _ in range(1000):
        dropout = pick(DROPOUT)
        options: dict[str, Any] = {name: dropout for name in DROPPED if name in accepted}
        train: dict[str, Any] = {}
        if "mining" in accepted:
            options["mining"] = pick(("all", "hardest"))
            if options["mining"] == "hardest":
                train["warmup_epochs"] = WARMUP
        if "attribute_weight" in accepted:  # what the ranking loss weighs changes with the mining
            options["attribute_weight"] = pick(ATTRIBUTES)
        if "zero_init" in accepted and trial.options.get("normalization") != "none":
            options["batch_norm"] = options["zero_init"] = pick((False, True))
        yield options, {**train, "lr": pick(LR), "clip_grad": pick(CLIP)}


def tuned(
    trials: Trials,
    few: Mapping[str, RetrievalDataset],
    rows: Iterable[Trial],
    budget: int,
    train: Collection[str] = (),
) -> dict[str, Tuned]:
    """The best settings of each row on a part of the training videos, of those that are there.

    A candidate that diverges counts as 0 (:meth:`~benchmarks.lib.trials.Trials.curve`): a setting that cannot be
    trained is no setting.

    Args:
        trials: of the study; what is tried has records beside theirs, if they have any.
        few: the part, ``train``, and ``val`` where not all of validation is to judge.
        rows: all of the study, as they stand.
        budget: own candidates a row; a row of which one is missing is left out.
        train: names of rows whose missing candidates are trained first.
    """
    part = _part(trials, few)
    own = [(row, candidates(row, budget)) for row in rows]
    for row, every_own in own:
        if row.name in train:
            _curves(part, every_own)
    ready = [row for row, every_own in own if all(part.finished(one, [0]) for one in every_own)]
    every = shared(part, ready, budget)
    for row in ready:
        if row.name in train:
            _curves(part, every[row.name])
    return {row.name: _best(part, _there(part, every[row.name])) for row in ready}


def shared(part: Trials, rows: list[Trial], budget: int) -> dict[str, list[Trial]]:
    """What each row is to be tried with: its own candidates, the best ones of the rows of the same model, and then
    more of its own until all have as many.

    Args:
        part: runs on the part of the training videos.
        rows: all of whose own candidates were tried.
        budget: own candidates a row.
    """
    best: dict[str, list[Draw]] = {}
    for row in rows:
        found = _best(part, candidates(row, budget)).trial
        draws = best.setdefault(row.model, [])
        if found != row:
            draws.append(next(draw for draw in _draws(row) if _with(row, draw) == found))
    every: dict[str, list[Trial]] = {}
    for row in rows:
        every[row.name] = candidates(row, budget)
        for draw in best[row.model]:
            if (one := _with(row, draw)) not in every[row.name]:
                every[row.name].append(one)
    most = max(map(len, every.values()), default=0)
    for row in rows:
        more = (one for one in candidates(row, 2 * most) if one not in every[row.name])
        every[row.name] += list(islice(more, most - len(every[row.name])))
    return every


def _part(trials: Trials, few: Mapping[str, RetrievalDataset]) -> Trials:
    judge = {"val captions": len(few["val"])} if "val" in few else {}
    return Trials(
        f"{trials.folder.name}_tuning",
        {"val": trials.splits["val"], **few},
        trials.vocabulary,
        data={**trials.data, "part": len(few["train"].videos), **judge},
        score=["val"],
        vectors=trials.vectors,
        root=trials.folder.parent,
        records=None if trials.records is None else trials.records.with_name(f"{trials.records.name}_tuning"),
    )


def slower(trial: Trial) -> Trial:
    """The same settings at a constant rate, with more patience and a longer warm-up.

    A row that has a schedule of its own for its epochs stays as it is.
    """
    if trial.train.get("schedule") != "plateau":
        return trial
    warmup = {"warmup_epochs": SLOWER_WARMUP} if trial.train.get("warmup_epochs") else {}
    return replace(trial, train={**trial.train, **SLOWER, **warmup})


def settled(trials: Trials, found: Tuned, train: bool = False) -> Tuned:
    """The best setting of a row, the same :func:`slower`, or the second best slower where it is near: the first seed
    decides, on all training videos.

    Args:
        trials: of the whole study.
        found: by :func:`tuned`.
        train: train what is missing; otherwise those that are there are compared.
    """
    every: list[Trial] = []
    for one in (found.trial, slower(found.trial), *map(slower, found.near)):
        if one not in every and (train or trials.finished(one, [0])):
            every.append(one)
    if len(every) < 2 or every[0] != found.trial:
        return found
    curves = [trials.curve(one, 0) for one in every]
    best = every[max(range(len(every)), key=lambda position: max(curves[position]))]
    further = [{**_tried(one, curve), "all videos": True} for one, curve in zip(every[1:], curves[1:], strict=True)]
    return Tuned(best, [*found.tried, *further])


def _best(part: Trials, every: list[Trial]) -> Tuned:
    """The best of candidates that were all tried."""
    tried = [_tried(one, curve) for one, curve in zip(every, _curves(part, every), strict=True)]
    best, *others = sorted(range(len(every)), key=lambda position: -tried[position]["val_rsum"])
    near = [every[one] for one in others[:1] if tried[one]["val_rsum"] >= NEAR * tried[best]["val_rsum"]]
    return Tuned(every[best], tried, near)


def _there(part: Trials, every: list[Trial]) -> list[Trial]:
    return [one for one in every if part.finished(one, [0])]


def _curves(part: Trials, every: list[Trial]) -> list[list[float]]:
    return [part.curve(one, 0) for one in every]


def _tried(trial: Trial, curve: list[float]) -> dict[str, Any]:
    return {"options": dict(trial.options), "train": dict(trial.train), "val_rsum": max(curve), "curve": curve}
