"""Two writers on every ``--out``."""

from __future__ import annotations

import contextlib
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.lib.fault_kills import (
    Arguments,
    Content,
    export_content,
    index_content,
    run_content,
    same,
    store_content,
)
from benchmarks.lib.fault_material import CLIPS, Material, Outcome, Trial, Unit, digest, shortfall
from benchmarks.lib.fault_runs import WALL, Child, Ended, answer, command, leftovers, run

RESUMABLE = (".jsonl.partial", ".safetensors.partial")
"""What a run leaves on purpose: the next one goes on from it."""


def files_content(place: Path) -> object:
    """What is in a file, or in all of a folder, by name; of arrays the values."""
    import numpy as np

    files = sorted(path for path in place.rglob("*") if path.is_file()) if place.is_dir() else [place]
    found: dict[str, object] = {}
    for path in files:
        content: object = path.read_bytes()
        if path.suffix == ".npz":
            with np.load(path) as arrays:
                content = {name: [str(arrays[name].dtype), arrays[name].tobytes()] for name in arrays.files}
        found[path.relative_to(place).as_posix()] = content
    return found


@dataclass(frozen=True)
class Writer:
    """A command that writes.

    Args:
        arguments: for a place to write to.
        content: what is read of that place when all is done.
        ending: of the name of a file; none of a folder.
        again: gives the flag that goes on with what a stopped run has left.
    """

    arguments: Arguments
    content: Content = files_content
    ending: str = ""
    again: Callable[[Path], list[str]] = lambda out: []


def writer_kinds(material: Material) -> dict[str, Writer]:
    """Command -> what it is."""
    data = ["--data", "moving_scenes", "--root", material.cache, "--option", f"num_clips={CLIPS}"]
    scores = ["eval", material.checkpoint, *data, "--split", "val", "--samples", "10", "--save-scores"]
    search = [*material.train(Path("OUT"))[1:], "--epochs", "1", "--search", "lr=choice(1e-3,1e-4)", "--trials", "2"]

    def tune(out: Path) -> list[object]:
        return ["tune", *(out if word == Path("OUT") else word for word in search)]

    def demo(out: Path) -> list[object]:
        return ["demo", "--out", out, "--clips", CLIPS, "--epochs", "1", "--no-progress"]

    def resume(name: str) -> Callable[[Path], list[str]]:
        return lambda out: ["--resume"] if (out / name).is_file() else []

    kinds: dict[str, Writer] = {
        "extract --overwrite": Writer(
            lambda out: ["extract", material.clips, "--out", out, "--frames", "4", "--overwrite"], store_content
        ),
        "parse": Writer(lambda out: ["parse", material.captions, "--out", out, "--no-progress"], ending=".jsonl"),
        "train": Writer(material.train, run_content, again=resume("last.ckpt")),
        "export": Writer(lambda out: ["export", material.checkpoint, "--out", out], export_content),
        "perturb": Writer(lambda out: ["perturb", *data, "--split", "val", "--out", out], ending=".jsonl"),
        "store convert --to": Writer(lambda out: ["store", "convert", material.store, out, "--to", "npz"]),
        "store convert --from": Writer(
            lambda out: ["store", "convert", _npz(material), out, "--from", "npz"], store_content
        ),
        "plot role-graph": Writer(lambda out: ["plot", "role-graph", "a dog runs", "--out", out], ending=".svg"),
        "eval --save-scores": Writer(lambda out: [*scores, out], ending=".npz"),
        "scenes --render": Writer(
            lambda out: ["scenes", "--num-clips", CLIPS, "--cache", material.cache, "--render", out]
        ),
        "index": Writer(lambda out: ["index", material.for_search, material.store, "--out", out], index_content),
        "encode": Writer(
            lambda out: ["encode", material.for_search, material.captions, "--out", out], ending=".safetensors"
        ),
        "demo": Writer(demo, lambda out: (out / "results.json").read_bytes()),
        "tune": Writer(tune, lambda out: (out / "results.csv").read_bytes(), again=resume("search.json")),
    }
    return kinds


def _npz(material: Material) -> Path:
    out = material.folder / "npz"
    if not out.is_dir():
        run("store", "convert", material.store, out, "--to", "npz")
    return out


def writers(material: Material, count: int) -> Iterator[Unit]:
    """A second run is refused while the first writes; the first, asked to stop, says so with 143; a third goes on.
    And two that start together: one result, which is that of the third."""
    for name, writer in writer_kinds(material).items():
        yield name, partial(_written, f"two writers: {name}", writer)


def _written(row: str, writer: Writer, folder: Path) -> Iterator[Trial]:
    out = folder / f"out{writer.ending}"
    call = command(*writer.arguments(out))
    first = Child(call)
    while not first.ended() and not _locked(folder) and time.monotonic() - first.began < WALL:
        time.sleep(0.001)
    first.signal(signal.SIGSTOP)
    if first.ended() or not _locked(folder):
        yield row, "silent", f"no lock was seen; {first.wait(0).told}"
        return
    second = Child(call).wait()
    yield row, *_refused(second)
    first.signal(signal.SIGTERM)
    first.signal(signal.SIGCONT)
    yield row, *_stopped(first.wait())
    left = [entry for entry in leftovers(folder) if not any(part in entry for part in RESUMABLE)]
    yield row, "left" if left else "ok", f"after SIGTERM: {', '.join(left)}"
    third = Child(command(*writer.arguments(out), *writer.again(out))).wait()
    yield row, "ok" if third.code == 0 else shortfall(third.outcome), f"went on: {third.told}"
    if third.code:
        return
    wanted = answer(lambda: digest(writer.content(out)))
    shutil.rmtree(folder)
    folder.mkdir()
    ends = [child.wait() for child in [Child(call) for _ in range(2)]]
    bad = [end for end in ends if end.outcome not in ("ok", "refused")]
    told = "together: " + " | ".join(end.told for end in ends)
    if bad or all(end.code for end in ends):
        yield row, shortfall(bad[0].outcome) if bad else "lost", told
        return
    outcome, detail = same(lambda: writer.content(out), wanted)
    yield row, outcome, f"{told} {detail}"


def _refused(second: Ended) -> Outcome:
    """Whether a run was, because another writes."""
    told = second.outcome == "refused" and "another run writes here" in second.text
    wrong = "silent" if second.code == 0 else shortfall(second.outcome)
    return "refused" if told else wrong, f"second: {second.told}"


def _stopped(first: Ended) -> Outcome:
    """Whether a run that was asked to stop has said so, in its code and its last line."""
    told = first.outcome == "stopped" and first.code == 143 and "graphvtr: stopped" in first.last_line
    wrong = "silent" if first.code in (0, 143) else shortfall(first.outcome)
    return "ok" if told else wrong, f"SIGTERM: {first.code}: {first.told}"


def _locked(folder: Path) -> bool:
    """Whether a lock is held: who holds one has written into it."""
    for name in leftovers(folder):
        with contextlib.suppress(OSError):
            if name.endswith(".graphvtr.lock") and (folder / name).read_bytes():
                return True
    return False
