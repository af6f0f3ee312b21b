"""The tables of the rules: well-formed, and no word in two that answer the same question."""

from __future__ import annotations

import itertools

import pytest

from graphvtr.graphs import role_id
from graphvtr.text.rules import lexicon
from graphvtr.text.rules.lexicon.base import governed, words

TABLES = {name: getattr(lexicon, name) for name in vars(lexicon) if name.isupper()}
KNOWN_OTHERS = {"ARGM-CAU", "ARGM-EXT", "ARGM-GOL", "ARGM-NEG", "ARGM-DIS", "ARGM-REC"}


def test_tables_are_filled_with_lower_case_words() -> None:
    sets = {name: table for name, table in TABLES.items() if isinstance(table, frozenset)}
    assert len(sets) > 20
    for name, table in sets.items():
        assert table, name
        assert all(word == word.lower() and word.strip() == word for word in table), name


@pytest.mark.parametrize("name", ["GOVERNED", "PREPOSITION_ROLE", "MARKER_ROLE"])
def test_roles_are_labels_of_propbank(name: str) -> None:
    for key, role in TABLES[name].items():
        assert role in KNOWN_OTHERS or role_id(role) != role_id("NOUN"), (key, role)


@pytest.mark.parametrize(
    "names",
    [
        ("TIME_ADVERBS", "PLACE_ADVERBS", "EXTENT_ADVERBS", "STANCE_ADVERBS", "DISCOURSE_ADVERBS", "NEGATION"),
        ("TIME_NOUNS", "MANNER_NOUNS", "CLOTHES"),
        ("COMPLEMENT_ARG1", "COMPLEMENT_ARG3"),
        ("CLAUSE_ARG2", "CLAUSE_ARG3"),
    ],
)
def test_tables_that_answer_one_question_share_no_word(names: tuple[str, ...]) -> None:
    for one, two in itertools.combinations(names, 2):
        assert not TABLES[one] & TABLES[two], (one, two)


def test_verbs_that_move_themselves_are_verbs_of_motion() -> None:
    assert lexicon.MOTION_VERBS > lexicon.SELF_MOTION_VERBS


def test_governed_lines() -> None:
    table = governed("ARG1 at: look\n   stare\nARG2 to: give")
    assert table == {("look", "at"): "ARG1", ("stare", "at"): "ARG1", ("give", "to"): "ARG2"}
    assert words(" a\n b a ") == {"a", "b"}
