"""Tables of text fit a page, and say what they are given."""

from __future__ import annotations

import pytest

from benchmarks.lib.tables import WIDTH, parts, print_differences, print_shares

KINDS = [f"a kind of change {number}" for number in range(6)]


def test_columns_that_do_not_fit_stand_below(capsys: pytest.CaptureFixture[str]) -> None:
    row = {kind: {"value": 61.26, "interval": (57.4, 65.6), "pairs": 100 + place} for place, kind in enumerate(KINDS)}
    print_shares({"a model": row, "another model beside other videos": row}, {"a model": 3})
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= WIDTH
    assert [line.split("  ")[-1].strip() for line in lines if "kind" in line] == [KINDS[2], KINDS[5]]
    assert sum(line.startswith("a model (3) ") and line.count("61.3 [57, 66]") == 3 for line in lines) == 2
    assert [line.split()[1:] for line in lines if line.startswith("pairs")] == [
        ["100", "101", "102"],
        ["103", "104", "105"],
    ]
    print_shares({"a": {"average": {"value": 50.0, "interval": (0.0, 100.0)}}})
    assert capsys.readouterr().out.splitlines() == ["", f"{'average':>20}", f"a{'50.0 [0, 100]':>19}"]


def test_parts_hold_every_column_once() -> None:
    for columns, blocks in ((7, 3), (6, 2), (2, 5), (1, 1)):
        found = parts(list(range(columns)), blocks)
        assert [one for part in found for one in part] == list(range(columns))
        assert len(found) <= blocks


def test_differences_are_aligned(capsys: pytest.CaptureFixture[str]) -> None:
    one = {"mean": -3.456, "interval": (-51.1, 47.8), "smallest_visible": 70.2}
    print_differences("rsum less chance", {"HGR": one, "a longer name": {**one, "mean": 115.0}})
    _, title, *lines = capsys.readouterr().out.splitlines()
    assert title.startswith("rsum less chance, and the smallest difference")
    assert lines == [
        "  HGR              -3.5 [-51.1, +47.8]         70",
        "  a longer name  +115.0 [-51.1, +47.8]         70",
    ]
