"""Questions that come together: read at once, answered each for itself."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from graphvtr.errors import DataError
from graphvtr.search import Index
from graphvtr.serve.answers import graph_json
from graphvtr.serve.asking import Asker
from tests.serve.conftest import QUERY

OTHER, THIRD = "a green star jumps over a box", "the blue square is chased"


@pytest.fixture
def parsed(index: Index, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What the parser is given, call by call."""
    calls: list[list[str]] = []
    parse = index.encoder.parser.parse

    def kept(captions: list[str], **options: object) -> object:
        calls.append(list(captions))
        return parse(captions, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(index.encoder.parser, "parse", kept)
    return calls


@pytest.fixture
def asker(index: Index) -> Iterator[Asker]:
    asker = Asker(index)
    yield asker
    asker.close()


def test_sentences_of_all_questions_are_parsed_together(index: Index, asker: Asker, parsed: list[list[str]]) -> None:
    gate = threading.Event()
    asker.ask("", finish=lambda _: gate.wait(60))
    some = asker.ask("search", QUERY, 3)
    named = asker.ask("search", OTHER, 3, where=["tag=first"])
    graph = asker.ask("", finish=lambda _: graph_json(index.encoder, THIRD), graph_of=THIRD)
    gate.set()
    assert [one.name for one in named.result(60)] == [one.name for one in index.search(OTHER, 3, where=["tag=first"])]
    assert [one.score for one in some.result(60)] == pytest.approx([one.score for one in index.search(QUERY, 3)])
    assert graph.result(60)["query"] == THIRD
    assert parsed == [[QUERY, OTHER, THIRD]]
    asker.ask("search", THIRD, 3).result(60)  # its graph was drawn while it was typed
    assert len(parsed) == 1


def test_a_sentence_that_cannot_be_read_is_its_own_trouble(index: Index, asker: Asker) -> None:
    gate = threading.Event()
    asker.ask("", finish=lambda _: gate.wait(60))
    bad, good = asker.ask("search", "zebra", 3), asker.ask("search", QUERY, 3)
    gate.set()
    with pytest.raises(DataError, match="no word that the model knows"):
        bad.result(60)
    assert len(good.result(60)) == 3
