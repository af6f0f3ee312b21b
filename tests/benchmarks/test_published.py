"""The papers' tables as data: counts of every table, and numbers read off the papers by hand."""

from __future__ import annotations

import doctest
import importlib.util
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "published" / "__init__.py"


@pytest.fixture(scope="module")
def published() -> ModuleType:
    spec = importlib.util.spec_from_file_location("graphvtr_published", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


COUNTS = {
    "hgr": {"1": 62, "2": 44, "3": 40, "4": 44, "5": 24, "6": 24},
    "visern": {"1": 62, "2": 55, "3": 44},
    "vsrnet": {"1": 48, "2": 68, "3": 36, "4": 6, "5": 76, "A": 3},
    "mcsan": {"1": 73, "2": 55, "3": 28},
    "leaderboard": {"1": 5, "2": 3},
}


@pytest.mark.parametrize("paper", COUNTS)
def test_every_table_is_whole(published: ModuleType, paper: str) -> None:
    assert Counter(number.table for number in published.load(paper)) == COUNTS[paper]


@pytest.mark.parametrize(
    ("paper", "fields", "value"),
    [
        ("hgr", {"table": "1", "system": "HGR", "direction": "v2t", "metric": "R@10"}, 48.8),
        ("hgr", {"table": "2", "system": "VSE++", "direction": "t2v", "metric": "MedR"}, 13.0),
        ("hgr", {"table": "3", "system": "PVSE", "metric": "MedR"}, 162.0),
        ("hgr", {"table": "5", "system": "HGR, event level", "direction": "v2t", "metric": "MedR"}, 20.5),
        ("hgr", {"table": "6", "system": "Dual Encoding", "metric": "switch roles"}, 71.92),
        ("visern", {"table": "1", "system": "ViSERN", "direction": "t2v", "metric": "MnR"}, 178.7),
        ("visern", {"table": "3", "system": "ViSERN, row", "metric": "rsum"}, 145.9),
        ("vsrnet", {"table": "2", "system": "CE", "direction": "v2t", "metric": "MedR"}, 5.3),
        ("vsrnet", {"table": "4", "system": "Dual Encoding", "metric": "GFLOP a pair"}, 3.64),
        ("vsrnet", {"table": "5", "system": "VSR-Net", "split": "1k-B", "direction": "t2v", "metric": "R@5"}, 68.7),
        ("mcsan", {"table": "1", "system": "HANet", "direction": "v2t", "metric": "R@1"}, 16.1),
        ("mcsan", {"table": "2", "system": "MCSAN", "metric": "rsum"}, 411.8),
        ("vsrnet", {"table": "A", "metric": "R@10"}, 83.3),
        ("vsrnet", {"table": "A", "metric": "million parameters"}, 25.19),
        ("vsrnet", {"table": "1", "system": "VSR-Net, VG + VR_s", "direction": "v2t", "metric": "MedR"}, 2.0),
        ("leaderboard", {"dataset": "MSR-VTT", "split": "full"}, 11.1),
        ("leaderboard", {"dataset": "Charades-STA"}, 1.2),
    ],
)
def test_numbers_of_the_papers(published: ModuleType, paper: str, fields: dict[str, str], value: float) -> None:
    (number,) = published.find(paper, **fields)
    assert number.value == value


def test_a_number_is_printed_once(published: ModuleType) -> None:
    places = Counter((n.paper, n.table, n.system, n.dataset, n.split, n.column) for n in published.find())
    assert max(places.values()) == 1


def test_printed_sums_that_do_not_add_up_are_known(published: ModuleType) -> None:
    found = {
        (paper, table, system): (recalls, printed) for paper, table, system, recalls, printed in published.uneven_sums()
    }
    assert found[("visern", "1", "ViSERN")] == (150.2, 151.1)
    assert found[("visern", "2", "Dual Encoding")] == (246.4, 244.0)
    assert {
        system: found[("mcsan", "3", system)] for paper, table, system in found if (paper, table) == ("mcsan", "3")
    } == {
        "MCSAN, without relationships": (188.6, 195.8),
        "MCSAN, without statistical constraints": (200.5, 202.6),
        "MCSAN, without FBCE": (202.4, 203.7),
        "MCSAN": (205.9, 205.3),
    }
    assert found[("mcsan", "1", "HSL")] == (199.8, 201.7)
    assert found[("mcsan", "2", "MCSAN")] == (414.4, 411.8)
    assert len(found) == 11
    assert not any(paper == "hgr" for paper, _, _ in found)


def test_a_garbled_cell_is_unreadable_and_no_number(published: ModuleType) -> None:
    (cell,) = published.find("leaderboard", dataset="YouCook2")
    assert cell.value != cell.value
    assert published.table_text([cell]).splitlines()[-1].split() == ["HGR", "?"]


def test_an_unknown_paper_is_named(published: ModuleType) -> None:
    with pytest.raises(ValueError, match=r"no tables of 'clip'; there are hgr, visern, vsrnet, mcsan, leaderboard"):
        published.load("clip")


def test_examples_of_the_docstring(published: ModuleType) -> None:
    result = doctest.testmod(published, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert result.attempted == 2
    assert result.failed == 0
