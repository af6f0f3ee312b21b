"""Kills at random moments."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from benchmarks.lib.fault_material import Material, Outcome, Trial, Unit, digest
from benchmarks.lib.fault_runs import Child, Ended, answer, command, leftovers

Arguments = Callable[[Path], list[object]]
Content = Callable[[Path], object]


def _store_content(out: Path) -> object:
    from graphvtr.video import FeatureStore

    store = FeatureStore.open(out)
    return [store.checksum(), store.verify(), store.damaged]


def _run_content(out: Path) -> object:
    from graphvtr.tasks.checkpoint import read_file

    files = {name: read_file(out / f"{name}.ckpt") for name in ("best", "last")}
    return {name: [file["state_dict"], file["graphvtr"]["info"]["scores"]] for name, file in files.items()}


def _export_content(out: Path) -> object:
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
        "extract": (lambda out: ["extract", material.clips, "--out", out, "--frames", "4"], _store_content),
        "parse": (
            lambda out: ["parse", material.captions, "--out", out, "--no-progress"],
            lambda out: out.read_bytes(),
        ),
        "train": (train, _run_content),
        "export": (lambda out: ["export", material.checkpoint, "--out", out], _export_content),
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
        yield f"{verb}: one run", whole.outcome, whole.last_line
        return
    wanted = answer(lambda: digest(content(reference)))
    killed, seconds = 0, whole.seconds
    for attempt in range(3 * count):
        out = folder / f"{verb}-{attempt}"
        for _ in range(4):
            ended = Child(command(*arguments(out))).wait(dice.uniform(0, seconds))
            if ended.outcome != "killed":
                break
            killed += 1
            yield f"{verb}: kill", "ok", f"after {ended.seconds:.2f} s"
        if ended.outcome not in ("killed", "ok"):
            yield f"{verb}: kill", ended.outcome, f"went on after {killed} kills: {ended.told}"
        seconds = min(seconds, ended.seconds) if ended.outcome == "ok" else seconds
        yield f"{verb}: continued", *_compare(_finish(verb, arguments, out), partial(content, out), wanted, out)
        shutil.rmtree(out, ignore_errors=True)
        if out.is_file():
            out.unlink()
        if killed >= count:
            return


def _finish(verb: str, arguments: Arguments, out: Path) -> Ended:
    ended = Child(command(*arguments(out))).wait()
    done = ended.outcome == "refused" and verb == "parse" and "exists" in ended.text  # killed after the last rename
    return Ended(0, ended.text, ended.seconds, ended.memory) if done else ended


def _compare(ended: Ended, found: Callable[[], object], wanted: str, out: Path) -> Outcome:
    if ended.outcome != "ok":
        return ("lost" if ended.outcome == "refused" else ended.outcome), ended.told
    try:
        if answer(lambda: digest(found())) != wanted:
            return "silent", "another result than that of one run"
    except RuntimeError as error:
        return "lost", f"{error}"[:300]
    beside = [name for name in leftovers(out.parent) if name.startswith((out.name, f".{out.name}"))]
    return ("left", ", ".join(beside)) if beside else ("ok", "")
