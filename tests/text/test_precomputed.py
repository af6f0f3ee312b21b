"""Released files, read as the specification says, and every malformed entry."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from graphvtr.errors import DataError
from graphvtr.graphs import RoleGraph
from graphvtr.text import GraphLists, PrecomputedParser, RoleParser, role_id, tag_spans

Frames = list[tuple[str, list[tuple[str, str]]]]

SENTENCE = "an egg has been broken by a cook"
GRAPH = [
    {
        "ROOT": {"words": SENTENCE.split(), "spans": list(range(8)), "role": "ROOT"},
        "1": {"role": "V", "spans": [4], "words": ["broken"]},
        "2": {"role": "ARG1", "spans": [0, 1], "words": ["an", "egg"]},
        "3": {"role": "ARG0", "spans": [5, 6, 7], "words": ["by", "a", "cook"]},
    },
    [["1", "2", "ARG1"], ["1", "3", "ARG0"]],
]


def write(tmp_path: Path, content: Any) -> Path:
    path = tmp_path / "sent2rolegraph.augment.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def node(role: str, *spans: int) -> dict[str, Any]:
    return {"role": role, "spans": list(spans), "words": []}


def tags(text: str) -> dict[str, Any]:
    return {"verb": "", "description": "", "tags": text.split()}


def test_a_released_graph(tmp_path: Path, frames_of: Callable[[RoleGraph], Frames]) -> None:
    parser = PrecomputedParser(write(tmp_path, {SENTENCE: GRAPH}))
    assert isinstance(parser, RoleParser)
    graph = parser.parse_one(SENTENCE)
    assert graph.words == SENTENCE.split()
    assert frames_of(graph) == [("broken", [("ARG0", "by a cook"), ("ARG1", "an egg")])]
    assert graph.role_names() == ["ARG1", "ARG0"]
    assert SENTENCE in parser
    assert len(parser) == 1


def test_nodes_keep_the_order_of_the_file_and_their_quirks(tmp_path: Path) -> None:
    nodes = {
        "7": node("ARGM-CAU", 2),  # a role outside the sixteen
        "3": node("V", 4),
        "12": node("C-ARG1", 6, 5, 5),  # unsorted, repeated
        "1": node("V", 1),
        "5": node("ARG1", 5, 6),  # the span of node 12 again
        "9": node("R-ARG0", 0),
        "2": node("NOUN", 3),  # no edge
    }
    edges = [["1", "5", "ARG1"], ["3", "12", "ARG1"], ["3", "5", "ARG2"], ["1", "5", "ARG1"], ["3", "7", "ARGM-CAU"]]
    lists = next(PrecomputedParser(write(tmp_path, {SENTENCE: [nodes, edges]})).sentences([SENTENCE], 1))
    assert lists == GraphLists(
        SENTENCE,
        SENTENCE.split(),
        [[4], [1]],
        [
            (role_id("NOUN"), [2]),
            (role_id("ARG1"), [5, 6]),
            (role_id("ARG1"), [5, 6]),
            (role_id("ARG0"), [0]),
            (role_id("NOUN"), [3]),
        ],
        [
            (2, 1, role_id("ARG1")),
            (1, 0, role_id("ARG1")),
            (2, 0, role_id("ARG2")),
            (0, 0, role_id("NOUN")),
        ],
    )


@pytest.mark.parametrize("nodes", [{}, {"ROOT": node("ROOT", 0)}, {"1": node("V", 1)}, {"1": node("NOUN", 0, 1)}])
def test_graphs_without_edges(tmp_path: Path, nodes: dict[str, Any]) -> None:
    graph = PrecomputedParser(write(tmp_path, {"a dog": [nodes, []]})).parse_one("a dog")
    assert graph.num_actions + graph.num_entities == len(nodes) - ("ROOT" in nodes)
    assert graph["entity", "fills", "action"].edge_index.shape == (2, 0)


def test_a_sentence_that_is_not_in_the_file(tmp_path: Path) -> None:
    parser = PrecomputedParser(write(tmp_path, {SENTENCE: GRAPH}))
    with pytest.raises(DataError, match=r"augment\.json: sentence 'a cat': is not in the file.*--parser spacy"):
        list(parser.parse([SENTENCE, "a cat"]))


def test_the_version_follows_the_content(tmp_path: Path) -> None:
    first = PrecomputedParser(write(tmp_path, {SENTENCE: GRAPH})).version
    assert PrecomputedParser(write(tmp_path, {SENTENCE: GRAPH})).version == first
    assert PrecomputedParser(write(tmp_path, {SENTENCE: GRAPH, "a": [{}, []]})).version != first


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ([{}], r"entry: is not \[nodes, edges\]"),
        ("text", r"entry: is not \[nodes, edges\]"),
        ([[], []], r"entry: is not \[nodes, edges\]"),
        ([{"1": "V"}, []], "node 1: has no role"),
        ([{"1": {"spans": [0]}}, []], "node 1: has no role"),
        ([{"1": {"role": "V"}}, []], "node 1: spans: is None"),
        ([{"1": node("V")}, []], r"node 1: spans: is \[\]"),
        ([{"1": {"role": "V", "spans": [0.5]}}, []], "node 1: spans"),
        ([{"1": {"role": "V", "spans": [True]}}, []], "node 1: spans"),
        ([{"1": node("V", 8)}, []], r"node 1: spans: \[8\] points outside the 8 words"),
        ([{"1": node("ARG0", -1)}, []], "points outside"),
        ([{}, {}], "edges: is not a list"),
        ([{"1": node("V", 0)}, [["1", "2"]]], "edge 0: is not"),
        ([{"1": node("V", 0)}, [["1", "2", 3]]], "edge 0: is not"),
        ([{"1": node("V", 0)}, [["1", "2", "ARG0"]]], "edge 0: .* does not lead from an action to an entity"),
        ([{"1": node("V", 0), "2": node("ARG0", 1)}, [["2", "1", "ARG0"]]], "does not lead from an action"),
    ],
)
def test_malformed_graphs_name_file_sentence_and_field(tmp_path: Path, entry: Any, message: str) -> None:
    with pytest.raises(DataError, match=rf"augment\.json: sentence 'an egg .*': .*{message}"):
        PrecomputedParser(write(tmp_path, {SENTENCE: entry})).parse_one(SENTENCE)


def test_a_sentence_without_words(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="sentence: has no words"):
        PrecomputedParser(write(tmp_path, {" ": [{}, []]})).parse_one(" ")


@pytest.mark.parametrize(
    ("content", "message"), [("{", "is not json"), ("[1]", "is not an object"), ("{}", "is not an object")]
)
def test_malformed_files(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        PrecomputedParser(write(tmp_path, content))


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.json: no such file"):
        PrecomputedParser(tmp_path / "none.json")


# --- labels -------------------------------------------------------------------------------------------------------

LABELLED = {
    "words": ["the", "man", "who", "sings", "plays", "it"],
    "verbs": [tags("B-ARG0 I-ARG0 B-R-ARG0 B-V O O"), tags("B-ARG0 I-ARG0 I-ARG0 I-ARG0 B-V B-ARG1")],
}


def test_labels_make_the_graph_of_the_specification(tmp_path: Path, frames_of: Callable[[RoleGraph], Frames]) -> None:
    graph = PrecomputedParser(write(tmp_path, {"s": LABELLED})).parse_one("s")
    assert graph.words == LABELLED["words"]
    assert frames_of(graph) == [
        ("plays", [("ARG0", "the man who sings"), ("ARG1", "it")]),
        ("sings", [("ARG0", "the man"), ("ARG0", "who")]),
    ]
    assert graph.role_names() == ["ARG0", "ARG0", "ARG0", "ARG1"]


def test_one_span_in_two_frames(tmp_path: Path) -> None:
    same = {"words": ["he", "sings", "plays"], "verbs": [tags("B-ARG0 B-V O"), tags("B-ARG0 O B-V")]}
    other = {"words": ["he", "sings", "falls"], "verbs": [tags("B-ARG0 B-V O"), tags("B-ARG1 O B-V")]}
    parser = PrecomputedParser(write(tmp_path, {"same": same, "other": other}))
    assert parser.parse_one("same").num_entities == 1
    assert parser.parse_one("other").role_names() == ["ARG0", "ARG1"]


def test_frames_need_an_argument_and_exactly_one_verb_span(tmp_path: Path) -> None:
    words = ["a", "b", "c", "d"]
    verbs = [tags("B-V O O O"), tags("O B-V O B-V"), tags("B-ARG0 B-V O B-C-V"), tags("B-ARG0 O B-V I-V")]
    graph = PrecomputedParser(write(tmp_path, {"s": {"words": words, "verbs": verbs}})).parse_one("s")
    assert [graph.phrase("action", index) for index in range(graph.num_actions)] == ["c d"]


def test_a_sentence_without_frames_gets_nouns_and_verbs(
    tmp_path: Path, frames_of: Callable[[RoleGraph], Frames]
) -> None:
    pytest.importorskip("spacy")
    entry = {"words": ["two", "cats", "on", "a", "sofa", "!"], "verbs": []}
    verb = {"words": ["run", "!"], "verbs": [tags("B-V O")]}
    parser = PrecomputedParser(write(tmp_path, {"two cats on a sofa !": entry, "run !": verb}))
    assert frames_of(parser.parse_one("two cats on a sofa !")) == [("-", [("NOUN", "a sofa"), ("NOUN", "two cats")])]
    assert frames_of(parser.parse_one("run !")) == [("run", [])]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"verbs": []}, "words: is not a list of words"),
        ({"words": [], "verbs": []}, "words: is not a list of words"),
        ({"words": ["a"]}, "verbs: is not a list"),
        ({"words": ["a"], "verbs": ["B-V"]}, "verb 0: tags"),
        ({"words": ["a"], "verbs": [tags("B-V O")]}, "verb 0: tags: is not a list of 1 tags"),
        ({"words": ["a"], "verbs": [{"tags": [1]}]}, "verb 0: tags"),
    ],
)
def test_malformed_labels_are_named(tmp_path: Path, entry: Any, message: str) -> None:
    with pytest.raises(DataError, match=rf"sentence 's': {message}"):
        PrecomputedParser(write(tmp_path, {"s": entry})).parse_one("s")


@pytest.mark.parametrize(
    ("sequence", "spans"),
    [
        ("", []),
        ("O O", []),
        ("B-A I-A O", [("A", 0, 1)]),
        ("B-A B-A", [("A", 0, 0), ("A", 1, 1)]),
        ("I-A I-A", [("A", 0, 1)]),
        ("B-A I-B", [("A", 0, 0), ("B", 1, 1)]),
        ("B-A O I-A", [("A", 0, 0), ("A", 2, 2)]),
        ("B-A I-B I-A", [("A", 0, 0), ("B", 1, 1), ("A", 2, 2)]),
    ],
)
def test_tag_spans(sequence: str, spans: list[tuple[str, int, int]]) -> None:
    assert tag_spans(sequence.split()) == spans
