"""The evaluation of role labels: counts on a small gold file, and the rules on the real one."""

from __future__ import annotations

import gzip
import importlib.util
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from graphvtr.errors import DataError
from graphvtr.text import PARSERS, SpacyRoleParser

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "accuracy" / "role_labelling" / "evaluate.py"

GOLD = [
    {
        "tokens": "dogs that bark can chase cats".split(),
        "xpos": ["NNS", "WDT", "VBP", "MD", "VB", "NNS"],
        "props": [
            {"pred": 2, "args": [["ARG0", 0, 0], ["R-ARG0", 1, 1]]},
            {"pred": 4, "args": [["ARG0", 0, 2], ["ARGM-MOD", 3, 3], ["ARG1", 5, 5], ["C-V", 0, 0]]},
            {"pred": 0, "args": [["ARG1", 5, 5]]},  # a nominal predicate: not scored
        ],
    },
    {"tokens": ["he", "ran"], "xpos": ["PRP", "VBD"], "props": [{"pred": 1, "args": [["ARG0", 0, 0]]}]},
]


class Fixed:
    """Labels the two sentences above: one role wrong, one span wrong, one argument missed, one too many."""

    name, version = "fixed", "1"

    def label_many(
        self, sentences: Iterable[tuple[Sequence[str], Sequence[int] | None]]
    ) -> Iterator[list[tuple[int, list[tuple[str, int, int]]]]]:
        answers = {
            2: [("ARG0", 0, 0), ("R-ARG0", 1, 1)],
            4: [("ARG1", 0, 2), ("ARGM-MOD", 3, 3), ("ARG1", 4, 5), ("ARGM-CAU", 1, 1)],
            1: [("ARG0", 0, 0)],
        }
        for _, predicates in sentences:
            # on its own it misses the second sentence's predicate, and takes token 1 of the first for one
            wanted = [2, 4, 1] if predicates is None else predicates
            yield [(predicate, answers[predicate]) for predicate in wanted]


@pytest.fixture
def evaluate(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.setattr(sys, "path", list(sys.path))
    spec = importlib.util.spec_from_file_location("evaluate", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def gold(tmp_path: Path) -> Path:
    path = tmp_path / "gold.jsonl.gz"
    path.write_bytes(gzip.compress("\n".join(map(json.dumps, GOLD)).encode()))
    return path


def run(evaluate: ModuleType, gold: Path, monkeypatch: pytest.MonkeyPatch, name: str = "fixed") -> None:
    monkeypatch.setattr(sys, "argv", ["evaluate.py", "--gold", str(gold), "--parser", name])
    evaluate.main()


def test_gold_is_read_zipped_or_not(evaluate: ModuleType, gold: Path, tmp_path: Path) -> None:
    plain = tmp_path / "gold.jsonl"
    plain.write_bytes(gzip.decompress(gold.read_bytes()))
    sentences = evaluate.read_gold(gold)
    assert sentences == evaluate.read_gold(plain)
    assert [sentence.predicates for sentence in sentences] == [[2, 4], [1]]


def test_items_are_mapped_and_the_predicate_is_left_out(evaluate: ModuleType, gold: Path) -> None:
    assert evaluate.items([sentence.arguments for sentence in evaluate.read_gold(gold)]) == {
        (0, 2, "ARG0", 0, 0),
        (0, 2, "ARG0", 1, 1),
        (0, 4, "ARG0", 0, 2),
        (0, 4, "ARGM-MOD", 3, 3),
        (0, 4, "ARG1", 5, 5),
        (1, 1, "ARG0", 0, 0),
    }


def test_precision_recall_and_f1(evaluate: ModuleType) -> None:
    score = evaluate.score({1, 2, 3, 4}, {3, 4, 5})
    assert score == (2, 4, 3)
    assert (score.precision, score.recall) == (50.0, pytest.approx(200 / 3))
    assert score.f1 == pytest.approx(2 * 50 * (200 / 3) / (50 + 200 / 3))
    empty = evaluate.score(set(), set())
    assert (empty.precision, empty.recall, empty.f1) == (0, 0, 0)


def test_the_last_line_has_the_figures(
    evaluate: ModuleType, gold: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(PARSERS._entries, "fixed", Fixed)
    run(evaluate, gold, monkeypatch)
    lines = capsys.readouterr().out.splitlines()
    summary: dict[str, Any] = json.loads(lines[-1])
    # given: right are ARG0 and R-ARG0 of 2, MOD of 4, ARG0 of the second sentence; 7 proposed, 6 gold
    assert summary["f1_given"] == round(200 * 4 / (7 + 6), 2)
    assert summary["f1_given_core"] == round(200 * 3 / (5 + 5), 2)
    # found: sentence one has the seven of 2, 4 and 1 (three right); sentence two has three frames (one right)
    assert summary["f1_end_to_end"] == round(200 * 4 / (14 + 6), 2)
    assert summary["captions_per_second"] > 0
    assert [line.split()[0] for line in lines if line.startswith("ARG0")] == ["ARG0", "ARG0"]


def test_a_parser_that_labels_no_predicates(evaluate: ModuleType, gold: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PARSERS._entries, "fixed", object)
    with pytest.raises(DataError, match="labels no given predicates"):
        run(evaluate, gold, monkeypatch)


@pytest.mark.real
def test_the_rules_reach_sixty_f1_on_gold_labels(
    evaluate: ModuleType, parser: SpacyRoleParser, real_data: Path
) -> None:
    sentences = evaluate.read_gold(real_data / "propbank_ewt" / "dev.jsonl.gz")[:400]
    gold = evaluate.items([sentence.arguments for sentence in sentences])
    given, _ = evaluate.run(parser, sentences, given=True)
    found, _ = evaluate.run(parser, sentences, given=False)
    assert evaluate.score(evaluate.items(given), gold).f1 >= 60
    assert evaluate.score(evaluate.items(found), gold).f1 >= evaluate.score(evaluate.items(given), gold).f1 - 4
