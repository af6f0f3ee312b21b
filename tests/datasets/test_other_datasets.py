"""VATEX, TGIF, Youtube2Text, MSVD, ActivityNet Captions, YouCook2 and folders, in the files they are released as."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from graphvtr.datasets import DATASETS, DataSource, build_dataset
from graphvtr.datasets.dense import read_activitynet, read_youcook2
from graphvtr.datasets.files import read_captions, read_list
from graphvtr.datasets.folder import clip_name, read_captions_csv
from graphvtr.datasets.tgif import gif_names, read_tgif_qa
from graphvtr.datasets.vatex import halves
from graphvtr.datasets.youtube2text import read_mapping
from graphvtr.errors import DataError
from graphvtr.video import FeatureStore

Source = Callable[..., DataSource]


@pytest.fixture
def root(tmp_path: Path, source: Source) -> Path:
    return tmp_path / "root"


def vatex_entry(video: str) -> dict[str, Any]:
    return {"videoID": video, "enCap": [f"{video} in words", f"{video} again"], "chCap": ["一"]}


# --- VATEX ------------------------------------------------------------------------------------------------------


def test_vatex(root: Path, source: Source) -> None:
    videos = [f"v_{number}_000001_000011" for number in range(7)]
    (root / "vatex_training_v1.0.json").write_text(json.dumps([vatex_entry("t_000000_000010")]))
    (root / "vatex_validation_v1.0.json").write_text(json.dumps([vatex_entry(video) for video in videos]))
    features = source([*videos, "t_000000_000010"])
    train = build_dataset("vatex", "train", features)
    assert train.captions == ["t_000000_000010 in words", "t_000000_000010 again"]
    val, test = (build_dataset("vatex", split, features) for split in ("val", "test"))
    assert (len(val.videos), len(test.videos)) == (4, 3)
    assert sorted(val.videos + test.videos) == videos
    other = build_dataset("vatex", "val", DataSource(features.root, features.store, options={"seed": 1}))
    assert other.videos != val.videos
    (root / "val_list.txt").write_text(videos[3])
    (root / "test_list.txt").write_text("\r\n".join(videos[:2]))
    assert build_dataset("vatex", "val", features).videos == [videos[3]]
    assert build_dataset("vatex", "test", features).videos == videos[:2]


def test_vatex_halves_are_the_official_size() -> None:
    videos = [f"clip {number}" for number in range(3000)]
    val, test = halves(videos, 0)
    assert (len(val), len(test), len({*val, *test})) == (1500, 1500, 3000)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({}, "is not a list of videos"),
        ([{"videoID": "a"}], "entry 0: has no videoID or no list enCap"),
        ([vatex_entry("a"), vatex_entry("a")], "video 'a': is listed twice"),
        ([{"videoID": "a", "enCap": ["fine", ""]}], "video 'a': has an empty caption"),
        ([{"videoID": "a", "enCap": [None]}], "video 'a': has a NoneType for a caption"),
    ],
)
def test_vatex_faults(root: Path, source: Source, content: Any, message: str) -> None:
    (root / "vatex_training_v1.0.json").write_text(json.dumps(content))
    with pytest.raises(DataError, match=message):
        build_dataset("vatex", "train", source(["a"]))


# --- TGIF -------------------------------------------------------------------------------------------------------

URL = "https://38.media.tumblr.com/{}/tumblr_{}_400.gif"


def test_tgif(root: Path, source: Source) -> None:
    one, other = URL.format("9f65", "one"), URL.format("1a2b", "other")
    (root / "splits").mkdir()
    (root / "tgif-v1.0.tsv").write_bytes(f'{one}\ta man, "alone"\r\n{other}\ta cat\r\n{one}\tsomeone\r\n'.encode())
    (root / "splits" / "test.txt").write_text(f"{one}\n")
    dataset = build_dataset("tgif", "test", source(["tumblr_one_400"]))
    assert (dataset.videos, dataset.captions) == (["tumblr_one_400"], ['a man, "alone"', "someone"])
    assert dataset.report.lines() == ["lists 1 videos, the official split has 11,360 or 11,310"]
    (root / "splits" / "test.txt").write_text(f"{one}\n{one}\n")
    with pytest.raises(DataError, match=r"is listed twice"):
        build_dataset("tgif", "test", DataSource(root, root))


def test_tgif_names(tmp_path: Path) -> None:
    assert gif_names([URL.format("a", "x%20y")], tmp_path) == {URL.format("a", "x%20y"): "tumblr_x y_400"}
    with pytest.raises(DataError, match=r"has the same file name as https"):
        gif_names([URL.format("a", "x"), URL.format("b", "x")], tmp_path)
    with pytest.raises(DataError, match=r"has no file name"):
        gif_names(["https://tumblr.com/"], tmp_path)


def test_tgif_qa(root: Path, source: Source) -> None:
    lines = [
        "gif_name\tquestion\tanswer\ttype\tvid_id\tkey\tdescription",
        "g\tq1\ta\t0\tF1\t1\ta dog .",
        "g\tq2\ta\t0\tF2\t1\ta dog .",
        "h\tq\ta\t0\tF3\t2\ttwo cats .",
    ]
    (root / "Test_frameqa_question.csv").write_bytes("\r\n".join(lines).encode())
    dataset = build_dataset("tgif_qa", "test", source(["g", "h"]))
    assert dataset.captions == ["a dog .", "two cats ."]


@pytest.mark.real
def test_real_tgif_qa(real_data: Path) -> None:
    captions = read_tgif_qa(real_data / "captions" / "tgif_frameqa" / "Test_frameqa_question.csv")
    assert (len(captions), sum(map(len, captions.values()))) == (7132, 11_662)


# --- MSVD and Youtube2Text ---------------------------------------------------------------------------------------


def test_youtube2text(root: Path, source: Source) -> None:
    (root / "sents_test_lc_nopunc.txt").write_text("vid1301\ta man cooks\nvid1302\ta cat\nvid1301\ta man fries\n")
    dataset = build_dataset("youtube2text", "test", source(["vid1301", "vid1302"], max_captions=1))
    assert (dataset.videos, dataset.captions) == (["vid1301", "vid1302"], ["a man cooks", "a cat"])
    assert dataset.report.official == (670,)


def test_youtube2text_by_clip_names(root: Path, source: Source) -> None:
    (root / "sents_test_lc_nopunc.txt").write_text("vid1301\ta man cooks\n")
    (root / "youtube_mapping.txt").write_bytes(b"mv89psg6zh4_33_46 vid1\r\n-4wsuPCjDBc_5_15 vid1301\r\n")
    assert build_dataset("youtube2text", "test", source(["-4wsuPCjDBc_5_15"])).videos == ["-4wsuPCjDBc_5_15"]
    (root / "sents_test_lc_nopunc.txt").write_text("vid1400\ta man cooks\n")
    with pytest.raises(DataError, match=r"'vid1400': is missing, sents_test_lc_nopunc.txt has captions of it"):
        build_dataset("youtube2text", "test", DataSource(root, root))


@pytest.mark.parametrize(
    ("content", "message"),
    [("", "is empty"), ("clip\n", "line 1: is 'clip'"), ("a vid1\nb vid1\n", "line 2: vid1: stands twice")],
)
def test_mapping_faults(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "youtube_mapping.txt").write_text(content)
    with pytest.raises(DataError, match=message):
        read_mapping(tmp_path / "youtube_mapping.txt")


def test_msvd(root: Path, source: Source) -> None:
    (root / "captions_msvd.json").write_text(json.dumps({"a_0_5": ["a dog"], "b_1_6": ["a cat", "cats"]}))
    (root / "test_list.txt").write_text("b_1_6\n")
    dataset = build_dataset("msvd", "test", source(["a_0_5", "b_1_6"]))
    assert (dataset.videos, dataset.captions) == (["b_1_6"], ["a cat", "cats"])


@pytest.mark.real
@pytest.mark.parametrize(
    ("split", "videos", "captions"), [("train", 1200, 48_774), ("val", 100, 4290), ("test", 670, 27_763)]
)
def test_real_msvd(real_data: Path, tmp_path: Path, source: Source, split: str, videos: int, captions: int) -> None:
    folder = real_data / "msvd98"
    listed = read_list(folder / f"{split}_list.txt")
    every = read_captions(folder / "captions_msvd.json")
    assert (len(listed), sum(len(every[video]) for video in listed)) == (videos, captions)
    dataset = build_dataset("msvd", split, DataSource(folder, source(listed[:2]).store))
    assert dataset.report.official == (dataset.report.listed,) == (videos,)
    assert dataset.report.elsewhere == dataset.report.unknown == dataset.report.without_captions == []
    assert len(dataset.report.without_features) == videos - 2


# --- captions of segments ----------------------------------------------------------------------------------------

ACTIVITYNET = {
    "v_one": {"duration": 10.0, "timestamps": [[0, 4.2], [9.0, 3.0]], "sentences": ["A man runs. ", "\nHe falls."]},
    "v_two": {"duration": 5.0, "timestamps": [[0, 5]], "sentences": ["A cat, asleep."]},
}
YOUCOOK2 = {
    "database": {
        "one": {
            "duration": 20.0,
            "subset": "training",
            "recipe_type": "1",
            "annotations": [
                {"segment": [0, 1], "id": 0, "sentence": "cut it"},
                {"segment": [1.4, 9], "id": 1, "sentence": "fry it"},
            ],
        },
        "two": {
            "duration": 20.0,
            "subset": "validation",
            "recipe_type": "1",
            "annotations": [{"segment": [0, 3], "id": 0, "sentence": "boil it"}],
        },
    }
}


def test_activitynet(root: Path, source: Source) -> None:
    (root / "val_1.json").write_text(json.dumps(ACTIVITYNET))
    dataset = build_dataset("activitynet", "val", source(["v_one", "v_two"]))
    assert dataset.captions == ["A man runs. He falls.", "A cat, asleep."]
    assert dataset.report.official == (4917,)
    segments = read_activitynet(root / "val_1.json")["v_one"]
    assert (segments[1].begin, segments[1].end) == (3.0, 9.0)


def test_segments_take_frames_of_the_whole_video(root: Path, source: Source) -> None:
    (root / "youcookii_annotations_trainval.json").write_text(json.dumps(YOUCOOK2))
    features = source(["one"])  # frames at 0.5 and 1.5 seconds
    store = FeatureStore.open(features.store)
    store.add("one", {"frame_x": torch.tensor([[1.0, 1, 1], [2, 2, 2]]), "frame_time": torch.tensor([0.5, 1.5])})
    dataset = build_dataset("youcook2", "train", features)
    assert (dataset.videos, dataset.captions) == (["one/0", "one/1"], ["cut it", "fry it"])
    assert [graph["frame"].x[:, 0].tolist() for graph in dataset.video_graphs] == [[1.0], [2.0]]
    store.add("one/1", {"frame_x": torch.full((1, 3), 7.0), "frame_time": torch.tensor([0.0])})
    assert build_dataset("youcook2", "train", features).video_graphs[1]["frame"].x[:, 0].tolist() == [7.0]
    with pytest.raises(DataError, match=r"video 'two/0': has no feature"):
        build_dataset("youcook2", "val", features)


def test_youcook2_as_whole_videos(root: Path, source: Source) -> None:
    (root / "youcookii_annotations_trainval.json").write_text(json.dumps(YOUCOOK2))
    assert build_dataset("youcook2", "train", source(["one"], unit="video")).captions == ["cut it fry it"]
    with pytest.raises(DataError, match=r"option 'unit' of youcook2: is 'step'"):
        build_dataset("youcook2", "train", DataSource(root, root, options={"unit": "step"}))


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"timestamps": [[0, 1]], "sentences": []}, "not as many timestamps as sentences"),
        ({"timestamps": [[0]], "sentences": ["a"]}, r"segment 0: has no two times but \[0\]"),
        ({"timestamps": [[0, 1]], "sentences": [" "]}, "segment 0: has an empty caption"),
        ("text", "video 'v': is a str"),
    ],
)
def test_activitynet_faults(tmp_path: Path, entry: Any, message: str) -> None:
    (tmp_path / "a.json").write_text(json.dumps({"v": entry}))
    with pytest.raises(DataError, match=message):
        read_activitynet(tmp_path / "a.json")


@pytest.mark.real
def test_real_youcook2(real_data: Path) -> None:
    path = real_data / "captions" / "youcook2" / "youcookii_annotations_trainval.json"
    for subset, videos, segments in (("training", 1333, 10_337), ("validation", 457, 3492)):
        found = read_youcook2(path, subset)
        assert (len(found), sum(map(len, found.values()))) == (videos, segments)


# --- a folder ----------------------------------------------------------------------------------------------------


def test_folder(root: Path, source: Source) -> None:
    (root / "captions.csv").write_bytes(
        '\ufeffvideo,caption,split\r\nbeach.mp4,"a dog, ""wet"", runs",train\r\n'
        'sub/kitchen.v2.AVI,"a woman\r\ncooks",test\r\nbeach.mp4,two people,train\r\n'.encode()
    )
    features = source(["beach", "sub/kitchen.v2"])
    train = build_dataset("folder", "train", features)
    assert (train.videos, train.captions) == (["beach"], ['a dog, "wet", runs', "two people"])
    assert build_dataset("folder", "test", features).captions == ["a woman cooks"]
    assert len(build_dataset("folder", "all", features).videos) == 2
    with pytest.raises(DataError, match=r"has no video of the split 'val' .splits found: test, train"):
        build_dataset("folder", "val", features)


def test_folder_takes_paths_and_names_alike(root: Path, source: Source) -> None:
    """``graphvtr extract`` names a clip by its file's name, wherever below the folder it lies."""
    (root / "captions.csv").write_text("video,caption,split\nsub/deep/beach.mp4,a dog,train\nsub/kitchen,a cat,train\n")
    dataset = build_dataset("folder", "train", source(["beach", "sub/kitchen", "kitchen"]))
    assert dataset.videos == ["beach", "sub/kitchen"]
    (root / "captions.csv").write_text("video,caption,split\na/beach.mp4,a dog,train\nb/beach.mp4,a cat,test\n")
    with pytest.raises(DataError, match=r"video 'b/beach': and 'a/beach' are both the clip 'beach' of .*rename one"):
        build_dataset("folder", "train", DataSource(root, root.parent / "store"))


def test_folder_without_splits(tmp_path: Path) -> None:
    path = tmp_path / "captions.csv"
    path.write_text("caption,video\n" + "".join(f"a dog,clip{number}.webm\n" for number in range(300)))
    captions, part_of = read_captions_csv(path)
    assert captions["clip0"] == ["a dog"]
    share = {part: sum(found == part for found in part_of.values()) / 300 for part in ("train", "val", "test")}
    assert 0.7 < share["train"] < 0.9
    assert min(share["val"], share["test"]) > 0.05
    assert clip_name(" a.b ") == "a.b"


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["a,dog,train", "a,cat,test"], "line 3: video 'a': is in 'test' here and in 'train' above"),
        (["a,dog,holdout"], "line 2: has the split 'holdout'"),
        (["a, ,train"], "line 2: has an empty caption"),
        ([" ,dog,train"], "line 2: names no video"),
    ],
)
def test_folder_faults(tmp_path: Path, rows: list[str], message: str) -> None:
    (tmp_path / "captions.csv").write_text("\n".join(["video,caption,split", *rows]))
    with pytest.raises(DataError, match=message):
        read_captions_csv(tmp_path / "captions.csv")


# --- all of them -------------------------------------------------------------------------------------------------

FETCHED = """
activitynet cad120 folder msrvtt msrvtt_1ka msrvtt_1ka_7k msrvtt_1kb msvd tgif tgif_qa vatex youcook2 youtube2text
""".split()


@pytest.mark.parametrize("name", FETCHED)
def test_without_files_the_error_says_what_to_put_where(tmp_path: Path, name: str) -> None:
    split = "test" if name not in ("activitynet", "youcook2") else "val"
    with pytest.raises(DataError, match=r"\(put |\(give ") as caught:
        build_dataset(name, split, DataSource(root=tmp_path, store=tmp_path))
    assert str(tmp_path) in str(caught.value)
    with pytest.raises(DataError, match=f"dataset '{name}': needs the folder of its files"):
        build_dataset(name, split, DataSource())


def test_every_dataset_of_the_list_is_registered() -> None:
    assert {*FETCHED, "moving_scenes", "hgr"} <= set(DATASETS)


@pytest.mark.parametrize("name", sorted(set(FETCHED) - {"cad120"}))
def test_unknown_options_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match=f"option 'colour' of {name}: unknown"):
        build_dataset(name, "train", DataSource(root=tmp_path, options={"colour": 1}))


@pytest.mark.parametrize(
    ("name", "files"),
    [
        ("youtube2text", {f"sents_{split}_lc_nopunc.txt": "vid1\ta dog\n" for split in ("train", "val", "test")}),
        (
            "msvd",
            {"captions_msvd.json": '{"vid1": ["a dog"]}'}
            | {f"{split}_list.txt": "vid1\n" for split in ("train", "val", "test")},
        ),
        (
            "vatex",
            {
                "vatex_validation_v1.0.json": json.dumps([vatex_entry("vid1"), vatex_entry("vid2")]),
                "val_list.txt": "vid1\n",
                "test_list.txt": "vid1\n",
            },
        ),
    ],
)
def test_a_video_on_two_lists_is_reported(root: Path, source: Source, name: str, files: dict[str, str]) -> None:
    for file, content in files.items():
        (root / file).write_text(content)
    lines = build_dataset(name, "test", source(["vid1"])).report.lines()
    assert "1 listed videos are on the list of another split too: vid1" in lines
    assert ("1 videos have captions but are on no list: vid2" in lines) == (name == "vatex")


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_captions_as_spreadsheets_write_them(tmp_path: Path, delimiter: str) -> None:
    """Semicolons where a comma is the decimal sign, tabs, capitals in the header, splits in full."""
    first, second = ("a.mp4", '"a dog, wet; it runs"', "Validation"), ("b.MP4", "a cat", "training")
    path = tmp_path / "captions.csv"
    lines = [delimiter.join(row) for row in (("Video ", "CAPTION", "Split"), first, second)]
    path.write_text("\n".join(lines), encoding="utf-8-sig")
    captions, parts = read_captions_csv(path)
    assert captions == {"a": ["a dog, wet; it runs"], "b": ["a cat"]}
    assert parts == {"a": "val", "b": "train"}
    path.write_text(delimiter.join(("video", "caption", "split")) + "\n" + delimiter.join(("a", "x", "holdout")) + "\n")
    with pytest.raises(DataError, match="has the split 'holdout'"):
        read_captions_csv(path)
