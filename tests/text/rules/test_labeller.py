"""Each construction's rule on a tree written by hand, the parser's usual slips among them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from graphvtr.text.rules.labeller import RULES, label_predicate
from graphvtr.text.rules.tree import Tree

TREES = Path(__file__).with_name("trees.txt")


def read_cases() -> list[tuple[str, str, int, str]]:
    """(construction, tree, predicate, arguments as ``LABEL=phrase | ...``) of the file."""
    blocks = TREES.read_text(encoding="utf-8").split("## ")[1:]
    cases = []
    for block in blocks:
        name, tree, answer = block.strip().splitlines()
        verb, _, arguments = answer.partition(":")
        cases.append((name, tree, int(verb), arguments.strip()))
    return cases


CASES = read_cases()


def test_the_file_is_read_whole() -> None:
    assert len(CASES) >= 60


@pytest.mark.parametrize(("text", "verb", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_constructions(read_tree: Callable[[str], Tree], text: str, verb: int, expected: str) -> None:
    tree = read_tree(text)
    arguments = label_predicate(tree, verb)
    found = [f"{label}={' '.join(tree.words[first : last + 1])}" for label, first, last in arguments]
    assert sorted(found) == sorted(filter(None, expected.split(" | ")))
    assert [argument.first for argument in arguments] == sorted(argument.first for argument in arguments)


def test_an_argument_never_holds_its_predicate(read_tree: Callable[[str], Tree]) -> None:
    # the subject's phrase wraps round the verb: only the part around its head is taken
    tree = read_tree("dogs/NNS/nsubj>1 bark/VBP/ROOT>1 that/WDT/nsubj>3 run/VBP/relcl>0")
    assert label_predicate(tree, 1) == [("ARG0", 0, 0)]


def test_every_rule_is_for_a_label_of_the_parser() -> None:
    known = (
        "acomp advcl advmod agent attr aux cc ccomp csubj csubjpass dative dobj intj neg npadvmod nsubj nsubjpass oprd "
        "prep prt xcomp"
    )
    assert sorted(RULES) == known.split()
