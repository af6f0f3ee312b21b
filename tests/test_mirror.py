"""Tests mirror the package file by file; ``mirror.toml`` names the modules that are tested elsewhere, and where."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

TESTS = Path(__file__).resolve().parent
PACKAGE = TESTS.parent / "graphvtr"


def covered() -> list[dict[str, Any]]:
    """Entries of the list."""
    entries: list[dict[str, Any]] = tomllib.loads((TESTS / "mirror.toml").read_text(encoding="utf-8"))["covered"]
    return entries


def without_a_file_of_their_own() -> list[Path]:
    """Modules, relative to the package, for which no test file has their name."""
    modules = (path.relative_to(PACKAGE) for path in sorted(PACKAGE.rglob("*.py")) if not path.name.startswith("__"))
    return [path for path in modules if not (TESTS / path.parent / f"test_{path.name.lstrip('_')}").is_file()]


def test_every_module_has_its_tests() -> None:
    named = {name for entry in covered() for name in entry["modules"]}
    missing = [path for path in map(str, without_a_file_of_their_own()) if path not in named]
    assert missing == [], "write a test file of that name, or say in tests/mirror.toml where the module is tested"


@pytest.mark.parametrize("entry", covered(), ids=lambda entry: entry["modules"][0])
def test_entries_are_true(entry: dict[str, Any]) -> None:
    assert entry["reason"]
    needed = set(map(str, without_a_file_of_their_own()))
    assert set(entry["modules"]) <= needed, "some are not needed any more"
    for name in entry["by"]:
        assert (TESTS / name).exists(), f"tests/{name} is not there"
