"""What becomes of a user's work when things go wrong: one table.

    python benchmarks/faults.py [--quick] [--part NAME ...] [--only TEXT] [--minutes M] [--report]

Kills (-9) in every long command, two writers on every ``--out``, a flipped bit in every kind of file, mutated clips,
fuzzed captions for both parsers, hostile files. A part is done in pieces (a verb, a kind of file, fifty clips); each
that is done is kept by commit, so that a run that was stopped, or had only some minutes, goes on. The table is of the
newest trials of every piece, and a row names the commits that its trials are of. What falls short, and what was not
tried, is listed.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
os.environ |= {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}  # processes are forked, so threads are none

from benchmarks.lib.fault_flips import flips
from benchmarks.lib.fault_inputs import captions, clips, hostile
from benchmarks.lib.fault_kills import kills
from benchmarks.lib.fault_material import RIGHT, SHORT, Material, Trial, Unit
from benchmarks.lib.fault_runs import end_all
from benchmarks.lib.fault_writers import writers
from benchmarks.lib.harness import environment, write_result
from benchmarks.lib.paths import CACHE, RESULTS, without_places


@dataclass(frozen=True)
class Part:
    """Trials of one kind of fault.

    Args:
        units: gives them, for so many.
        count: how many; of kills for each verb, of captions for each parser.
        quick: how many in a quick run.
        aim: fewest trials that the whole part should have; of captions for each parser.
    """

    units: Callable[[Material, int], Iterator[Unit]]
    count: int
    quick: int
    aim: int


PARTS = {
    "kills": Part(kills, 12, 1, 50),
    "writers": Part(writers, 1, 1, 0),
    "flips": Part(flips, 1080, 36, 1000),
    "clips": Part(clips, 500, 10, 500),
    "captions": Part(captions, 20_000, 100, 20_000),
    "hostile": Part(hostile, 1000, 8, 40),
}


@dataclass
class Row:
    """Trials that ended alike are counted."""

    trials: int = 0
    outcomes: dict[str, int] = field(default_factory=lambda: dict.fromkeys((*RIGHT, *SHORT), 0))
    commits: set[str] = field(default_factory=set)


def main() -> None:
    """Run the parts that are asked for, print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a few trials of each part")
    parser.add_argument("--part", action="append", choices=list(PARTS), help="only this; repeatable")
    parser.add_argument(
        "--only", default="", metavar="TEXT", help="pieces whose name begins so: a verb, a kind of file"
    )
    parser.add_argument("--minutes", type=float, default=1e6, help="begin no piece after so many")
    parser.add_argument("--report", action="store_true", help="run nothing: the table of what is there")
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped; the same command goes on"))
    ending = "-quick" if args.quick else ""
    home = CACHE / "fault_trials"
    kept = home / f"{environment()['commit']}{ending}"
    kept.mkdir(parents=True, exist_ok=True)
    if not args.report:
        preload()
        material = Material(home / "material")
        material.make(environment()["commit"])
        end = time.monotonic() + 60 * args.minutes
        for name in args.part or PARTS:
            run_part(name, kept / f"{name}.jsonl", material, args.quick, args.only, end)
    rows, short, left = table(home, ending)
    lines = print_table(rows)
    lines += [f"{outcome}: {name}: {detail}" for name, outcome, detail in short]
    lines += [f"not tried: {name}" for name in left]
    counts = totals(home, ending)
    lines += [f"{name}: {entry['trials']} trials, at least {entry['aim']} wanted" for name, entry in counts.items()]
    lines.append(f"{len(short)} fell short, {len(left)} pieces were not tried")
    text = without_places("\n".join(lines))
    print(text)
    (RESULTS / "faults.txt").write_text(text + "\n")
    found = [
        {"fault": name, "trials": row.trials, **row.outcomes, "commits": sorted(row.commits)}
        for name, row in rows.items()
    ]
    write_result("faults", found, totals=counts, fell_short=short, not_tried=left)


def preload() -> None:
    """Import once what every forked process would import for itself."""
    import torch
    from tqdm import tqdm

    torch.set_num_threads(1)
    # the lock of progress bars is a semaphore that forked processes share: one that is killed would keep it for ever
    tqdm.set_lock(threading.RLock())
    tqdm.monitor_interval = 0  # its thread
    for module in (
        "h5py",
        "jsonargparse",
        "pytorch_lightning",
        "spacy",
        "av",
        "faiss",
        "matplotlib.pyplot",
        "torch.utils.tensorboard",
        "graphvtr.cli.main",
        "graphvtr.search.index.build",
        "graphvtr.tasks.config",
    ):
        importlib.import_module(module)
    from graphvtr.cli.main import build_parser
    from graphvtr.tasks.config import make_parser
    from graphvtr.text import get_parser

    get_parser("spacy")  # its pipeline is loaded once a process
    build_parser()
    make_parser("hgr")


def run_part(name: str, out: Path, material: Material, quick: bool, only: str, end: float) -> None:
    """The pieces of a part that are not in ``out`` yet."""
    part, done = PARTS[name], pieces(out)
    out.write_text("".join(json.dumps(piece) + "\n" for piece in done.items()))  # without half a line of a killed run
    for key, trials in part.units(material, part.quick if quick else part.count):
        if key in done or not key.startswith(only):
            continue
        if time.monotonic() > end:
            print(f"{name}: no time for {key} and what follows", file=sys.stderr)
            return
        began, found = time.monotonic(), []
        with tempfile.TemporaryDirectory(prefix="graphvtr-faults-", ignore_cleanup_errors=True) as folder:
            os.environ["GRAPHVTR_CACHE"] = str(shutil.copytree(material.home, Path(folder) / "home"))
            (Path(folder) / "work").mkdir()
            try:
                for trial in trials(Path(folder) / "work"):
                    found.append(trial)
                    if trial[1] in SHORT:
                        print(f"{name}: {' '.join(trial)[:300]}", file=sys.stderr, flush=True)
            except Exception:  # the other pieces can be tried all the same; this one stays "not tried"
                traceback.print_exc()
                continue
            finally:
                end_all()
        with out.open("a") as file:
            file.write(json.dumps([key, found]) + "\n")
        print(f"{name}: {key}: {len(found)} in {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)


def pieces(path: Path) -> dict[str, list[Trial]]:
    """Name -> trials of the pieces in a file; a line that was cut off is none."""
    if not path.is_file():
        return {}
    lines = path.read_text().split("\n")[:-1]
    return {key: [(name, outcome, detail) for name, outcome, detail in found] for key, found in map(json.loads, lines)}


def newest(home: Path, ending: str) -> Iterator[tuple[str, str, list[Trial], str]]:
    """Part, piece, its newest trials and their commit; none of one that was not tried. Of clean commits alone."""
    folders = [path for path in home.iterdir() if path.name.endswith("-quick") is bool(ending) and "+" not in path.name]
    for name, part in PARTS.items():
        files = sorted(
            (path for folder in folders if (path := folder / f"{name}.jsonl").is_file()),
            key=lambda path: path.stat().st_mtime,
        )
        found: dict[str, tuple[list[Trial], str]] = {}
        for path in files:
            commit = path.parent.name.removesuffix("-quick")
            found.update({key: (trials, commit) for key, trials in pieces(path).items()})
        for key, _ in part.units(Material(home / "material"), part.quick if ending else part.count):
            yield name, key, *found.get(key, ([], ""))


def table(home: Path, ending: str) -> tuple[dict[str, Row], list[Trial], list[str]]:
    """Rows, the trials that fell short, and the pieces that were not tried."""
    rows: dict[str, Row] = {}
    short: list[Trial] = []
    left: list[str] = []
    for name, key, trials, commit in newest(home, ending):
        if not commit:
            left.append(f"{name}: {key}")
        for trial in trials:
            row = rows.setdefault(trial[0], Row())
            row.trials += 1
            row.outcomes[trial[1]] += 1
            row.commits.add(commit)
            if trial[1] in SHORT:
                short.append(trial)
    return rows, short, left


def totals(home: Path, ending: str) -> dict[str, dict[str, int]]:
    """Part (of captions with the parser) -> how many trials there are, and how many are wanted."""
    found: dict[str, dict[str, int]] = {}
    for name, key, trials, _ in newest(home, ending):
        counted = [trial for trial in trials if not trial[0].endswith(": continued")]
        label = f"{name}: {key.split()[0]}" if name == "captions" else name
        entry = found.setdefault(label, {"trials": 0, "aim": PARTS[name].aim})
        entry["trials"] += len(counted)
    return found


def print_table(rows: dict[str, Row]) -> list[str]:
    """The table as lines."""
    columns = ["trials", *RIGHT, *SHORT]
    width = max((len(name) for name in rows), default=0)
    lines = [" " * width + "".join(f"{column:>10}" for column in columns) + "  commits"]
    for name, row in rows.items():
        counts = [row.trials, *row.outcomes.values()]
        commits = " ".join(sorted(row.commits))
        lines.append(f"{name:<{width}}" + "".join(f"{count:>10}" for count in counts) + f"  {commits}")
    return lines


if __name__ == "__main__":
    if shutil.which("true") is None or not hasattr(os, "fork"):
        sys.exit("faults.py forks its processes: run it on Linux or a Mac")
    main()
