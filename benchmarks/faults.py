"""What becomes of a user's work when things go wrong: one table.

    python benchmarks/faults.py [--quick] [--part NAME ...] [--kind TEXT] [--report]

Kills (-9) in every long command, two writers on every ``--out``, a flipped bit in every kind of file, mutated clips,
fuzzed captions for both parsers, hostile files. Parts can be run one by one: each leaves its trials in the cache by
commit, and the table is of the latest of every kind, with the commit that it was tried on. What falls short is listed
trial by trial.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
if "--quick" in sys.argv:
    os.environ["GRAPHVTR_BENCH_QUICK"] = "1"  # before the paths of results are known
os.environ.setdefault("OMP_NUM_THREADS", "1")  # processes are forked

from benchmarks.lib.fault_flips import flips
from benchmarks.lib.fault_inputs import captions, clips, hostile
from benchmarks.lib.fault_kills import kills, writers
from benchmarks.lib.fault_material import RIGHT, SHORT, Material, Trial
from benchmarks.lib.harness import environment, write_result
from benchmarks.lib.paths import CACHE, without_places

PARTS: dict[str, tuple[Callable[[Material, Path, int], Iterator[Trial]], int, int]] = {
    "kills": (kills, 15, 1),  # each verb
    "writers": (writers, 1, 1),
    "flips": (flips, 1300, 39),
    "clips": (clips, 600, 25),
    "captions": (captions, 20_000, 400),  # each parser
    "hostile": (hostile, 1000, 8),
}
"""Part -> its trials, how many, and how many in a quick run."""


def main() -> None:
    """Run the parts that are asked for, print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a few trials of each part")
    parser.add_argument("--part", action="append", choices=list(PARTS), help="only this; repeatable")
    parser.add_argument(
        "--kind", default="", metavar="TEXT", help="of kills, writers, flips, captions: those that begin so"
    )
    parser.add_argument("--report", action="store_true", help="run nothing: the table of what is there")
    args = parser.parse_args()
    preload()
    commit, ending = environment()["commit"], "-quick" if args.quick else ""
    kept = CACHE / "faults" / f"{commit}{ending}"
    kept.mkdir(parents=True, exist_ok=True)
    for name in () if args.report else args.part or PARTS:
        run_part(name, kept, args.quick, args.kind)
    trials = latest(kept.parent, args.quick)
    rows = table(trials)
    print_table(rows)
    short = [trial[:3] for trial in trials if trial[1] in SHORT]
    for name, outcome, detail in short[:40]:
        print(without_places(f"{outcome}: {name}: {detail}"))
    write_result("faults", rows, fell_short=short)


def latest(folder: Path, quick: bool) -> list[list[str]]:
    """The newest trials of each kind with their commit: name, outcome, detail, commit. Of changed files none."""
    files = [
        (part, path)
        for part in PARTS
        for path in folder.glob(f"*/{part}*.jsonl*")
        if path.parent.name.endswith("-quick") is quick and "+" not in path.parent.name
    ]
    found: dict[tuple[str, str], list[list[str]]] = {}
    for part, path in sorted(files, key=lambda file: file[1].stat().st_mtime):
        of_file: dict[tuple[str, str], list[list[str]]] = {}
        for trial in _read(path):
            of_file.setdefault((part, _kind(part, trial[0])), []).append(
                [*trial, path.parent.name.removesuffix("-quick")]
            )
        found.update(of_file)
    return [trial for part in PARTS for (of, _), group in found.items() if of == part for trial in group]


def _kind(part: str, name: str) -> str:
    """What is tried again as one: a verb with its kills and how it went on; a kind of file; all hostile files."""
    if part == "hostile":
        return part
    return name.split(": ")[0] if part in ("kills", "writers") else name


def preload() -> None:
    """Import once what every forked process would import for itself."""
    import torch

    torch.set_num_threads(1)
    for module in (
        "h5py",
        "jsonargparse",
        "pytorch_lightning",
        "spacy",
        "av",
        "graphvtr.cli.main",
        "graphvtr.tasks.config",
    ):
        importlib.import_module(module)
    from graphvtr.cli.main import build_parser
    from graphvtr.tasks.config import make_parser

    build_parser()
    make_parser("hgr")


def run_part(name: str, kept: Path, quick: bool, kind: str = "") -> None:
    """All trials of a part, into ``kept/NAME.jsonl``, which is there once they are through (``.new`` until then)."""
    trials, count, few = PARTS[name]
    with tempfile.TemporaryDirectory(prefix="graphvtr-faults-") as folder:
        os.environ["GRAPHVTR_CACHE"] = str(Path(folder) / "home")
        material = Material(kept.parent / "material")
        material.kind = kind
        stem = f"{name}-{kind}" if kind else name
        out = kept / f"{stem}.jsonl.new"
        (Path(folder) / "work").mkdir()
        with out.open("w") as file:
            for done, trial in enumerate(trials(material, Path(folder) / "work", few if quick else count), 1):
                file.write(json.dumps(trial) + "\n")
                file.flush()
                if sys.stderr.isatty() or trial[1] in SHORT:
                    print(f"{name} {done}: {' '.join(trial)[:150]}", file=sys.stderr, flush=True)
        out.replace(kept / f"{stem}.jsonl")


def _read(path: Path) -> list[list[str]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def table(trials: list[list[str]]) -> list[dict[str, object]]:
    """A row a kind of fault: how many trials ended how."""
    rows: dict[str, Counter[str]] = {}
    commits: dict[str, str] = {}
    for name, outcome, _, commit in trials:
        rows.setdefault(_row(name), Counter())[outcome] += 1
        commits[_row(name)] = commit
    return [
        {
            "fault": name, "trials": found.total(), **{outcome: found[outcome] for outcome in (*RIGHT, *SHORT)},
            "commit": commits[name],
        }
        for name, found in rows.items()
    ]  # fmt: skip


def _row(name: str) -> str:
    """Hostile files are one row, and so is each verb of the kills."""
    return "hostile files" if name.startswith("hostile: ") else name


def print_table(rows: list[dict[str, object]]) -> None:
    """Columns with nothing in them are left out but for what should be nothing."""
    columns = ["trials", *RIGHT, *SHORT, "commit"]
    width = max((len(str(row["fault"])) for row in rows), default=0)
    print(" " * width + "".join(f"{column:>10}" for column in columns))
    for row in rows:
        print(f"{row['fault']:<{width}}" + "".join(f"{row[column]!s:>10}" for column in columns))


if __name__ == "__main__":
    if shutil.which("true") is None or not hasattr(os, "fork"):
        sys.exit("faults.py forks its processes: run it on Linux or a Mac")
    main()
