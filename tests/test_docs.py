"""What the documentation shows runs: code blocks of the README and of docs/, and the docstrings' examples."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import re
import textwrap
from pathlib import Path

import pytest

import graphvtr
from graphvtr.errors import MissingExtraError

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.rst"))]


def python_blocks(page: Path) -> list[str]:
    """The python code blocks of a Markdown or reStructuredText page, in order."""
    text = page.read_text()
    if page.suffix == ".md":
        return [match.group(1) for match in re.finditer(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)]
    pattern = r"^( *)\.\. code-block:: python\n(?:\1 +:[^\n]*\n)*\n((?:\1 +[^\n]*\n|\n)+)"
    return [textwrap.dedent(match.group(2)) for match in re.finditer(pattern, text + "\n", re.MULTILINE)]


def modules() -> list[str]:
    """Every module of the package."""
    walked = pkgutil.walk_packages(graphvtr.__path__, "graphvtr.")
    return [info.name for info in walked if not info.name.endswith("__main__")]


@pytest.mark.parametrize("page", [p for p in PAGES if python_blocks(p)], ids=lambda p: str(p.relative_to(ROOT)))
def test_page_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "Agg")
    monkeypatch.setenv("GRAPHVTR_CACHE", str(tmp_path / "cache"))
    namespace: dict[str, object] = {"__name__": page.stem}
    for number, block in enumerate(python_blocks(page)):
        exec(compile(block, f"{page.name}, block {number}", "exec"), namespace)


@pytest.mark.parametrize("name", modules())
def test_docstring_examples(name: str) -> None:
    try:
        module = importlib.import_module(name)
    except MissingExtraError as error:
        pytest.skip(str(error))
    result = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    assert result.failed == 0


def test_a_wrong_block_would_be_noticed(tmp_path: Path) -> None:
    page = tmp_path / "page.rst"
    first = "Text\n\n.. code-block:: python\n\n   x = 1\n   assert x == 1\n\nmore\n\n"
    page.write_text(first + "* item\n\n  .. code-block:: python\n\n     y = x\n")
    assert python_blocks(page) == ["x = 1\nassert x == 1\n\n", "y = x\n\n"]
    page = tmp_path / "page.md"
    page.write_text("Text\n```python\nx = 1\n```\n```console\n$ ls\n```\n")
    assert python_blocks(page) == ["x = 1\n"]
