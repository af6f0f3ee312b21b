"""Metadata of clips."""

from __future__ import annotations

from pathlib import Path

import pytest

from graphvtr.errors import DataError
from graphvtr.search import Item, read_metadata


def test_plain_values_and_back() -> None:
    for item in (Item("a"), Item("b", "b.mp4", 2.5, ["c"], ["d"], {"e": 1.0, "f": "g"})):
        assert Item.from_dict(item.to_dict()) == item


def test_a_csv_of_captions_tags_and_fields(tmp_path: Path) -> None:
    path = tmp_path / "clips.csv"
    path.write_text(
        "video,caption,tags,year,split\nx/beach.mp4,A dog  runs,sea; dog,2020,train\nbeach,Waves,sea;sun,,\n"
        "kitchen.mp4,,,,test\n"
    )
    assert read_metadata(path) == {
        "beach": {"captions": ["A dog runs", "Waves"], "tags": ["sea", "dog", "sun"], "fields": {"year": 2020.0}},
        "kitchen": {"captions": [], "tags": [], "fields": {}},
    }


@pytest.mark.parametrize("content", ["caption\nA dog\n", "", "video,caption\n,A dog\n"])
def test_what_is_wrong_is_named(content: str, tmp_path: Path) -> None:
    path = tmp_path / "clips.csv"
    path.write_text(content)
    with pytest.raises(DataError, match=r"clips\.csv"):
        read_metadata(path)
