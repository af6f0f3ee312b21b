"""What the datasets of captioned videos share: counts, missing and unknown ids, duplicates."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from graphvtr.datasets import DataSource, RetrievalDataset, captioned
from graphvtr.datasets.captioned import Listing, captioned_dataset
from graphvtr.errors import DataError
from graphvtr.graphs import GraphStore, sample_frames
from graphvtr.video import FeatureStore
from graphvtr.video.store import DiskGraphs

Source = Callable[..., DataSource]
CAPTIONS = {"a": ["one", "two", "one"], "b/c": ["three"], "d": ["four"], "x": ["five"]}


def build(source: DataSource, videos: list[str], official: tuple[int, ...] = ()) -> RetrievalDataset:
    others = frozenset(("b/c", "d")) - set(videos[1:])
    listing = Listing(videos, CAPTIONS, Path("captions.json"), Path("list.txt"), official, others)
    return captioned_dataset("tiny", "train", source, listing)


def test_a_clean_split(source: Source) -> None:
    dataset = build(source(["a", "b/c", "unused"]), ["b/c", "a"], (2, 3))
    assert dataset.videos == ["b/c", "a"]
    assert dataset.captions == ["three", "one", "two", "one"]
    assert dataset.video_of_caption.tolist() == [0, 1, 1, 1]
    assert [graph.name for graph in dataset.video_graphs] == ["b/c", "a"]
    assert [graph.caption for graph in dataset.role_graphs] == dataset.captions


def test_what_is_odd_is_reported(source: Source, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        dataset = build(source(["a", "b/c"]), ["b/c", "a", "d", "silent"], (1200,))
    assert dataset.videos == ["b/c", "a"]
    assert dataset.report.lines() == [
        "lists 4 videos, the official split has 1,200",
        "1 listed videos have no captions: silent",
        "1 listed videos have no features: d",
        "1 listed videos are on the list of another split too: b/c",
        "1 videos have captions but are on no list: x",
        "1 caption stands more than once for their video (kept, unless --option duplicate_captions=drop)",
    ]
    for text in ("official split has 1,200", "no captions: silent", "2 of 3 listed videos have features", "no list: x"):
        assert text in caplog.text
    assert caplog.text.count("have features") == 1


def test_strict_refuses(source: Source) -> None:
    strict = source(["a", "b/c"], missing="error")
    with pytest.raises(DataError, match=r"list.txt: lists 2 videos, the official split has 1,200 .take the official"):
        build(strict, ["a", "b/c"], (1200,))
    with pytest.raises(DataError, match=r"captions.json: video 'silent': has no captions .1 listed"):
        build(strict, ["a", "silent"])
    with pytest.raises(DataError, match=r"video 'd': has no feature .1 of 2 listed"):
        build(strict, ["a", "d"])


def test_nothing_left_is_an_error(source: Source) -> None:
    features = source(["a"])
    with pytest.raises(DataError, match=r"video 'silent': has no captions"):
        build(features, ["silent"])
    with pytest.raises(DataError, match=r"video 'd': has no feature"):
        build(features, ["d"])
    with pytest.raises(DataError, match=r"list.txt: video 'a': is listed twice"):
        build(features, ["a", "d", "a"])


@pytest.mark.parametrize(
    ("options", "captions"),
    [
        ({"max_captions": 2}, ["one", "two"]),
        ({"duplicate_captions": "drop"}, ["one", "two"]),
        ({"duplicate_captions": "keep"}, ["one", "two", "one"]),
        ({"duplicate_captions": "drop", "max_captions": 1}, ["one"]),
    ],
)
def test_options(source: Source, options: dict, captions: list[str]) -> None:
    assert build(source(["a"], **options), ["a"]).captions == captions


@pytest.mark.parametrize(
    ("where", "limit", "kind"),
    [("disk", 2**30, DiskGraphs), ("memory", 0, GraphStore), (None, 2**30, GraphStore), (None, 0, DiskGraphs)],
)
def test_large_features_stay_on_disk(
    source: Source, monkeypatch: pytest.MonkeyPatch, where: str | None, limit: int, kind: type
) -> None:
    monkeypatch.setattr(captioned, "IN_MEMORY", limit)
    options = {} if where is None else {"features": where}
    dataset = build(source(["a", "b/c"], **options), ["b/c", "a"])
    assert type(dataset.video_graphs) is kind
    assert dataset.video_dim == 3
    assert dataset.video_graphs.batch([0])["frame"].x.tolist() == [[1.0] * 3] * 2
    changed = dataset.transformed(lambda graph: sample_frames(graph, 1), None)
    assert changed.video_graphs.batch([1, 0])["frame"].x.tolist() == [[0.0] * 3, [1.0] * 3]
    assert changed.report is dataset.report


@pytest.mark.parametrize("where", ["disk", "memory"])
def test_regions_of_models_of_frames_are_not_read(
    source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    store = FeatureStore.create(tmp_path / "regions", {"frame_x": 3, "region_x": 5}, {"features": {"name": "x"}})
    for number, name in enumerate(("a", "d")):
        frames = {"frame_x": torch.full((2, 3), float(number)), "frame_time": torch.arange(2.0)}
        regions = {
            "region_x": torch.ones(4, 5),
            "region_box": torch.rand(4, 2).repeat(1, 2),
            "region_score": torch.ones(4),
            "region_frame": torch.tensor([0, 0, 1, 1]),
        }
        store.add(name, {**frames, **regions})
    given = replace(source(["a"], features=where), store=store.path)
    whole = build(given, ["d", "a"])
    assert "region" in whole.video_graphs.nodes
    monkeypatch.setattr(FeatureStore, "read", None)  # which reads a clip with all it has
    frames_only = build(replace(given, regions=False), ["d", "a"])
    assert "region" not in frames_only.video_graphs.nodes
    assert isinstance(frames_only.video_graphs, DiskGraphs) == (where == "disk")
    assert torch.equal(frames_only.video_graphs.batch([0, 1])["frame"].x, whole.video_graphs.batch([0, 1])["frame"].x)


@pytest.mark.parametrize(
    "options", [{"features": "tape"}, {"max_captions": 0}, {"max_captions": "5"}, {"duplicate_captions": "twice"}]
)
def test_options_are_checked(source: Source, options: dict) -> None:
    with pytest.raises(DataError, match=r"option '"):
        build(source(["a"], **options), ["a"])


def test_no_store(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"dataset 'tiny': needs a feature store .run graphvtr extract CLIPS"):
        build(DataSource(root=tmp_path), ["a"])


def test_captions_drawn_at_random(source: Source) -> None:
    """The draw follows from the video and the seed alone: neither other videos nor their order change it."""
    captions = {name: [f"{name} {number}" for number in range(40)] for name in "abc"}
    every_clip = source(list("abc"))

    def draw(videos: list[str], **options: object) -> dict[str, list[str]]:
        listing = Listing(videos, captions, Path("captions.json"), Path("list.txt"))
        chosen = {"max_captions": 5, "choose_captions": "random", **options}
        asked = replace(every_clip, options=chosen)
        found = captioned_dataset("tiny", "train", asked, listing)
        owners = [found.videos[owner] for owner in found.video_of_caption.tolist()]
        return {name: [t for t, owner in zip(found.captions, owners, strict=True) if owner == name] for name in videos}

    every = draw(["a", "b", "c"])
    assert all(len(chosen) == 5 for chosen in every.values())
    assert all(chosen == sorted(chosen, key=captions[name].index) for name, chosen in every.items())
    assert every["a"] != captions["a"][:5]
    assert draw(["c", "a"]) == {"c": every["c"], "a": every["a"]}
    assert draw(["a"], caption_seed=1)["a"] != every["a"]
    assert draw(["a"], choose_captions="first")["a"] == captions["a"][:5]
    assert draw(["a"], max_captions=100)["a"] == captions["a"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"choose_captions": "best"}, "choose_captions.*is 'best'.*first, random"),
        ({"caption_seed": -1}, "caption_seed.*is -1"),
    ],
)
def test_wrong_choice_of_captions(source: Source, options: dict[str, object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        build(source(["a"], max_captions=1, **options), ["a"])
