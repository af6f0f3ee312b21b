"""Two writers on every ``--out``."""

from __future__ import annotations

import shutil
import signal
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from benchmarks.lib.fault_kills import Arguments
from benchmarks.lib.fault_material import CLIPS, SHORT, Material, Trial, Unit
from benchmarks.lib.fault_runs import WALL, Child, command, leftovers, run

RESUMABLE = (".jsonl.partial", ".safetensors.partial")
"""What a run leaves on purpose: the next one goes on from it."""


def writer_kinds(material: Material) -> dict[str, Arguments]:
    """Command -> its arguments for an ``--out``."""
    data = ["--data", "moving_scenes", "--root", material.cache, "--option", f"num_clips={CLIPS}"]
    kinds: dict[str, Arguments] = {
        "extract --overwrite": lambda out: ["extract", material.clips, "--out", out, "--frames", "4", "--overwrite"],
        "parse": lambda out: ["parse", material.captions, "--out", f"{out}.jsonl", "--no-progress"],
        "train": lambda out: material.train(out),
        "export": lambda out: ["export", material.checkpoint, "--out", out],
        "perturb": lambda out: ["perturb", *data, "--split", "val", "--out", f"{out}.jsonl"],
        "store convert --to": lambda out: ["store", "convert", material.store, out, "--to", "npz"],
        "store convert --from": lambda out: ["store", "convert", _npz(material), out, "--from", "npz"],
        "plot role-graph": lambda out: ["plot", "role-graph", "a dog runs", "--out", f"{out}.svg"],
        "eval --save-scores": lambda out: [
            "eval",
            material.checkpoint,
            *data,
            "--split",
            "val",
            "--samples",
            "10",
            "--save-scores",
            f"{out}.npz",
        ],
        "scenes --render": lambda out: ["scenes", "--num-clips", CLIPS, "--cache", material.cache, "--render", out],
        "index": lambda out: ["index", material.for_search, material.store, "--out", out],
        "encode": lambda out: ["encode", material.for_search, material.captions, "--out", f"{out}.safetensors"],
        "demo": lambda out: ["demo", "--out", out, "--clips", CLIPS, "--epochs", "1", "--no-progress"],
        "tune": lambda out: [
            "tune",
            *material.train(out)[1:],
            "--epochs",
            "1",
            "--search",
            "lr=choice(1e-3,1e-4)",
            "--trials",
            "2",
        ],
    }
    return kinds


def _npz(material: Material) -> Path:
    out = material.folder / "npz"
    if not out.is_dir():
        run("store", "convert", material.store, out, "--to", "npz")
    return out


def writers(material: Material, count: int) -> Iterator[Unit]:
    """A second run is refused while the first writes; the first, asked to stop, says so with 143; a third goes on.
    And two that start together: one result, whole."""
    for name, arguments in writer_kinds(material).items():
        yield name, partial(_written, f"two writers: {name}", arguments)


def _written(row: str, arguments: Arguments, folder: Path) -> Iterator[Trial]:
    out = folder / "out"
    first = Child(command(*arguments(out)))
    while not first.ended() and not _locks(folder) and time.monotonic() - first.began < WALL:
        time.sleep(0.001)
    if first.ended() or not _locks(folder):
        yield row, "silent", f"no lock was seen; {first.wait(0).told}"
        return
    first.signal(signal.SIGSTOP)
    second = Child(command(*arguments(out))).wait()
    refused = second.code == 2 and "another run writes here" in second.text
    yield row, "refused" if refused else "silent" if second.code == 0 else second.outcome, f"second: {second.told}"
    first.signal(signal.SIGTERM)
    first.signal(signal.SIGCONT)
    stopped = first.wait()
    told = stopped.code == 0 or (stopped.code == 143 and "graphvtr: stopped" in stopped.last_line)
    wrong = stopped.outcome if stopped.outcome in SHORT else "silent"
    yield row, "ok" if told else wrong, f"SIGTERM: {stopped.code}: {stopped.told}"
    left = [entry for entry in leftovers(folder) if not any(part in entry for part in RESUMABLE)]
    yield row, "left" if left else "ok", f"after SIGTERM: {', '.join(left)}"
    _empty(folder)
    ends = [child.wait() for child in [Child(command(*arguments(out))) for _ in range(2)]]
    bad = [end for end in ends if end.outcome not in ("ok", "refused")]
    one = sum(end.code == 0 for end in ends)
    yield row, bad[0].outcome if bad else "ok" if one else "lost", "together: " + " | ".join(end.told for end in ends)


def _locks(folder: Path) -> list[str]:
    """Locks that are held: who holds one has written into it."""
    names = [name for name in leftovers(folder) if name.endswith(".graphvtr.lock")]
    return [name for name in names if (folder / name).is_file() and (folder / name).read_bytes()]


def _empty(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
