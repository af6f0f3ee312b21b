"""The parse cache: what is asked, what is kept, killed runs, damage."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from graphvtr.cache_folder import cache_folder
from graphvtr.errors import DataError
from graphvtr.graphs import GraphStore, RoleGraph, role_id
from graphvtr.text import CachedParser, GraphLists, ListParser, cache


class Counting(ListParser):
    """Remembers what it was asked."""

    name = "counting"

    def __init__(self, version: str = "1") -> None:
        self.version = version
        self.asked: list[str] = []

    def sentences(self, captions: Iterable[str], batch_size: int) -> Iterator[GraphLists]:
        for caption in captions:
            if caption == "bad":
                raise DataError(f"caption '{caption}'", "is bad", "drop it")
            self.asked.append(caption)
            agent = role_id("ARG0")
            words = caption.split()
            yield GraphLists(caption, words, [[len(words) - 1]], [(agent, [0])], [(0, 0, agent)])


class Graphs:
    """A parser that only has the methods of the protocol."""

    name, version = "graphs", "1"

    def parse(self, captions: Iterable[str], *, batch_size: int = 1, progress: bool = False) -> Iterator[RoleGraph]:
        return Counting().parse(captions)

    def parse_one(self, caption: str) -> RoleGraph:
        return next(self.parse([caption]))

    def parse_store(self, captions: Iterable[str], *, batch_size: int = 1, progress: bool = False) -> Any:
        return Counting().parse_store(captions)


CAPTIONS = ["a dog barks", "two cats", "a dog barks", "naïve “cat” sleeps"]


def test_each_caption_is_parsed_once(tmp_path: Path) -> None:
    inner = Counting()
    parser = CachedParser(inner, tmp_path)
    first = list(parser.parse(CAPTIONS, batch_size=2))
    assert inner.asked == ["a dog barks", "two cats", "naïve “cat” sleeps"]
    again = Counting()
    second = list(CachedParser(again, tmp_path).parse(CAPTIONS))
    assert again.asked == []
    plain = list(Counting().parse(CAPTIONS))
    for one, two, three in zip(first, second, plain, strict=True):
        assert GraphLists.of(one) == GraphLists.of(two) == GraphLists.of(three)


def test_new_captions_join_the_file(tmp_path: Path) -> None:
    CachedParser(Counting(), tmp_path).parse_store(CAPTIONS[:2])
    inner = Counting()
    parser = CachedParser(inner, tmp_path)
    store = parser.parse_store(["new", *CAPTIONS])
    assert store.strings["caption"] == ["new", *CAPTIONS]
    assert inner.asked == ["new", "naïve “cat” sleeps"]
    assert len(parser) == 4
    assert "new" in parser
    assert parser.parse_one("two cats").caption == "two cats"


def test_versions_and_parsers_do_not_mix(tmp_path: Path) -> None:
    CachedParser(Counting("1"), tmp_path).parse_one("a dog")
    newer = Counting("2")
    CachedParser(newer, tmp_path).parse_one("a dog")
    assert newer.asked == ["a dog"]
    assert len(list(tmp_path.iterdir())) == 2


def test_any_parser_can_be_cached(tmp_path: Path) -> None:
    parser = CachedParser(Graphs(), tmp_path)
    assert parser.parse_one("a dog barks").phrase("action", 0) == "barks"
    assert CachedParser(Graphs(), tmp_path).parse_one("a dog barks").phrase("action", 0) == "barks"


def test_a_killed_run_is_resumed(tmp_path: Path) -> None:
    parser = CachedParser(Counting(), tmp_path)
    parser.parse_store(CAPTIONS)
    content = parser.path.read_bytes()
    for cut in (len(content) - 1, len(content) - 40, content.index(b"\n") + 5, 3, 0):
        parser.path.write_bytes(content[:cut])
        store = CachedParser(Counting(), tmp_path).parse_store(CAPTIONS)
        assert store.strings["caption"] == CAPTIONS
        assert CachedParser(Counting(), tmp_path).parse_store(CAPTIONS).strings == store.strings


def test_what_was_parsed_before_an_error_is_kept(tmp_path: Path) -> None:
    parser = CachedParser(Counting(), tmp_path)
    with pytest.raises(DataError, match="caption 'bad': is bad"):
        list(parser.parse(["a dog", "two cats", "bad"], batch_size=1))
    assert len(CachedParser(Counting(), tmp_path)) == 2


def test_two_runs_at_once_do_not_damage_the_file(tmp_path: Path) -> None:
    one, two = CachedParser(Counting(), tmp_path), CachedParser(Counting(), tmp_path)
    one.parse_one("a dog")
    header = one.path.read_bytes().splitlines(keepends=True)[0]
    two.parse_one("a dog")
    with one.path.open("ab") as file:  # the header of a run that began at the same time
        file.write(header)
    two.parse_one("two cats")
    assert len(CachedParser(Counting(), tmp_path)) == 2


DAMAGE = {
    "header": lambda content: b"nonsense" + content[8:],
    "other header": lambda content: b'{"format": "other"}\n' + content.partition(b"\n")[2],
    "no line of ours": lambda content: content + b'{"caption": "x"}\n',
    "deep": lambda content: content + b"[" * 100_000 + b"\n",
    "a letter": lambda content: content.replace(b"dog", b"dig", 1),
    "a line end": lambda content: content.replace(b"\n", b"\x0b", 2),
    "no UTF-8": lambda content: content.replace(b"cats", b"\xff\xfe\xff\xfe"),
    "cut": lambda content: content[:-30],
    "empty": lambda content: b"",
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_lines_are_left_out_and_written_again(
    tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    parser = CachedParser(Counting(), tmp_path)
    right = [GraphLists.of(graph) for graph in parser.parse(CAPTIONS)]
    parser.path.write_bytes(DAMAGE[damage](parser.path.read_bytes()))
    again = CachedParser(Counting(), tmp_path)
    assert [GraphLists.of(graph) for graph in again.parse(CAPTIONS)] == right
    assert ("damaged lines are left out" in caplog.text) == (damage != "empty")
    whole = CachedParser(Counting(), tmp_path)
    assert sorted(whole._known) == sorted(set(CAPTIONS))
    assert caplog.text.count("damaged lines are left out") == (damage != "empty")


def test_a_cache_that_cannot_be_written_stops_nobody(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("")
    parser = CachedParser(Counting(), tmp_path / "file")
    assert len(list(parser.parse(CAPTIONS, batch_size=1))) == 4
    assert caplog.text.count("parsed captions are not kept") == 1


@pytest.mark.parametrize(
    ("caption", "message"), [("  ", "caption 1 ' ': is empty"), (None, "caption 1: is a NoneType")]
)
def test_captions_without_words_are_named_by_position(tmp_path: Path, caption: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        CachedParser(Counting(), tmp_path).parse_store(["a dog", caption])


def test_the_default_folder_can_be_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GRAPHVTR_CACHE", str(tmp_path / "here"))
    assert cache_folder() == tmp_path / "here"
    CachedParser(Counting()).parse_one("a dog")
    assert len(list((tmp_path / "here").iterdir())) == 1
    monkeypatch.delenv("GRAPHVTR_CACHE")
    assert cache_folder() == Path.home() / ".cache" / "graphvtr"


def test_a_split_is_read_packed_and_made_anew_where_that_fails(tmp_path: Path, monkeypatch, caplog) -> None:
    monkeypatch.setattr(cache, "PACKED", 3)
    first = CachedParser(Counting(), tmp_path).parse_store(CAPTIONS)
    (packed,) = tmp_path.glob("*.safetensors")
    lines = next(iter(tmp_path.glob("*.jsonl")))
    lines.rename(tmp_path / "away")  # so that only the packed file can give the graphs
    inner = Counting()
    again = CachedParser(inner, tmp_path).parse_store(iter(CAPTIONS))
    assert inner.asked == []
    assert again.digest() == first.digest()
    assert again.strings == first.strings
    assert list(map(GraphLists.of, again)) == list(map(GraphLists.of, first))
    with monkeypatch.context() as patch:  # a folder that may be read only
        patch.setattr(Path, "touch", Mock(side_effect=PermissionError))
        assert CachedParser(inner, tmp_path).parse_store(CAPTIONS).digest() == first.digest()
    assert inner.asked == []
    assert not caplog.records
    other = CachedParser(inner, tmp_path).parse_store(CAPTIONS[::-1])  # the same captions, another split
    assert inner.asked == [*dict.fromkeys(CAPTIONS[::-1])]
    assert other.strings["caption"] == CAPTIONS[::-1]
    assert CachedParser(Counting("2"), tmp_path).parse_store(CAPTIONS).digest() == first.digest()
    assert len(list(tmp_path.glob("*.safetensors"))) == 3  # a split, its mirror image, and one of another version
    content = bytearray(packed.read_bytes())
    content[-7] ^= 4
    packed.write_bytes(content)
    inner = Counting()
    mended = CachedParser(inner, tmp_path).parse_store(CAPTIONS)
    assert mended.digest() == first.digest()
    assert "is made anew" in caplog.text
    caplog.clear()
    assert CachedParser(Counting(), tmp_path).parse_store(CAPTIONS).digest() == first.digest()
    assert not caplog.records
    with pytest.raises(DataError, match=r"caption 1 ' ': is empty"):
        CachedParser(Counting(), tmp_path).parse_store(["a", " ", "b"])


def test_only_the_newest_packed_splits_are_kept(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(cache, "PACKED", 1)
    monkeypatch.setattr(cache, "PACKED_KEPT", 2)
    for number, caption in enumerate(("a", "b", "c")):
        CachedParser(Counting(), tmp_path).parse_store([caption])
        for file in tmp_path.glob("*.safetensors"):  # as old as the order of their making says
            os.utime(file, (number, min(number, file.stat().st_mtime)))
    kept = sorted(GraphStore.load(file).strings["caption"] for file in tmp_path.glob("*.safetensors"))
    assert kept == [["b"], ["c"]]
