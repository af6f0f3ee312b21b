"""List and run benchmarks: ``benchmarks/catalogue.toml`` says what there is.

    python benchmarks/run.py list              # what there is, what it asks, how long it takes
    python benchmarks/run.py quick             # a short run of every script that has one (`make bench`): 30 minutes
    python benchmarks/run.py all               # every benchmark, one after another: a day and more
    python benchmarks/run.py ops -- --resume   # one by its name, with arguments of its own
    python benchmarks/run.py readme            # write the tables of benchmarks/README.md and README.md again

Scripts also run on their own: ``python benchmarks/speed/ops.py``. Quick runs leave ``benchmarks/results`` alone.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import time
import tomllib
from dataclasses import dataclass
from pathlib import Path

from benchmarks.lib.paths import COMMITTED, DATA, ROOT

FOLDER = ROOT / "benchmarks"
TABLE = "<!-- table: python benchmarks/run.py readme -->"
PAGE, QUOTED = ROOT / "README.md", "<!-- benchmarks/results/"


@dataclass(frozen=True)
class Benchmark:
    """A row of the catalogue."""

    folder: str
    name: str
    question: str
    minutes: int
    results: tuple[str, ...]
    needs: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    quick: tuple[str, ...] | None = None

    @property
    def script(self) -> Path:
        return FOLDER / self.folder / f"{self.name}.py"

    @property
    def missing(self) -> list[str]:
        """Data that are not there."""
        return [name for name in self.needs if not (DATA / name).exists()]

    def command(self, extra: tuple[str, ...] = ()) -> list[str]:
        own = [argument.format(data=DATA) for argument in self.arguments]
        return [str(self.script.relative_to(ROOT)), *own, *extra]


def catalogue() -> list[Benchmark]:
    """All benchmarks, in the order of the file."""
    content = tomllib.loads((FOLDER / "catalogue.toml").read_text())
    return [
        Benchmark(
            "" if folder == "studies" else folder,
            name,
            row["question"],
            row["minutes"],
            tuple(row["results"]),
            tuple(row.get("needs", ())),
            tuple(row.get("arguments", ())),
            tuple(row["quick"]) if "quick" in row else None,
        )
        for folder, rows in content.items()
        for name, row in rows.items()
    ]


def table() -> str:
    """The table of README.md."""
    lines = ["| script | question | minutes | results |", "|---|---|--:|---|"]
    for benchmark in catalogue():
        results = " ".join(
            f"[{Path(name).suffix[1:]}](results/{name})" for name in benchmark.results if "*" not in name
        )
        script = benchmark.script.relative_to(FOLDER)
        lines.append(f"| [{script}]({script}) | {benchmark.question} | {benchmark.minutes} | {results or '-'} |")
    return "\n".join(lines)


def quoted(page: str) -> str:
    """README.md with the result files it quotes as they are now."""
    block = re.compile(rf"({re.escape(QUOTED)}(\S+) -->\n```text\n).*?(?=```)", re.DOTALL)
    return block.sub(lambda found: found[1] + (COMMITTED / found[2]).read_text(), page)


def run(benchmarks: list[Benchmark], quick: bool, extra: tuple[str, ...] = ()) -> list[str]:
    """Run one after another; the names of those that failed."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    if quick:
        environment["GRAPHVTR_BENCH_QUICK"] = "1"
    failed = []
    for number, benchmark in enumerate(benchmarks, 1):
        head = f"[{number}/{len(benchmarks)}] {benchmark.script.relative_to(ROOT)}"
        if benchmark.missing:
            print(f"{head}: left out, no {', '.join(benchmark.missing)} in {DATA} ($GRAPHVTR_DATA)", flush=True)
            continue
        print(f"{head}: {benchmark.question}", flush=True)
        begin = time.monotonic()
        command = benchmark.command(benchmark.quick or () if quick else extra)
        status = subprocess.run([sys.executable, *command], cwd=ROOT, env=environment).returncode
        print(
            f"{head}: {'done' if status == 0 else f'failed ({status})'}, {time.monotonic() - begin:.0f} s", flush=True
        )
        if status:
            failed.append(benchmark.name)
    return failed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", help="list, quick, all, readme, or the name of a benchmark")
    parser.add_argument("arguments", nargs="*", help="of the one benchmark, after --")
    arguments = parser.parse_args()
    benchmarks = catalogue()
    if arguments.what == "list":
        for benchmark in benchmarks:
            there = "" if not benchmark.missing else f" (needs {', '.join(benchmark.missing)})"
            print(
                f"{benchmark.script.relative_to(FOLDER)!s:38} {benchmark.minutes:>4} min  {benchmark.question}{there}"
            )
        return 0
    if arguments.what == "readme":
        readme = FOLDER / "README.md"
        readme.write_text(readme.read_text().split(TABLE)[0] + f"{TABLE}\n\n{table()}\n")
        PAGE.write_text(quoted(PAGE.read_text()))
        return 0
    if arguments.what in ("quick", "all"):
        quick = arguments.what == "quick"
        failed = run([one for one in benchmarks if not quick or one.quick is not None], quick)
    elif named := [one for one in benchmarks if arguments.what in (one.name, one.name.rpartition("/")[2])]:
        failed = run(named, False, tuple(arguments.arguments))
    else:
        parser.error(f"no benchmark {arguments.what!r}; `python benchmarks/run.py list` shows what there is")
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    elif arguments.what != "quick":
        print(f"results: {COMMITTED}")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
