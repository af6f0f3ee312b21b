"""``make demo`` as a result file: GraphVTR on the built-in dataset beside ridge regression and chance.

    make demo && .venv/bin/python benchmarks/accuracy/demo.py     # the second takes what the first has trained

Goes on from ``runs/demo`` and evaluates again. The table is quoted by README.md (``benchmarks/run.py readme``) and
docs/results.rst.
"""

from __future__ import annotations

import argparse
import json
import shutil

from benchmarks.lib.harness import write_result
from benchmarks.lib.paths import COMMITTED, RESULTS, ROOT
from graphvtr.cli.main import main as graphvtr


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, help="instead of the demo's")
    parser.add_argument("--epochs", type=int, help="instead of the demo's")
    arguments = parser.parse_args()
    own = [f"--{name}={value}" for name, value in vars(arguments).items() if value is not None]
    out = ROOT / "runs" / "demo" if RESULTS == COMMITTED and not own else RESULTS / "demo"
    if status := graphvtr(["demo", "--out", str(out), *own]):
        return status
    shutil.copyfile(out / "results.txt", RESULTS / "demo.txt")
    write_result("demo", json.loads((out / "results.json").read_text()), command=" ".join(["graphvtr demo", *own]))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
