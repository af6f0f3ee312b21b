"""Charades-STA and TVR in their public formats, and whole videos against single sentences."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from graphvtr.datasets import DataSource, RetrievalDataset, build_dataset
from graphvtr.datasets.moments import held_out, read_charades_sta, read_tvr
from graphvtr.errors import DataError
from graphvtr.video import FeatureStore

Source = Callable[..., DataSource]
CHARADES = """AO8RW 0.0 6.9##a person is putting a book on a shelf.
AO8RW 24.3 30.4##person they begin to wash their hands, slowly.
Y6R7T 20.8 12.3##person begins to play on a phone.
"""
TVR = [
    {
        "vid_name": "friends_s01e03_seg02_clip_19",
        "duration": 64.17,
        "ts": [16.48, 33.87],
        "desc": "Phoebe puts one of her ponytails in her mouth.",
        "type": "v",
        "desc_id": 90200,
    },
    {
        "vid_name": "friends_s01e03_seg02_clip_19",
        "duration": 64.17,
        "ts": [40, 45.5],
        "desc": "Ross smiles.",
        "type": "vt",
        "desc_id": 90201,
    },
    {
        "vid_name": "house_s06e02_seg02_clip_10",
        "duration": 90.0,
        "ts": [1.0, 2.0],
        "desc": "House sits.",
        "type": "v",
        "desc_id": 90202,
    },
]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "root"


def test_charades_sta(root: Path, source: Source) -> None:
    features = source(["AO8RW", "Y6R7T"])
    (root / "charades_sta_test.txt").write_text(CHARADES)
    dataset = build_dataset("charades_sta", "test", features)
    assert dataset.videos == ["AO8RW", "Y6R7T"]
    assert dataset.captions[1] == "person they begin to wash their hands, slowly."
    assert dataset.video_of_caption.tolist() == [0, 0, 1]
    assert dataset.report.official == (1334,)
    moment = read_charades_sta(root / "charades_sta_test.txt")["Y6R7T"][0]
    assert (moment.begin, moment.end) == (12.3, 20.8)  # the wrong way round in the file


def test_tvr(root: Path, source: Source) -> None:
    names = ["friends_s01e03_seg02_clip_19", "house_s06e02_seg02_clip_10"]
    features = source(names)
    (root / "tvr_val_release.jsonl").write_text("\n".join(json.dumps(entry) for entry in TVR) + "\n")
    dataset = build_dataset("tvr", "test", features)
    assert dataset.videos == names
    assert dataset.captions[1] == "Ross smiles."
    assert dataset.video_of_caption.tolist() == [0, 0, 1]
    assert dataset.report.official == (2179,)


def test_moments_are_cut_out_when_asked(root: Path, source: Source) -> None:
    features = source(["Y6R7T"], unit="segment")
    store = FeatureStore.open(features.store)
    store.add("AO8RW", {"frame_x": torch.arange(12.0).view(4, 3), "frame_time": torch.tensor([1.0, 5.0, 25.0, 29.0])})
    (root / "charades_sta_test.txt").write_text(CHARADES)
    dataset = build_dataset("charades_sta", "test", features)
    assert dataset.videos == ["AO8RW/0", "AO8RW/1", "Y6R7T/0"]
    assert [len(graph["frame"].x) for graph in dataset.video_graphs][:2] == [2, 2]


def test_train_and_val_share_the_training_list(root: Path, source: Source) -> None:
    names = [f"V{number:03}" for number in range(60)]
    features = source(names)
    (root / "charades_sta_train.txt").write_text("".join(f"{name} 0.0 1.0##a person sits.\n" for name in names))
    train, val, both = (build_dataset("charades_sta", split, features) for split in ("train", "val", "trainval"))
    assert sorted(train.videos + val.videos) == sorted(both.videos) == names
    assert val.videos == [name for name in names if held_out(name)]
    assert 0 < len(val.videos) < 20


def test_activitynet_sentences_against_whole_videos(root: Path, source: Source) -> None:
    entry = {"duration": 9.0, "timestamps": [[0, 3], [2, 9]], "sentences": ["A man runs.", " He falls."]}
    features = source(["v_one"], unit="sentence")
    (root / "val_1.json").write_text(json.dumps({"v_one": entry}))
    dataset: RetrievalDataset = build_dataset("activitynet", "val", features)
    assert (dataset.videos, dataset.captions) == (["v_one"], ["A man runs.", "He falls."])


@pytest.mark.parametrize(
    ("read", "content", "message"),
    [
        (read_charades_sta, "AO8RW 0.0##a person.", "line 1: is 'AO8RW 0.0##a person.'"),
        (read_charades_sta, "AO8RW 0.0 1.0## ", "line 1"),
        (read_charades_sta, "", "is empty"),
        (read_tvr, "{", "line 1: is not json"),
        (read_tvr, '{"vid_name": "a", "desc": "b"}', "line 1: has no field ts"),
        (read_tvr, '{"ts": [0, 1], "desc": "b"}', "line 1: has no field vid_name"),
        (read_tvr, "", "is empty"),
    ],
)
def test_a_wrong_line_is_named(read: Callable[[Path], object], content: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    path.write_text(content)
    with pytest.raises(DataError, match=message):
        read(path)


def test_a_missing_file_says_where_to_get_it(root: Path, source: Source) -> None:
    features = source(["a"])
    with pytest.raises(DataError, match=r"charades_sta_test.txt: no such file .*github.com/jiyanggao/TALL"):
        build_dataset("charades_sta", "test", features)
    with pytest.raises(DataError, match=r"tvr_train_release.jsonl: no such file .*TVRetrieval"):
        build_dataset("tvr", "val", features)
