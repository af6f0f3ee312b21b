"""Queries by role."""

from __future__ import annotations

import pytest

from graphvtr.errors import DataError
from graphvtr.graphs.role_graph import FILLS
from graphvtr.search import parse_roles
from graphvtr.search.plain import is_role_query
from graphvtr.text import Vocabulary


def triples(query: str, vocabulary: Vocabulary | None = None) -> set[tuple[str, str, str]]:
    graph = parse_roles(query, vocabulary)
    names = graph.role_names()
    index = graph[FILLS].edge_index
    return {
        (names[entity], graph.phrase("entity", entity), graph.phrase("action", action))
        for entity, action in index.T.tolist()
    }


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("agent=dog action=chase patient=cat", {("ARG0", "dog", "chase"), ("ARG1", "cat", "chase")}),
        ('agent="red dog" action="pick up"', {("ARG0", "red dog", "pick up")}),
        ("ARG0=dog verb=run ARGM-LOC=yard", {("ARG0", "dog", "run"), ("ARGM-LOC", "yard", "run")}),
        ("agent=dog action=run agent=dog action=bark", {("ARG0", "dog", "run")}),
        ("action=run agent=dog action=bark agent=dog", {("ARG0", "dog", "run"), ("ARG0", "dog", "bark")}),
        ("agent=dog", set()),
        ("thing=dog action=run", set()),
    ],
)
def test_structure(query: str, expected: set[tuple[str, str, str]]) -> None:
    assert triples(query) == expected


def test_a_phrase_in_the_same_role_is_one_entity() -> None:
    graph = parse_roles("action=run agent=dog action=bark agent=dog")
    assert (graph.num_entities, graph.num_actions) == (1, 2)


def test_verbs_take_a_form_that_the_vocabulary_has() -> None:
    vocabulary = Vocabulary(["carries", "chase", "ran"])
    assert parse_roles("action=carry", vocabulary).words == ["carries"]
    assert parse_roles("action=chase", vocabulary).words == ["chase"]
    assert parse_roles("action=run", vocabulary).words == ["ran"]
    assert parse_roles("action=sing", vocabulary).words == ["sing"]


@pytest.mark.parametrize("query", ["agent=", "agent=dog colour=red", 'agent="dog', "agent=dog V0=x", "agent=dog run"])
def test_what_cannot_be_read_is_named(query: str) -> None:
    with pytest.raises(DataError):
        parse_roles(query)


def test_sentences_are_no_role_queries() -> None:
    assert is_role_query(" agent=dog")
    assert not is_role_query("a dog = an animal")
    assert not is_role_query("what is 1=2")
