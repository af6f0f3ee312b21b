"""The catalogue of benchmarks: every script is in it, every result file is somebody's, README's table is true."""

from __future__ import annotations

import fnmatch
import json
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def runner(load_benchmark: Callable[[str], Any]) -> Any:
    return load_benchmark("run")


def test_every_script_is_in_the_catalogue_once(runner: Any) -> None:
    scripts = {
        path
        for folder in (runner.FOLDER, runner.FOLDER / "speed", runner.FOLDER / "accuracy")
        for path in folder.rglob("*.py")
        if path.parent != runner.FOLDER / "lib" and "__name__ ==" in path.read_text() and path.name != "__main__.py"
    } - set((runner.FOLDER / "lib").rglob("*.py"))
    listed = [benchmark.script for benchmark in runner.catalogue()]
    assert len(set(listed)) == len(listed)
    assert set(listed) == scripts - {runner.FOLDER / "run.py"}


def test_every_result_belongs_to_a_script(runner: Any) -> None:
    patterns = [pattern for benchmark in runner.catalogue() for pattern in benchmark.results]
    files = [path.name for path in runner.COMMITTED.iterdir() if path.is_file()]
    files += [f"runs/{path.name}" for path in (runner.COMMITTED / "runs").iterdir()]
    assert [name for name in files if not any(fnmatch.fnmatch(name, pattern) for pattern in patterns)] == []
    assert [pattern for pattern in patterns if not fnmatch.filter(files, pattern)] == []


def test_results_come_from_committed_code(runner: Any) -> None:
    assert [path.name for path in runner.COMMITTED.glob("*.json") if '+changes"' in path.read_text()] == []


def test_results_name_no_folder_of_a_machine(runner: Any, load_benchmark: Callable[[str], Any]) -> None:
    places = re.compile(r"(?<![\w./~])/(tmp|root|home|work|Users|private|mnt)/")
    texts = [path for path in runner.COMMITTED.iterdir() if path.suffix in (".json", ".jsonl", ".txt", ".csv", ".md")]
    assert [path.name for path in texts if places.search(path.read_text(encoding="utf-8"))] == []
    paths = load_benchmark("lib.paths")
    told = f"{paths.ROOT}/a.py: {tempfile.gettempdir()}/x7/b.npz, {Path.home()}/c: no such file"
    assert paths.without_places(told) == "./a.py: TMP/b.npz, ~/c: no such file"


def test_readme_has_the_table(runner: Any) -> None:
    assert (runner.FOLDER / "README.md").read_text().endswith(f"{runner.TABLE}\n\n{runner.table()}\n")


def test_the_first_page_quotes_result_files(runner: Any) -> None:
    page = runner.PAGE.read_text()
    assert page.count(runner.QUOTED) >= 2
    assert runner.quoted(page) == page, "python benchmarks/run.py readme"
    begin = f"{runner.QUOTED}demo.txt -->\n```text\n"
    assert runner.quoted(f"a\n{begin}old\n```\nb") == f"a\n{begin}{(runner.COMMITTED / 'demo.txt').read_text()}```\nb"


SIZES = {"VSE, VSE++": "vse", "VSR-Net, L = 1": "vsrnet, L = 1", "Dual Encoding": "dual_encoding"}
"""Names of the page that compares the models, beside those of the result file where they differ."""


def test_the_page_of_models_has_the_sizes_that_were_counted(runner: Any) -> None:
    rows = json.loads((runner.COMMITTED / "complexity.json").read_text())["rows"]
    page = (
        (runner.ROOT / "docs" / "models" / "index.rst").read_text().partition("``benchmarks/speed/complexity.py``")[2]
    )
    table = page.split("vectors an item\n")[1].split("\n\n")[0].splitlines()[1:-1]
    for name, *told in (re.split(r"  +", line)[:4] for line in table):
        row = rows[SIZES.get(name, name.lower())]
        counted = row["parameters"] / 1e6, row["frozen"] / 1e6, row["flops"] / 1e9
        assert [float(cell.split()[0]) for cell in told] == pytest.approx(counted, rel=0.006, abs=0.006), name
    assert len(table) == 8


def test_quick_options_are_options_of_the_script(runner: Any) -> None:
    for benchmark in runner.catalogue():
        source = benchmark.script.read_text()
        for option in [word for word in (*(benchmark.quick or ()), *benchmark.arguments) if word.startswith("--")]:
            assert re.search(rf'"{option}"', source), f"{benchmark.name} has no {option}"


def test_quick_runs_and_failures_are_told(runner: Any, capfd: pytest.CaptureFixture[str]) -> None:
    bad = runner.Benchmark("", "run", "?", 1, (), arguments=("--no-such-option",))
    absent = runner.Benchmark("speed", "complexity", "?", 1, (), needs=("no_such_data",))
    assert runner.run([bad, absent], quick=True) == ["run"]
    assert "left out, no no_such_data" in capfd.readouterr().out


def test_results_of_changed_code_are_not_committed(
    load_benchmark: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = load_benchmark("lib.paths")
    monkeypatch.delenv("GRAPHVTR_BENCH_QUICK", raising=False)
    monkeypatch.setattr(paths, "uncommitted", lambda: [])
    assert paths._results() == paths.COMMITTED
    monkeypatch.setattr(paths, "uncommitted", lambda: [" M graphvtr/nn/levels.py"])
    assert paths._results() == paths.ROOT / "runs" / "benchmarks"
    monkeypatch.setattr(paths, "uncommitted", lambda: [])
    monkeypatch.setenv("GRAPHVTR_BENCH_QUICK", "1")
    assert paths._results() == paths.ROOT / "runs" / "benchmarks"
