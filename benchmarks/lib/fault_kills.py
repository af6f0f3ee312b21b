"""Kills at random moments, and two writers on every ``--out``."""

from __future__ import annotations

import random
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.lib.fault_material import CLIPS, Material, Trial, digest
from benchmarks.lib.fault_runs import Child, Ended, command, leftovers, run

RESUMABLE = (".jsonl.partial", ".safetensors.partial")
"""What a run leaves on purpose: the next one goes on from it."""


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


def _index_content(out: Path) -> object:
    from graphvtr.search import Index

    index = Index.open(out)
    found = index.search("a man cuts a ball", top=len(index), exhaustive=True)
    return [index.verify(), index.manifest.model_digest, [(result.name, round(result.score, 5)) for result in found]]


def kill_kinds(material: Material) -> dict[str, tuple[Callable[[Path], list[object]], Callable[[Path], object]]]:
    """Verb -> its arguments for an ``--out`` (that may hold what a killed run left), and what is in it in the end."""

    def train(out: Path) -> list[object]:
        return material.train(out, *(["--resume"] if (out / "last.ckpt").is_file() else []))

    kinds: dict[str, tuple[Callable[[Path], list[object]], Callable[[Path], object]]] = {
        "extract": (lambda out: ["extract", material.clips, "--out", out, "--frames", "4"], _store_content),
        "parse": (
            lambda out: ["parse", material.captions, "--out", out, "--no-progress"],
            lambda out: out.read_bytes(),
        ),
        "train": (train, _run_content),
        "export": (lambda out: ["export", material.checkpoint, "--out", out], _export_content),
        "index": (lambda out: ["index", material.for_search, material.store, "--out", out], _index_content),
    }
    return kinds


def kills(material: Material, folder: Path, count: int) -> Iterator[Trial]:
    """Each verb is killed (-9) again and again at random moments, and goes on; its result is that of one run."""
    dice = random.Random(int(time.time()))
    for verb, (arguments, content) in kill_kinds(material).items():
        if not verb.startswith(material.kind):
            continue
        reference = folder / f"{verb}-whole"
        whole = Child(command(*arguments(reference))).wait()
        if whole.outcome != "ok":
            yield f"{verb}: whole run", whole.outcome, whole.last_line
            continue
        wanted = digest(content(reference))
        killed = 0
        while killed < count:
            out = folder / f"{verb}-{killed}"
            for _ in range(4):
                ended = Child(command(*arguments(out))).wait(dice.uniform(0, 1.1 * whole.seconds))
                if ended.outcome not in ("killed", "ok"):
                    yield f"{verb}: after {killed} kills", ended.outcome, ended.last_line
                killed += ended.outcome == "killed"
                if ended.outcome == "killed":
                    yield f"{verb}: kill", "ok", f"after {ended.seconds:.2f} s"
                else:
                    break
            ended = _finish(verb, arguments, out)
            yield (
                f"{verb}: continued",
                *_compare(ended, lambda out=out, content=content: digest(content(out)), wanted, out),
            )
            shutil.rmtree(out, ignore_errors=True)
            if out.is_file():
                out.unlink()


def _finish(verb: str, arguments: Callable[[Path], list[object]], out: Path) -> Ended:
    ended = Child(command(*arguments(out))).wait()
    done = ended.outcome == "refused" and verb == "parse" and "exists" in ended.text  # killed after the last rename
    return Ended(0, ended.text, ended.seconds, ended.memory) if done else ended


def _compare(ended: Ended, found: Callable[[], str], wanted: str, out: Path) -> tuple[str, str]:
    if ended.outcome != "ok":
        return ("lost" if ended.outcome == "refused" else ended.outcome), ended.last_line
    try:
        if found() != wanted:
            return "silent", "another result than that of one run"
    except Exception as error:
        return "lost", repr(error)[:300]
    beside = [name for name in leftovers(out.parent) if name.startswith((out.name, f".{out.name}"))]
    return ("left", ", ".join(beside)) if beside else ("ok", "")


def writer_kinds(material: Material) -> dict[str, Callable[[Path], list[object]]]:
    """Command -> its arguments for an ``--out``."""
    data = ["--data", "moving_scenes", "--root", material.cache, "--option", f"num_clips={CLIPS}"]
    kinds: dict[str, Callable[[Path], list[object]]] = {
        "extract --overwrite": lambda out: ["extract", material.clips, "--out", out, "--frames", "4", "--overwrite"],
        "parse": lambda out: ["parse", material.captions, "--out", f"{out}.jsonl", "--no-progress"],
        "train": lambda out: material.train(out),
        "export": lambda out: ["export", material.checkpoint, "--out", out],
        "perturb": lambda out: ["perturb", *data, "--split", "val", "--out", f"{out}.jsonl"],
        "store convert --to": lambda out: ["store", "convert", material.store, out, "--to", "npz"],
        "store convert --from": lambda out: ["store", "convert", _npz(material), out, "--from", "npz"],
        "plot role-graph": lambda out: ["plot", "role-graph", "a dog runs", "--out", f"{out}.svg"],
        "eval --save-scores": lambda out: [
            "eval", material.checkpoint, *data, "--split", "val", "--samples", "10", "--save-scores", f"{out}.npz"
        ],
        "scenes --render": lambda out: ["scenes", "--num-clips", CLIPS, "--cache", material.cache, "--render", out],
        "index": lambda out: ["index", material.for_search, material.store, "--out", out],
        "encode": lambda out: ["encode", material.for_search, material.captions, "--out", f"{out}.safetensors"],
        "demo": lambda out: ["demo", "--out", out, "--clips", CLIPS, "--epochs", "1", "--no-progress"],
    }  # fmt: skip
    return kinds


def _npz(material: Material) -> Path:
    out = material.folder / "npz"
    if not out.is_dir():
        run("store", "convert", material.store, out, "--to", "npz")
    return out


def writers(material: Material, folder: Path, count: int) -> Iterator[Trial]:
    """A second run is refused while the first writes; the first, asked to stop, says so with 143; a third goes on.
    And two that start together: one result, whole."""
    for name, arguments in writer_kinds(material).items():
        if not name.startswith(material.kind):
            continue
        out = folder / name.replace(" ", "_").replace("-", "")
        first = Child(command(*arguments(out)))
        while not first.ended() and not _locks(folder):
            time.sleep(0.001)
        if first.ended():
            yield f"{name}: first", "silent", f"no lock was seen; {first.wait().last_line}"
            continue
        first.signal(signal.SIGSTOP)
        second = Child(command(*arguments(out))).wait()
        refused = second.code == 2 and "another run writes here" in second.text
        wrong = "silent" if second.code == 0 else second.outcome
        yield f"{name}: second", "refused" if refused else wrong, second.last_line
        first.signal(signal.SIGTERM)
        first.signal(signal.SIGCONT)
        stopped = first.wait()
        right = stopped.code in (143, 0) and (stopped.code == 0 or "graphvtr: stopped" in stopped.last_line)
        yield (
            f"{name}: SIGTERM",
            "ok" if right else stopped.outcome if stopped.code != 0 else "silent",
            stopped.last_line,
        )
        left = [entry for entry in leftovers(folder) if not any(part in entry for part in RESUMABLE)]
        yield f"{name}: after SIGTERM", "left" if left else "ok", ", ".join(left)
        _remove(folder)
        both = [Child(command(*arguments(out))) for _ in range(2)]
        ends = [child.wait() for child in both]
        codes = sorted(end.code for end in ends)
        bad = [end for end in ends if end.outcome not in ("ok", "refused")]
        yield (
            f"{name}: together",
            bad[0].outcome if bad else "ok" if codes[0] == 0 else "lost",
            " | ".join(end.last_line for end in ends),
        )
        _remove(folder)


def _locks(folder: Path) -> list[str]:
    """Locks that are held: who holds one has written into it."""
    names = [name for name in leftovers(folder) if name.endswith(".graphvtr.lock")]
    return [name for name in names if (folder / name).is_file() and (folder / name).read_bytes()]


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
