"""The reference leaves nothing public out and names nothing that is not there."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted(path for path in (ROOT / "docs" / "api").glob("*.rst") if path.stem != "index")
# of graphvtr.tasks, but for use by its other modules and by the commands
INTERNAL = {
    "adam",
    "header",
    "write_file",
    "read_file",
    "read_header",
    "read_info",
    "weights_of",
    "make_parser",
    "run_lock",
    "own_share",
    "first_process",
    "started",
    "lengths",
    "open_on",  # deprecated
}
INTERNAL_MODULES = {"callbacks", "compiled", "flags", "run_state"}


def named(page: Path) -> set[str]:
    """Full names that a page documents one by one."""
    text = page.read_text(encoding="utf-8")
    names = set(re.findall(r"^\.\. auto(?:function|class|data):: (\S+)", text, re.MULTILINE))
    for block in re.findall(r"^\.\. py:data:: (\S+(?:\n {13}\S+)*)", text, re.MULTILINE):
        names |= {f"graphvtr.{page.stem}.{name}" for name in block.split()}
    for module, members in re.findall(r"^\.\. automodule:: (\S+)\n   :members:([^\n]*)", text, re.MULTILINE):
        listed = [name.strip() for name in members.split(",") if name.strip()]
        names |= {f"{module}.{name}" for name in listed or defined(module)}
    return names


def defined(module: str) -> list[str]:
    """Public functions and classes of a module, without importing it: some need an extra."""
    path = ROOT / (module.replace(".", "/") + ".py")
    if not path.is_file():
        return []
    found = (ast.FunctionDef, ast.ClassDef)
    return [node.name for node in ast.parse(path.read_text()).body if isinstance(node, found) and node.name[0] != "_"]


def test_every_package_has_a_page() -> None:
    packages = {path.parent.name for path in (ROOT / "graphvtr").glob("*/__init__.py")} - {"cli"}
    assert {page.stem for page in PAGES} == packages
    index = (ROOT / "docs" / "api" / "index.rst").read_text(encoding="utf-8").split()
    assert packages <= set(index)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_has_what_its_package_exports(page: Path) -> None:
    package = importlib.import_module(f"graphvtr.{page.stem}")
    text = page.read_text(encoding="utf-8")
    assert f".. automodule:: graphvtr.{page.stem}\n   :members:\n   :imported-members:\n" in text
    one_by_one = named(page)
    assert set(package.__all__) <= set(dir(package)), "autodoc looks there"
    for name in package.__all__:
        exported = getattr(package, name)
        if not (inspect.isclass(exported) or inspect.isfunction(exported)):  # what autodoc leaves out
            assert f"graphvtr.{page.stem}.{name}" in one_by_one, name
        else:
            assert inspect.getdoc(exported), name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_a_page_names_is_there(page: Path) -> None:
    for name in named(page):
        module, _, attribute = name.rpartition(".")
        path = ROOT / (module.replace(".", "/") + ".py")
        known = defined(module) if path.is_file() else importlib.import_module(module).__all__
        assert attribute in known, name


def test_all_of_training_and_evaluation_is_documented() -> None:
    tasks = importlib.import_module("graphvtr.tasks")
    documented = {name.rpartition(".")[2] for name in named(ROOT / "docs" / "api" / "tasks.rst")} | set(tasks.__all__)
    public = {
        name
        for path in (ROOT / "graphvtr" / "tasks").glob("*.py")
        if path.stem not in INTERNAL_MODULES
        for name in defined(f"graphvtr.tasks.{path.stem}")
    }
    assert public - documented == INTERNAL
