"""The parser table, caption checks, and parsers made of one method."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from graphvtr.errors import DataError
from graphvtr.graphs import role_id
from graphvtr.text import PARSERS, GraphLists, ListParser, PrecomputedParser, RoleParser, get_parser
from graphvtr.text.parser import check_caption, shorten


class FirstWordActs(ListParser):
    """The first word is the agent, the second the action."""

    name, version = "first", "1"

    def sentences(self, captions: Iterable[str], batch_size: int) -> Iterator[GraphLists]:
        for caption in captions:
            words = caption.split()
            yield GraphLists(caption, words, [[1]], [(role_id("ARG0"), [0])], [(0, 0, role_id("ARG0"))])


def test_one_method_makes_a_parser() -> None:
    parser = FirstWordActs()
    assert isinstance(parser, RoleParser)
    captions = ["dogs bark", "cats purr loudly", "birds sing"]
    assert [graph.phrase("action", 0) for graph in parser.parse(captions, batch_size=2)] == ["bark", "purr", "sing"]
    assert parser.parse_one("dogs bark").words == ["dogs", "bark"]
    store = parser.parse_store(captions)
    assert [store[index].caption for index in range(3)] == captions
    assert store.batch([2, 0])["entity"].role.tolist() == [2, 2]


def test_graphs_come_as_they_become_ready() -> None:
    asked: list[str] = []

    def captions() -> Iterator[str]:
        for caption in ("dogs bark", "cats purr", "birds sing"):
            asked.append(caption)
            yield caption

    graphs = FirstWordActs().parse(captions(), batch_size=1)
    next(graphs)
    assert asked == ["dogs bark"]


def test_progress_is_shown_on_request(capsys: pytest.CaptureFixture[str]) -> None:
    list(FirstWordActs().parse(["dogs bark"], progress=False))
    assert capsys.readouterr().err == ""
    list(FirstWordActs().parse(["dogs bark"], progress=True))
    captured = capsys.readouterr()
    assert "parsing" in captured.err
    assert captured.out == ""


def test_no_captions() -> None:
    assert list(FirstWordActs().parse([])) == []
    with pytest.raises(DataError, match="captions: there are none"):
        FirstWordActs().parse_store([])


def test_a_batch_size_below_one_is_an_error() -> None:
    with pytest.raises(DataError, match="batch_size: is 0"):
        list(FirstWordActs().parse(["dogs bark"], batch_size=0))


def test_the_base_class_says_what_is_missing() -> None:
    with pytest.raises(NotImplementedError):
        next(ListParser().sentences([], 1))


def test_parsers_by_name_and_by_file(tmp_path: Path) -> None:
    assert {"spacy", "precomputed"} <= set(PARSERS)
    path = tmp_path / "sent2rolegraph.json"
    path.write_text('{"a dog": [{}, []]}')
    assert isinstance(get_parser(str(path)), PrecomputedParser)
    assert isinstance(get_parser("precomputed", path=path), PrecomputedParser)
    with pytest.raises(DataError, match=r"parser 'spacey': unknown \(did you mean 'spacy'"):
        get_parser("spacey")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "spacy:colour=red",
            r"parser 'spacy': got an unexpected keyword argument 'colour' \(its options: model, max_w",
        ),
        ("spacy:model", r"parser 'spacy': option 'model': is not OPTION=VALUE"),
        ("spacy:", r"parser 'spacy': option '': is not OPTION=VALUE"),
        ("bert-srl", r"parser 'bert-srl': missing a required argument: 'archive' \(its options: archive, tokenizer"),
        ("none.tar.gz", r"none\.tar\.gz: no such file"),
        ("nothing:a=b", r"parser 'nothing:a=b': unknown"),
    ],
)
def test_options_behind_a_name(name: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        get_parser(name)


def test_options_reach_the_parser(tmp_path: Path) -> None:
    path = tmp_path / "a:b=c.json"
    path.write_text('{"a dog": [{}, []]}')
    assert isinstance(get_parser(f"precomputed:path={path}"), PrecomputedParser)
    pytest.importorskip("spacy")
    assert get_parser("spacy:max_words=7").max_words == 7


def test_captions_are_cut_for_messages() -> None:
    assert shorten("a  dog\nbarks") == "a dog barks"
    assert len(shorten("word " * 100)) == 60
    assert shorten("x" * 60) == "x" * 60


def test_captions_are_checked() -> None:
    assert check_caption("  a\tdog \n", 0, 2) == "a dog"
    with pytest.raises(DataError, match="has 3 words, the limit is 2"):
        check_caption("a big dog", 0, 2)
    with pytest.raises(DataError, match="caption 7: is a int, not a string"):
        check_caption(3, 7, 2)
