"""Kills at random moments."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from benchmarks.lib.fault_material import Material, Outcome, Trial, Unit, digest, shortfall
from benchmarks.lib.fault_runs import Child, Ended, answer, command, leftovers

Arguments = Callable[[Path], list[object]]
Content = Callable[[Path], object]


def store_content(out: Path) -> object:
    from graphvtr.video import FeatureStore

    store = FeatureStore.open(out)
    return [store.checksum(), store.verify(), store.damaged]


def run_content(out: Path) -> object:
    from graphvtr.tasks.checkpoint import read_file

    files = {name: read_file(out / f"{name}.ckpt") for name in ("best", "last")}
    return {name: [file["state_dict"], file["graphvtr"]["info"]["scores"]] for name, file in files.items()}


def export_content(out: Path) -> object:
    from graphvtr import load

    model = load(out)
    return [dict(model.state_dict()), model.config, list(model.vocabulary.words)]


def index_content(out: Path) -> object:
    from graphvtr.search import Index

    index = Index.open(out)
    found = index.search("a man cuts a ball", top=len(index), exhaustive=True)
    return [index.verify(), index.manifest.model_digest, [(result.name, round(result.score, 5)) for result in found]]


def kill_kinds(material: Material) -> dict[str, tuple[Arguments, Content]]:
    """Verb -> its arguments for an ``--out`` (that may hold what a killed run left), and what is in it in the end."""

    def train(out: Path) -> list[object]:
        return material.train(out, *(["--resume"] if (out / "last.ckpt").is_file() else []))

    kinds: dict[str, tuple[Arguments, Content]] = {
        "extract": (lambda out: ["extract", material.clips, "--out", out, "--frames", "4"], store_content),
        "parse": (
            lambda out: ["parse", material.captions, "--out", out, "--no-progress"],
            lambda out: out.read_bytes(),
        ),
        "train": (train, run_content),
        "export": (lambda out: ["export", material.checkpoint, "--out", out], export_content),
        "index": (lambda out: ["index", material.for_search, material.store, "--out", out], index_content),
    }
    return kinds


def kills(material: Material, count: int) -> Iterator[Unit]:
    """Each verb is killed (-9) again and again at random moments, and goes on; its result is that of one run."""
    for verb, (arguments, content) in kill_kinds(material).items():
        yield verb, partial(_killed, verb, arguments, content, count)


def _killed(verb: str, arguments: Arguments, content: Content, count: int, folder: Path) -> Iterator[Trial]:
    dice = random.Random(f"{verb} {count}")
    reference = folder / "whole"
    whole = Child(command(*arguments(reference))).wait()
    if whole.outcome != "ok":
        yield f"{verb}: one run", shortfall(whole.outcome), whole.told
        return
    wanted = answer(lambda: digest(content(reference)))
    killed, seconds = 0, whole.seconds
    for attempt in range(3 * count):
        out = folder / f"{verb}-{attempt}"
        for time in range(4):
            ended = Child(command(*arguments(out))).wait(dice.uniform(0, seconds))
            if not time and ended.outcome == "ok":
                seconds = min(seconds, ended.seconds)  # one that goes on has less to do, and says nothing
            if ended.outcome != "killed":
                break
            killed += 1
            yield f"{verb}: kill", "ok", f"after {ended.seconds:.2f} s"
        if ended.outcome not in ("killed", "ok") and not _was_done(verb, ended):
            yield f"{verb}: kill", shortfall(ended.outcome), f"went on after {killed} kills: {ended.told}"
        yield f"{verb}: continued", *_compare(verb, Child(command(*arguments(out))).wait(), content, wanted, out)
        shutil.rmtree(out, ignore_errors=True)
        if out.is_file():
            out.unlink()
        if killed >= count:
            return


def _was_done(verb: str, ended: Ended) -> bool:
    """Whether the run before was killed after it had finished: there was nothing to go on with."""
    return ended.outcome == "refused" and verb == "parse" and "exists" in ended.text


def _compare(verb: str, ended: Ended, content: Content, wanted: str, out: Path) -> Outcome:
    if ended.outcome != "ok" and not _was_done(verb, ended):
        return shortfall(ended.outcome), ended.told
    outcome = same(partial(content, out), wanted)
    beside = [name for name in leftovers(out.parent) if name.startswith((out.name, f".{out.name}"))]
    return ("left", ", ".join(beside)) if beside and outcome[0] == "ok" else outcome


def same(found: Callable[[], object], wanted: str) -> Outcome:
    """Whether a result is that of one run."""
    try:
        if answer(lambda: digest(found())) != wanted:
            return "silent", "another result than that of one run"
    except RuntimeError as error:
        return "lost", f"{error}"[:300]
    return "ok", ""
