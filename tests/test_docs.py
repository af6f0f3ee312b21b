"""What the documentation shows runs: code blocks of the README and of docs/, and the docstrings' examples."""

from __future__ import annotations

import doctest
import importlib
import itertools
import pkgutil
import re
import shlex
import textwrap
from pathlib import Path

import pytest

import graphvtr
from graphvtr.cli.main import build_parser
from graphvtr.errors import MissingExtraError
from graphvtr.static_help import options_of, registered_in

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.rst"))]


def python_blocks(page: Path) -> list[str]:
    """The python code blocks of a Markdown or reStructuredText page, in order."""
    text = page.read_text()
    if page.suffix == ".md":
        return [match.group(1) for match in re.finditer(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)]
    pattern = r"^( *)\.\. code-block:: python\n(?:\1 +:[^\n]*\n)*\n((?:\1 +[^\n]*\n|\n)+)"
    return [textwrap.dedent(match.group(2)) for match in re.finditer(pattern, text + "\n", re.MULTILINE)]


def commands(text: str) -> list[list[str]]:
    """The words of every ``$ graphvtr ...`` of a page, up to a pipe or a redirection."""
    lines = re.findall(r"^ *\$ (graphvtr .*)$", text.replace("\\\n", " "), re.MULTILINE)
    split = [shlex.split(line, comments=True) for line in lines]
    return [list(itertools.takewhile(lambda word: word not in (">", "|", "&", "&&", ";"), words)) for words in split]


def modules() -> list[str]:
    """Every module of the package."""
    walked = pkgutil.walk_packages(graphvtr.__path__, "graphvtr.")
    return [info.name for info in walked if not info.name.endswith("__main__")]


@pytest.mark.parametrize(
    "page", [p for p in PAGES if python_blocks(p) and p.stem != "tutorial"], ids=lambda p: str(p.relative_to(ROOT))
)
def test_page_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tutorial runs as the notebook that is made of it (test_notebooks.py)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "Agg")
    monkeypatch.setenv("GRAPHVTR_CACHE", str(tmp_path / "cache"))
    namespace: dict[str, object] = {"__name__": page.stem}
    for number, block in enumerate(python_blocks(page)):
        exec(compile(block, f"{page.name}, block {number}", "exec"), namespace)


@pytest.mark.parametrize("page", [p for p in PAGES if commands(p.read_text())], ids=lambda p: str(p.relative_to(ROOT)))
def test_the_commands_of_a_page_are_commands(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """They are taken by the command as it is today; what they do is in the tests of the commands and stories."""
    parser = build_parser()
    for words in commands(page.read_text()):
        try:
            found = parser.parse_args(words[1:])
        except SystemExit as end:
            if end.code:
                pytest.fail(f"{' '.join(words)}: {capsys.readouterr().err}")
            continue
        if found.verb == "train" and found.model is not None and registered_in(found.model) is not None:
            known = {option.name for option in options_of(found.model)} | {"config", "print_config", "option"}
            given = {word[2:].split("=")[0].replace("-", "_") for word in found.options if word.startswith("--")}
            assert given - {"help", "backend"} <= known, words


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
