"""Metadata of clips."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from graphvtr.errors import DataError
from graphvtr.search import Item, read_metadata
from graphvtr.search.items import items_of
from graphvtr.video import FeatureStore


def test_plain_values_and_back() -> None:
    for item in (Item("a"), Item("b", "b.mp4", 2.5, ["c"], ["d"], {"e": 1.0, "f": "g"})):
        assert Item.from_dict(item.to_dict()) == item


def test_a_csv_of_captions_tags_and_fields(tmp_path: Path) -> None:
    path = tmp_path / "clips.csv"
    path.write_text(
        "video,caption,tags,year,split\nx/beach.mp4,A dog  runs,sea; dog,2020,train\nx/beach,Waves,sea;sun,,\n"
        "kitchen.mp4,,,,test\n"
    )
    told = {
        "x/beach": {"captions": ["A dog runs", "Waves"], "tags": ["sea", "dog", "sun"], "fields": {"year": 2020.0}},
        "kitchen": {"captions": [], "tags": [], "fields": {}},
    }
    assert read_metadata(path) == told
    for separator in ";\t":  # as captions.csv may be written, too
        path.write_text(
            'Video,Caption,Tags,Year,Split\nx/beach.mp4,A dog  runs,"sea; dog",2020,train\n'
            'x/beach,Waves,"sea;sun",,\nkitchen.mp4,,,,validation\n'.replace(",", separator)
        )
        assert read_metadata(path) == told


def test_metadata_finds_its_clip_and_no_other(tmp_path: Path) -> None:
    for names, wanted in ((("000", "x"), ["cat", "-"]), (("cat/000", "dog/000"), ["cat", "-"])):
        store = FeatureStore.create(tmp_path / names[0].replace("/", "-"), {"frame_x": 1})
        for name in names:
            store.add(name, {"frame_x": torch.ones(1, 1), "frame_time": torch.zeros(1)})
        metadata = {"cat/000": {"captions": ["cat"]}}
        assert [(item.captions or ["-"])[0] for item in items_of(store, names, metadata)] == wanted
    with pytest.raises(DataError, match=r"are both the clip '000'"):
        items_of(FeatureStore.open(tmp_path / "000"), ["000"], {"cat/000": {}, "dog/000": {}})


@pytest.mark.parametrize("content", ["caption\nA dog\n", "", "video,caption\n,A dog\n"])
def test_what_is_wrong_is_named(content: str, tmp_path: Path) -> None:
    path = tmp_path / "clips.csv"
    path.write_text(content)
    with pytest.raises(DataError, match=r"clips\.csv"):
        read_metadata(path)
