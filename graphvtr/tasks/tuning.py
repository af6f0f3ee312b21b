"""Search for good options of a training: many short trainings side by side, by Ray Tune."""

from __future__ import annotations

import ast
import csv
import io
import json
import os
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from graphvtr._optional import optional_import
from graphvtr.atomic import write_whole
from graphvtr.cluster import RETRIES, connected
from graphvtr.ending import going_on
from graphvtr.errors import DataError
from graphvtr.locks import output_lock
from graphvtr.reading import read_json, read_text
from graphvtr.tasks.checkpoint import read_file, read_header, read_info
from graphvtr.tasks.config import Configuration, train

SPACES = {"uniform": 2, "loguniform": 2, "quniform": 3, "randint": 2, "choice": None, "grid": None}
"""Kinds of spaces, and how many values they take."""


@dataclass(frozen=True)
class Space:
    """Where values of an option come from.

    Args:
        option: of ``graphvtr train``: ``lr``, ``model.hidden``.
        kind: ``uniform``, ``loguniform``, ``quniform`` (low, high, step), ``randint`` (high is left out), ``choice``
            (one of these), or ``grid`` (each of these).
        values: its arguments.

    Example:
        >>> Space.read("lr=loguniform(1e-4, 1e-2)")
        Space(option='lr', kind='loguniform', values=(0.0001, 0.01))
    """

    option: str
    kind: str
    values: tuple[Any, ...]

    @classmethod
    def read(cls, text: str) -> Space:
        """``lr=loguniform(1e-4,1e-2)``.

        Raises:
            DataError: it is something else.
        """
        found = re.fullmatch(r"\s*-*([\w.-]+)\s*=\s*(\w+)\s*\((.*)\)\s*", text, re.DOTALL)
        fix = f"write OPTION=KIND(VALUES), KIND one of {', '.join(SPACES)}: lr=loguniform(1e-4,1e-2)"
        if found is None or found[2] not in SPACES:
            raise DataError(f"--search {text}", "is no space", fix)
        try:
            values = tuple(ast.literal_eval(f"[{found[3]}]"))
        except (ValueError, SyntaxError) as error:
            raise DataError(f"--search {text}", "has values that are no numbers or strings", fix) from error
        if not values:
            raise DataError(f"--search {text}", "has no values", fix)
        wanted = SPACES[found[2]]
        if wanted is not None and (
            len(values) != wanted
            or not all(isinstance(value, int | float) for value in values)
            or values[0] >= values[1]
        ):
            raise DataError(f"--search {text}", f"needs {wanted} numbers, the lower bound first", fix)
        if found[2] == "loguniform" and values[0] <= 0:
            raise DataError(f"--search {text}", "needs a lower bound over 0", fix)
        return cls(found[1].replace("-", "_"), found[2], values)

    @property
    def first(self) -> Any:
        """A value of it."""
        return self.values[0]

    def of_tune(self, tune: Any) -> Any:
        """As Ray Tune has it."""
        if self.kind == "grid":
            return tune.grid_search(list(self.values))
        return tune.choice(list(self.values)) if self.kind == "choice" else getattr(tune, self.kind)(*self.values)


@dataclass(frozen=True)
class Tuned:
    """What a search has found.

    Args:
        best: the options of the best trial.
        rsum: its validation rsum.
        trials: how many have a figure.
        failed: how many have none.
        folder: of the search.
    """

    best: dict[str, Any]
    rsum: float
    trials: int
    failed: int
    folder: Path

    def __str__(self) -> str:
        chosen = ", ".join(
            f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}"
            for name, value in self.best.items()
        )
        failed = f", {self.failed} failed" if self.failed else ""
        return (
            f"best of {self.trials} trials{failed}: validation rsum {self.rsum:.1f} with {chosen}\n"
            f"all: {self.folder / 'results.csv'}; graphvtr train MODEL --config {self.folder / 'best.yaml'} --out RUN"
        )


def tune(
    model: str,
    arguments: Sequence[str],
    spaces: Sequence[Space],
    out: str | Path,
    *,
    trials: int = 10,
    seed: int = 0,
    cpus: float = 1,
    gpus: float = 0,
    stop_early: bool = False,
    address: str | None = None,
    resume: bool = False,
) -> Tuned:
    """Train a model once for each of ``trials`` draws from ``spaces``; the best has the highest validation rsum.

    The folder gets ``results.csv`` (all trials), ``best.yaml`` (a configuration for ``graphvtr train --config``),
    ``trials/`` (their runs, by the number of the draw) and ``ray/`` (what Ray writes, never read again). A trial whose
    process dies goes on from its last epoch; so do all when a search that was stopped is resumed.

    Args:
        model: registered name.
        arguments: flags of ``graphvtr train MODEL`` for all trials.
        spaces: of the options that differ.
        out: folder of the search.
        trials: draws; of a ``grid``, so many for each of its values.
        seed: of the draws.
        cpus: processors a trial.
        gpus: GPUs a trial; a part of one lets trials share it.
        stop_early: end trials that are behind after a few epochs (asynchronous successive halving, Li et al. 2020).
        address: of a Ray cluster, see :func:`graphvtr.cluster.connect`.
        resume: go on with the search in ``out``.

    Raises:
        DataError: a wrong option or space, ``out`` holds a search (without ``resume``) or another one or none (with
            it), or no trial has a figure.
        MissingExtraError: Ray Tune is not installed.
        Interrupted: Ctrl-C or SIGTERM.
    """
    if not spaces:
        raise DataError("graphvtr tune", "needs a --search", "for instance --search 'lr=loguniform(1e-4,1e-2)'")
    if trials < 1:
        raise DataError("trials", f"is {trials}", "give 1 or more")
    out = Path(out).resolve()
    asked = {
        "model": model,
        "arguments": list(arguments),
        "spaces": [f"{one}" for one in spaces],
        "trials": trials,
        "seed": seed,
    }
    _configuration(model, arguments, {space.option: space.first for space in spaces}, out)  # wrong ones end here
    with output_lock(out, folder=True), going_on("continue with --resume"):
        _check_folder(out, asked, resume)
        ray_tune = optional_import("ray.tune", "scale", "graphvtr tune")
        work = partial(_trial, model=model, arguments=list(arguments), folder=out / "trials", at=Path.cwd())
        with connected(address, "graphvtr tune"):
            trainable = ray_tune.with_resources(work, {"cpu": cpus, "gpu": gpus})
            found = _tuner(ray_tune, trainable, spaces, out, trials, seed, stop_early).fit()
            return _write(out, [space.option for space in spaces], found)


def _configuration(model: str, arguments: Sequence[str], values: dict[str, Any], out: Path) -> Configuration:
    flags = [f"--{name}={value if isinstance(value, str) else json.dumps(value)}" for name, value in values.items()]
    return Configuration(model, [*arguments, *flags, f"--out={out}", "--progress=false"])


def _check_folder(out: Path, asked: dict[str, Any], resume: bool) -> None:
    note = out / "search.json"
    if not resume:
        if note.exists():
            raise DataError(out, "holds a search already", "pass --resume to continue it, or another --out")
        write_whole(note, json.dumps(asked, indent=1))
    elif not note.exists():
        raise DataError(out, "holds no search to resume", "start without --resume")
    elif read_json(note) != asked:
        raise DataError(out, "holds a search of other options", f"give those of {note}, or another --out")


def _tuner(tune: Any, trainable: Any, spaces: Sequence[Space], out: Path, trials: int, seed: int, early: bool) -> Any:
    """A search that begins. Ray's own way to go on reads pickles, which run whatever somebody has put there: a search
    that goes on makes the same draws again, and trials find their runs."""
    shutil.rmtree(out / "ray", ignore_errors=True)
    space = {space.option: space.of_tune(tune) for space in spaces}
    scheduler = tune.schedulers.ASHAScheduler(time_attr="epoch", grace_period=3) if early else None
    draws = tune.search.basic_variant.BasicVariantGenerator(random_state=seed)
    return tune.Tuner(
        trainable,
        param_space=space,
        tune_config=tune.TuneConfig(
            metric="rsum",
            mode="max",
            num_samples=trials,
            scheduler=scheduler,
            search_alg=draws,
            reuse_actors=True,  # a process imports torch once, not once a trial
        ),
        run_config=tune.RunConfig(
            name="ray", storage_path=str(out), verbose=0, failure_config=tune.FailureConfig(max_failures=RETRIES)
        ),
    )


def _trial(values: dict[str, Any], *, model: str, arguments: list[str], folder: Path, at: Path) -> None:
    """One training, in a process of Ray's; it reports the best rsum so far after every epoch."""
    tune = optional_import("ray.tune", "scale", "graphvtr tune")
    os.chdir(at)  # paths of the arguments are those of the command
    out = folder / _number(tune.get_context().get_trial_id())

    def report(scores: Sequence[float]) -> None:
        tune.report({"rsum": max(scores), "epoch": len(scores)})

    last = out / "last.ckpt"
    resume = ["--resume"] if last.exists() else []
    if resume:  # the scheduler hears again what it was told
        scores = read_info(last, read_header(last, read_file(last))).scores
        for epoch in range(1, len(scores) + 1):
            report(scores[:epoch])
    told: Callable[[Sequence[float]], None] = report
    result = train(_configuration(model, [*arguments, *resume], values, out), after_epoch=told)
    report(result.scores)


def _number(trial_id: str) -> str:
    """Of a trial among the draws, which come in the same order from the same seed."""
    return trial_id.rpartition("_")[2]


def _write(out: Path, options: list[str], found: Any) -> Tuned:
    """``results.csv``, best first, and ``best.yaml``."""
    done = [one for one in found if one.metrics and "rsum" in one.metrics]
    failed = [one for one in found if one not in done]
    if not done:
        reason = next((str(one.error).strip().splitlines()[-1] for one in failed if one.error), "no trial was finished")
        raise DataError(out, f"has no figure: {reason}", "mend it and pass --resume")
    done.sort(key=lambda one: (-one.metrics["rsum"], _number(one.metrics["trial_id"])))
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(["trial", "rsum", "epochs", *options, "error"])
    for one in (*done, *failed):
        metrics = one.metrics or {}
        error = str(one.error).strip().splitlines()[-1] if one.error else ""
        figures = [_number(metrics.get("trial_id", "")), metrics.get("rsum", ""), metrics.get("epoch", "")]
        writer.writerow([*figures, *(one.config.get(name) for name in options), error])
    write_whole(out / "results.csv", table.getvalue())
    best = done[0]
    run = out / "trials" / _number(best.metrics["trial_id"])
    write_whole(out / "best.yaml", read_text(run / "config.yaml"))
    return Tuned({name: best.config[name] for name in options}, best.metrics["rsum"], len(done), len(failed), out)
