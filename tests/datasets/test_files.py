"""Small files, their quirks and faults."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from graphvtr.datasets.files import read_captions, read_list
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
        ("{", "is not valid json"),
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
