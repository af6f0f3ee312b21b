"""Base forms of verbs."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from graphvtr.text import SpacyRoleParser
from graphvtr.text.rules.lemmas import VerbLemmas


@pytest.mark.parametrize(
    ("form", "lemma"),
    [
        ("chasing", "chase"),
        ("eating", "eat"),
        ("running", "run"),
        ("ate", "eat"),
        ("cuts", "cut"),
        ("tries", "try"),
        ("thrown", "throw"),
        ("is", "be"),
        ("'s", "be"),
        ("’re", "be"),
        ("s", "be"),  # of `hes`, `thats`
        ("ve", "have"),
        ("had", "have"),
        ("done", "do"),
        ("washes", "wash"),
        ("dances", "dance"),
        ("sat", "sit"),
        ("lying", "lie"),
        ("jump", "jump"),
        ("grokking", "grokking"),
        ("", ""),
    ],
)
def test_forms_of_the_model(parser: SpacyRoleParser, form: str, lemma: str) -> None:
    assert VerbLemmas.from_pipeline(parser.pipeline)(form) == lemma


def test_rules_are_tried_in_order_and_answers_remembered() -> None:
    index = {"bathe", "bath"}
    lemma = VerbLemmas({"went": ["go"]}, index, [("ing", "e"), ("ing", "")])
    assert lemma("bathing") == "bathe"
    index.clear()
    assert lemma("bathing") == "bathe"
    assert lemma("went") == "go"


def test_without_a_lemmatizer_forms_are_their_own_lemmas() -> None:
    lemma = VerbLemmas.from_pipeline(SimpleNamespace(_components=[]))
    assert lemma("chasing") == "chasing"
    assert lemma("was") == "be"
