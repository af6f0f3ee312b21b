"""How long the command and the imports take before any work begins.

    python benchmarks/speed/startup.py [--quick]

Aims: ``graphvtr --version`` and every ``--help`` of a verb in at most 0.3 s; ``from graphvtr.nn import RandomWalkGCN``
in at most 1.2 times the time of ``import torch, torch_geometric.nn``; a first query of an index that no server has open
in under 2 s, of which ``import torch`` is the floor. Each row is the median of new processes, by the
wall; the processes of one round run one after another, so that a busy moment hits all rows alike.
"""

from __future__ import annotations

import argparse
import pkgutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import graphvtr.cli
from benchmarks.lib.harness import write_result
from graphvtr.search.index.example import small_index

COMMAND, IMPORTS, QUERY = 0.3, 1.2, 2.0


def verbs() -> list[str]:
    """Every verb of the command."""
    asked = subprocess.run([sys.executable, "-m", "graphvtr", "--help"], capture_output=True, text=True, check=True)
    names = [info.name for info in pkgutil.iter_modules(graphvtr.cli.__path__)]
    return [name for name in names if f"    {name} " in asked.stdout]


def seconds(arguments: list[str]) -> float:
    """Wall time of a new Python."""
    begin = time.perf_counter()
    subprocess.run([sys.executable, *arguments], capture_output=True, check=True)
    return time.perf_counter() - begin


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--quick", action="store_true", help="one round")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        small_index(folder)
        measure(Path(folder) / "index", 1 if arguments.quick else arguments.rounds)


def measure(index: Path, rounds: int) -> None:
    """All cases, print and write.

    Args:
        index: that is asked.
        rounds: processes a case.
    """
    ask = ["-m", "graphvtr", "search", str(index), "--alone"]
    cases = {
        "python": ["-c", "pass"],
        "graphvtr --version": ["-m", "graphvtr", "--version"],
        "graphvtr --help": ["-m", "graphvtr", "--help"],
        **{f"graphvtr {verb} --help": ["-m", "graphvtr", verb, "--help"] for verb in verbs()},
        "torch, torch_geometric.nn": ["-c", "import torch, torch_geometric.nn"],
        "graphvtr.nn.RandomWalkGCN": ["-c", "from graphvtr.nn import RandomWalkGCN"],
        "graphvtr.load": ["-c", "import graphvtr; graphvtr.load"],
        "torch": ["-c", "import torch"],
        "a first query, a sentence": [*ask, "a red circle chases a blue square"],
        "a first query, by roles": [*ask, "agent=circle", "action=chase"],
    }
    found: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(rounds):
        for name, command in cases.items():
            found[name].append(seconds(command))
    rows = [{"case": name, "median": statistics.median(times), "seconds": times} for name, times in found.items()]
    for row in rows:
        case = str(row["case"])
        aim = COMMAND if case.startswith("graphvtr -") else QUERY if case.startswith("a first") else None
        late = "   over the aim" if aim is not None and row["median"] > aim else ""
        print(f"{row['case']:32} {row['median']:6.2f} s{late}")
    ratio = statistics.median(
        mine / bare
        for mine, bare in zip(found["graphvtr.nn.RandomWalkGCN"], found["torch, torch_geometric.nn"], strict=True)
    )
    print(f"RandomWalkGCN against torch and torch_geometric.nn: {ratio:.2f} (aim {IMPORTS})")
    write_result("startup", rows, unit="seconds", random_walk_over_pyg=ratio)


if __name__ == "__main__":
    main()
