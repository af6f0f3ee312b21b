"""MSR-VTT's json, the lists of its four protocols, and the real 1k-A files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from graphvtr.datasets import DataSource, build_dataset
from graphvtr.datasets.msrvtt import _one_k_a, read_captions_table
from graphvtr.errors import DataError

Source = Callable[..., DataSource]
PART = {"video0": "train", "video1": "train", "video6513": "validate", "video7010": "test", "video7011": "test"}


def annotation(videos: dict[str, str], captions: int = 2) -> dict[str, Any]:
    """Videos and sentences; the sentences stand backwards, ``sen_id`` says their order."""
    sentences = [
        {"sen_id": captions * place + number, "video_id": video, "caption": f"{video} caption {number}"}
        for place, video in enumerate(videos)
        for number in range(captions)
    ]
    return {
        "info": {},
        "videos": [
            {
                "video_id": video,
                "category": 1,
                "url": "",
                "start time": 0.0,
                "end time": 1.0,
                "split": part,
                "id": place,
            }
            for place, (video, part) in enumerate(videos.items())
        ],
        "sentences": sentences[::-1],
    }


@pytest.fixture
def root(tmp_path: Path, source: Source) -> Path:
    return tmp_path / "root"


def write(path: Path, content: dict[str, Any]) -> None:
    path.write_text("\ufeff" + json.dumps(content), encoding="utf-8")


@pytest.mark.parametrize(
    ("split", "videos"),
    [
        ("train", ["video0", "video1"]),
        ("val", ["video6513"]),
        ("trainval", ["video0", "video1", "video6513"]),
        ("test", ["video7010", "video7011"]),
    ],
)
@pytest.mark.parametrize("halves", [False, True])
def test_full(root: Path, source: Source, split: str, videos: list[str], halves: bool) -> None:
    if halves:
        test = {video: part for video, part in PART.items() if part == "test"}
        write(root / "train_val_videodatainfo.json", annotation({v: p for v, p in PART.items() if p != "test"}))
        write(root / "test_videodatainfo.json", annotation(test))
    else:
        write(root / "MSRVTT_data.json", annotation(PART))
    dataset = build_dataset("msrvtt", split, source(PART))
    assert dataset.videos == videos
    assert dataset.captions[:2] == [f"{videos[0]} caption 0", f"{videos[0]} caption 1"]
    assert len(dataset) == 2 * len(videos)
    wanted = {"train": "6,513 or 6,573", "val": "497", "trainval": "7,010 or 7,070", "test": "2,990"}[split]
    assert f"the official split has {wanted}" in dataset.report.lines()[0]


@pytest.mark.parametrize(
    ("split", "videos"), [("train", ["video0", "video1"]), ("val", ["video6513"]), ("test", ["video7010", "video7011"])]
)
def test_a_copy_that_calls_every_video_train(root: Path, source: Source, split: str, videos: list[str]) -> None:
    write(root / "MSRVTT_data.json", annotation(dict.fromkeys(PART, "train")))
    assert build_dataset("msrvtt", split, source(PART)).videos == videos


def test_one_k_a(root: Path, source: Source) -> None:
    write(root / "MSRVTT_data.json", annotation(PART))
    (root / "MSRVTT_train.9k.csv").write_bytes(b"video_id\r\nvideo0\r\nvideo6513\r\nvideo7011\r\n")
    (root / "MSRVTT_train.7k.csv").write_text("video_id\nvideo1\nvideo6513\n")
    (root / "MSRVTT_JSFUSION_test.csv").write_text(
        'key,vid_key,video_id,sentence\nret0,msr7010,video7010,"a man, alone, sings"\n'
    )
    features = source(PART)
    assert build_dataset("msrvtt_1ka", "train", features).videos == ["video0", "video7011"]
    assert build_dataset("msrvtt_1ka", "val", features).videos == ["video6513"]
    (root / "MSRVTT_train.9k.csv").write_text("video_id\nvideo0\nvideo7010\n")
    leak = build_dataset("msrvtt_1ka", "train", features).report.lines()
    assert "1 listed videos are on the list of another split too: video7010" in leak
    assert build_dataset("msrvtt_1ka_7k", "trainval", features).videos == ["video1", "video6513"]
    test = build_dataset("msrvtt_1ka", "test", features)
    assert (test.videos, test.captions) == (["video7010"], ["a man, alone, sings"])
    assert test.report.lines() == ["lists 1 videos, the official split has 1,000"]


def test_one_k_b(root: Path, source: Source) -> None:
    write(root / "MSRVTT_data.json", annotation(PART))
    (root / "train_list_miech.txt").write_text("video0\nvideo6513\n")
    (root / "test_list_miech.txt").write_text("video7011\n")
    features = source(PART)
    assert build_dataset("msrvtt_1kb", "train", features).videos == ["video0"]
    assert build_dataset("msrvtt_1kb", "trainval", features).videos == ["video0", "video6513"]
    assert build_dataset("msrvtt_1kb", "test", features).captions == ["video7011 caption 0"]


@pytest.mark.parametrize(
    ("name", "split", "message"),
    [
        ("msrvtt", "train", r"MSRVTT_data.json: no such file \(put MSRVTT_data.json .or train_val"),
        ("msrvtt_1ka", "train", r"MSRVTT_train.9k.csv: no such file \(put MSRVTT_train.9k.csv"),
        ("msrvtt_1ka_7k", "val", r"MSRVTT_train.7k.csv: no such file"),
        ("msrvtt_1ka", "test", r"MSRVTT_JSFUSION_test.csv: no such file"),
        ("msrvtt_1kb", "test", r"test_list_miech.txt: no such file \(put train_list_miech.txt"),
        ("msrvtt", "dev", r"split 'dev' of msrvtt: unknown"),
    ],
)
def test_missing_files_say_what_to_put_where(source: Source, name: str, split: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        build_dataset(name, split, source(["video0"]))


def broken(change: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
    content = annotation(PART)
    change(content)
    return content


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([], "MSRVTT_data.json: videos: is missing or empty"),
        (broken(lambda c: c.pop("sentences")), "sentences: is missing or empty"),
        (broken(lambda c: c["videos"][1].pop("split")), r"videos\[1\]: has no split"),
        (broken(lambda c: c["sentences"][0].pop("caption")), r"sentences\[0\]: has no caption"),
        (broken(lambda c: c["sentences"][0].update(caption=" \n")), "sentence 9: has an empty caption"),
        (broken(lambda c: c["videos"].append(c["videos"][0])), "video 'video0': is listed twice"),
        (broken(lambda c: [video.update(split="validate") for video in c["videos"]]), "no video whose split is test"),
        (
            broken(
                lambda c: (
                    [video.update(split="train") for video in c["videos"]]
                    and c["videos"].append({"video_id": "clip", "split": "train"})
                )
            ),
            "video 'clip': has no number",
        ),
    ],
)
def test_faults_are_named(root: Path, source: Source, content: Any, message: str) -> None:
    write(root / "MSRVTT_data.json", content)
    with pytest.raises(DataError, match=message):
        build_dataset("msrvtt", "test", source(PART))


def test_a_truncated_download(root: Path, source: Source) -> None:
    (root / "MSRVTT_data.json").write_text(json.dumps(annotation(PART))[:-20])
    with pytest.raises(DataError, match=r"MSRVTT_data.json: is not json"):
        build_dataset("msrvtt", "test", source(PART))


@pytest.mark.real
@pytest.mark.parametrize(
    ("file", "split", "count"),
    [
        ("MSRVTT_train.9k.csv", "trainval", 9000),
        ("MSRVTT_train.9k.csv", "train", 8503),
        ("MSRVTT_train.9k.csv", "val", 497),
        ("MSRVTT_train.7k.csv", "trainval", 7010),
        ("MSRVTT_train.7k.csv", "train", 6513),
        ("MSRVTT_train.9k.csv", "test", 1000),
    ],
)
def test_real_lists_have_the_official_counts(real_data: Path, file: str, split: str, count: int) -> None:
    listing = _one_k_a(file, real_data / "captions" / "msrvtt_1cap", split)
    assert len(listing.videos) == len(set(listing.videos)) == count
    assert listing.official == (count,)
    assert all(listing.captions[video] for video in listing.videos)


@pytest.mark.real
def test_real_csv_end_to_end(real_data: Path, tmp_path: Path, source: Source) -> None:
    captions = read_captions_table(real_data / "captions" / "msrvtt_1cap" / "MSRVTT_JSFUSION_test.csv")
    names = list(captions)[::100]
    dataset = build_dataset(
        "msrvtt_1ka",
        "test",
        DataSource(root=real_data / "captions" / "msrvtt_1cap", store=source(names).store, options={}),
    )
    assert dataset.videos == names
    assert dataset.captions[0] == "a person is connecting something to system"
    assert dataset.report.lines() == ["990 listed videos have no features: video9771, video7020, video9773, ..."]
