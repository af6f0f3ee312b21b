"""Files that share what is dear are named in ``pieces.py``, so that one worker runs them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.pieces import FIRST, TOGETHER, piece, place

TESTS = Path(__file__).resolve().parent
SHARED = {
    "processes": r"^from tests\.processes import (?!ray_of_two)",
    "ray": r"\btwo_workers\b",
    "scenes": r"def test\w*\([^)]*\bsplits\b",
}


@pytest.mark.parametrize("group", TOGETHER)
def test_the_files_that_share_something_are_these(group: str) -> None:
    files = {path.relative_to(TESTS).as_posix(): path.read_text() for path in TESTS.rglob("test_*.py")}
    users = {name for name, text in files.items() if re.search(SHARED[group], text, re.MULTILINE)}
    assert users - {"test_pieces.py"} == set(TOGETHER[group])


def test_the_dearest_come_first() -> None:
    assert all(name in TOGETHER or (TESTS.parent / name).is_file() for name in FIRST)
    assert piece("tests/test_cluster.py::test_tasks[a/b::c]") == piece("tests/tasks/test_tuning.py::test_x") == "ray"
    assert place("tests/test_docs.py::test_x") < place("tests/test_pieces.py::test_x") == len(FIRST)
