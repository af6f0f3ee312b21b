"""Small files, their quirks and faults."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from graphvtr.datasets.files import need_file, one_line, read_captions, read_list, read_pairs, read_table
from graphvtr.errors import DataError


def test_read_list_takes_windows_files(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_bytes(b"\xef\xbb\xbfclip/one\r\n\r\n two \r\n")
    assert read_list(path) == ["clip/one", "two"]


@pytest.mark.parametrize(
    ("content", "message"), [("", "is empty"), ("\n\n", "is empty"), ("a\nb\na\n", "video 'a': is listed twice")]
)
def test_read_list_names_the_fault(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "list.txt"
    path.write_text(content)
    with pytest.raises(DataError, match=message):
        read_list(path)


def test_read_captions(tmp_path: Path) -> None:
    path = tmp_path / "captions.json"
    path.write_text("\ufeff" + json.dumps({"a": ['a "dog"', "zwei Kätzchen"]}), encoding="utf-8")
    assert read_captions(path) == {"a": ['a "dog"', "zwei Kätzchen"]}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is not json"),
        ("[]", "holds a list .give a json object"),
        ('{"a": "dog"}', "video 'a': is not a list of strings"),
        ('{"a": [1]}', "video 'a': is not a list of strings"),
        ('{"a": ["dog", " "]}', "video 'a', caption 1: is empty"),
    ],
)
def test_read_captions_names_the_fault(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "captions.json"
    path.write_text(content)
    with pytest.raises(DataError, match=message):
        read_captions(path)


def test_missing_files_are_named(tmp_path: Path) -> None:
    for read in (read_captions, read_list):
        with pytest.raises(DataError, match=r"absent: no such file \(check --root\)"):
            read(tmp_path / "absent")


QUIRKY = '\ufeffvideo,caption\r\nfirst/clip,"a ""dog"", wet"\r\nsecond,"two\r\nlines"\r\n'


def test_tables_take_quotes_line_ends_and_marks(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(QUIRKY.encode())
    rows = read_table(path, ["video", "caption"])
    assert [(row["video"], row["caption"]) for row in rows] == [
        ("first/clip", 'a "dog", wet'),
        ("second", "two\r\nlines"),
    ]
    assert [row.line for row in rows] == [2, 4]
    assert rows[0].get("split") is None
    assert one_line(rows[1]["caption"], "here") == "two lines"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "has no column 'video' but no lines"),
        (b"video,caption\n", "has a header and nothing else"),
        (b"clip,caption\na,b\n", "has no column 'video' but columns clip, caption"),
        (b"video;caption\na;b\n", "has no column 'video' but columns video;caption .*with a comma between them"),
        (b"video,caption\na\n", "line 2: has not the 2 fields of the header"),
        (b"video,caption\na,b,c\n", "line 2: has not the 2 fields"),
        (b'video,caption\na,"b\n', "line 2: has a quote that nothing closes"),
        (b"video,caption\na,caf\xe9\n", "cannot be read: .*save it as UTF-8"),
    ],
)
def test_tables_name_the_fault(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_table(path, ["video", "caption"])


def test_pairs(tmp_path: Path) -> None:
    path = tmp_path / "pairs.tsv"
    path.write_bytes('\ufeffa\tone "quote, and\ttab\r\nb\ttwo\r\n\r\na\tthree\r\n'.encode())
    assert read_pairs(path) == {"a": ['one "quote, and tab', "three"], "b": ["two"]}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"a one\n", "line 1: is 'a one' .give: name"),
        (b"a\tone\na\t \n", "line 2: has an empty caption"),
        (b"\tone\n", "line 1: is 'one'"),
        (b"a\t\xff\n", "cannot be read"),
    ],
)
def test_pairs_name_the_fault(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "pairs.tsv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_pairs(path)


def test_needed_files_say_what_they_are(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"list.txt: no such file \(put the list there\)"):
        need_file(tmp_path, "list.txt", "put the list there")
    (tmp_path / "list.txt").touch()
    with pytest.raises(DataError, match=r"is empty .the download was cut short: put the list there"):
        need_file(tmp_path, "list.txt", "put the list there")
