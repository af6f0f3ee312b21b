"""The command itself: quick help, files of one's own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("torch", "torch_geometric", "numpy", "spacy", "jsonargparse", "matplotlib", "networkx", "multiprocessing")
PROGRAM = f"""
import contextlib, io, os, sys
os.environ.pop("OMP_WAIT_POLICY", None)
from graphvtr.cli.main import build_parser, main

def walk(parser, path=()):
    yield path
    for action in parser._actions:
        for name, inner in (action.choices or {{}}).items() if isinstance(action.choices, dict) else ():
            yield from walk(inner, (*path, name))

paths = list(walk(build_parser()))
for path in paths:
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.suppress(SystemExit):
        build_parser().parse_args([*path, "--help"])
    assert "usage: graphvtr" in out.getvalue(), path
for model in ("hgr", "vse++", "vsrnet"):
    with contextlib.redirect_stdout(io.StringIO()) as out:
        assert main(["train", model, "--help"]) == 0
    assert "--model.hidden int" in out.getvalue(), model
assert os.environ["OMP_WAIT_POLICY"] == "passive"  # before torch reads it
print(len(paths), [name for name in {HEAVY!r} if name in sys.modules])
"""


def test_no_help_imports_what_takes_seconds() -> None:
    """benchmarks/speed/startup.py has the seconds; here it is what they follow from."""
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    count, _, heavy = done.stdout.strip().partition(" ")
    assert int(count) > 20
    assert heavy == "[]"


def test_the_names_in_the_help_are_those_of_the_parsers() -> None:
    from graphvtr.cli.parse import NAMES
    from graphvtr.text import PARSERS

    assert list(NAMES) == [name for name in PARSERS if PARSERS[name].__module__.startswith("graphvtr.")]


ASKED = """
import sys, graphvtr
assert "torch" not in sys.modules
import torch, torch_geometric.nn
before = {name.partition(".")[0] for name in sys.modules}
from graphvtr.nn import RandomWalkGCN
new = {name.partition(".")[0] for name in sys.modules} - before - sys.stdlib_module_names
assert new <= {"graphvtr", "safetensors", "xml"}, new
graphvtr.nn.HGR, graphvtr.load
print(dir(graphvtr))
"""


def test_the_packages_are_imported_when_asked_for() -> None:
    """A layer brings nothing along that torch and PyG have not; benchmarks/speed/startup.py has the seconds."""
    done = subprocess.run([sys.executable, "-c", ASKED], capture_output=True, text=True)
    assert "'nn'" in done.stdout, done.stderr
    wrong = subprocess.run([sys.executable, "-c", "import graphvtr; graphvtr.none"], capture_output=True, text=True)
    assert "module 'graphvtr' has no attribute 'none'" in wrong.stderr


ENDS = """
import atexit, sys
from graphvtr import ending
from graphvtr.cli import main as module

class Kept:
    def __del__(self):
        print("taken apart")

kept = Kept()
def main():
    ending.leaves_nothing = sys.argv[1] == "True"
    atexit.register(print, "ended")
    return 3
module.main = main
module.command()
"""


@pytest.mark.parametrize("leaves_nothing", [True, False])
def test_a_verb_that_leaves_nothing_is_gone_at_once(leaves_nothing: bool) -> None:
    """With its exit code, and after what libraries do at the end."""
    done = subprocess.run([sys.executable, "-c", ENDS, str(leaves_nothing)], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (3, "")
    assert done.stdout == "ended\n" + "taken apart\n" * (not leaves_nothing)


def test_one_verb_is_read_alone() -> None:
    code = "import sys; from graphvtr.cli.main import build_parser; build_parser(sys.argv[1]); print(*sys.modules)"
    for verb, others in (("search", False), ("main", True), ("none", True)):
        done = subprocess.run([sys.executable, "-c", code, verb], capture_output=True, text=True, check=True)
        assert ("graphvtr.cli.train" in done.stdout.split()) == others
        assert "graphvtr.cli.search" in done.stdout.split()


def test_a_file_to_use_must_be_there(tmp_path: Path, capsys) -> None:
    from graphvtr.cli.main import main

    assert main(["--use", str(tmp_path / "none.py"), "info", "hgr"]) == 2
    assert "none.py: no such file" in capsys.readouterr().err


def test_options_stand_anywhere() -> None:
    from graphvtr.cli.main import build_parser

    parser = build_parser()
    for words in (["i", "a dog", "--top", "3"], ["i", "--top", "3", "a dog"], ["--top=3", "i", "a dog"]):
        found = parser.parse_args(["search", *words])
        assert (found.index, found.query, found.top) == ("i", ["a dog"], 3)
    found = parser.parse_args(["search", "i", "--top", "3", "--", "-a dog"])
    assert (found.index, found.query, found.top) == ("i", ["-a dog"], 3)
    found = parser.parse_args(["index", "run", "--out", "index", "store"])
    assert (found.words, str(found.out)) == (["run", "store"], "index")
    found = parser.parse_args(["train", "hgr", "--data", "x", "--help"])  # the model's own parser reads on
    assert found.options == ["--data", "x", "--help"]
