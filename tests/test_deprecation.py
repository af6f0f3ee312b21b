"""Old names: told at the caller's line, and still working."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from graphvtr.deprecation import deprecated, renamed_arguments


@deprecated("new(x)", until="9.0")
def old(x: int, *, y: int = 0) -> int:
    """Sum."""
    return x + y


@renamed_arguments({"dim": "hidden", "n": "layers"}, until="9.0")
def build(width: int, *, hidden: int = 1, layers: int = 1) -> tuple[int, int, int]:
    return width, hidden, layers


def test_a_function_that_goes_works_and_warns_where_it_is_called() -> None:
    with pytest.warns(FutureWarning, match=r"old will be gone in graphvtr 9\.0; write new\(x\)") as caught:
        assert old(1, y=2) == 3
    assert caught[0].filename == __file__
    assert old.__doc__ == "Sum."


def test_old_argument_names_are_taken_and_told() -> None:
    with pytest.warns(FutureWarning, match=r"dim= of build .* write hidden=") as caught:
        assert build(5, dim=2) == (5, 2, 1)
    assert caught[0].filename == __file__
    with pytest.raises(TypeError, match="both 'hidden' and its old name 'dim'"):
        build(5, dim=2, hidden=3)


def test_new_names_are_silent(recwarn: pytest.WarningsRecorder) -> None:
    assert build(5, hidden=2, layers=3) == (5, 2, 3)
    assert not recwarn.list


def test_what_goes_is_on_the_page_of_upgrades() -> None:
    root = Path(__file__).resolve().parents[1]
    page = (root / "docs" / "upgrading.rst").read_text()
    pattern = re.compile(r'^@deprecated\(.*until="([\d.]+)"\)\n(?:@.*\n)*def (\w+)', re.MULTILINE)
    told = [found for path in (root / "graphvtr").rglob("*.py") for found in pattern.findall(path.read_text())]
    assert len(told) >= 3
    for version, name in told:
        assert f"``{name}(" in page.partition(f"To {version}\n")[2].partition("\nTo ")[0], name
