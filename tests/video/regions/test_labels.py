"""Classes of a detector are kept: in the store, with their names, and in pictures; and what a black clip gives."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from graphvtr.errors import DataError
from graphvtr.graphs import VideoGraph
from graphvtr.video import FeatureStore, PixelDescriptor, extract
from graphvtr.video.regions import (
    DetectorLayout,
    GridRegions,
    OnnxDetector,
    PrecomputedRegions,
    Regions,
    build_detector,
)
from graphvtr.video.regions.coco import COCO
from graphvtr.video.store import DiskGraphs


class TwoClasses:
    """A dog on the left and a cat on the right of every frame, of falling scores."""

    name, version = "two", "1"
    labels = ("dog", "cat")

    @property
    def settings(self) -> Mapping[str, Any]:
        return {"labels": list(self.labels)}

    def __call__(self, frames: Tensor, *, time: Tensor | None = None, name: str = "") -> Regions:
        count = len(frames)
        box = torch.tensor([[0.0, 0.0, 0.4, 1.0], [0.6, 0.0, 1.0, 1.0]]).repeat(count, 1)
        frame = torch.arange(count).repeat_interleave(2)
        return Regions(box, torch.tensor([0.9, 0.2]).repeat(count), frame, torch.tensor([0, 1]).repeat(count))


@pytest.fixture
def store(make_clip, tmp_path: Path) -> FeatureStore:
    make_clip("clips/a.mp4", 8)
    options: dict[str, Any] = {"detector": TwoClasses(), "num_frames": 4, "progress": False}
    extract(tmp_path / "clips", tmp_path / "store", PixelDescriptor(16), **options)
    return FeatureStore.open(tmp_path / "store")


def test_labels_and_their_names_are_in_the_store(store: FeatureStore) -> None:
    assert store.label_names == ("dog", "cat")
    wanted = [0, 1] * 4
    assert store.video_graph("a")["region"].label.tolist() == wanted
    assert store.video_graphs().batch([0, 0])["region"].label.tolist() == wanted * 2
    assert DiskGraphs(store).batch([0, 0])["region"].label.tolist() == wanted * 2
    assert store.verify() == {}


def test_labels_of_regions_found_before_are_taken_over(store: FeatureStore) -> None:
    detector = PrecomputedRegions(store.path, min_score=0.5)
    assert detector.labels == ("dog", "cat")
    found = detector(torch.zeros(4, 8, 8, 3, dtype=torch.uint8), time=store.read("a")["frame_time"], name="a")
    assert (found.label.tolist(), found.score.min().item()) == ([0] * 4, pytest.approx(0.9))
    assert detector.settings["min_score"] == 0.5


def test_a_grid_has_no_labels_and_no_scores(make_clip, tmp_path: Path) -> None:
    make_clip("clips/a.mp4", 8)
    extract(tmp_path / "clips", tmp_path / "store", PixelDescriptor(16), detector=GridRegions(2), progress=False)
    store = FeatureStore.open(tmp_path / "store")
    assert (store.label_names, "region_label" in store.read("a")) == ((), False)
    with pytest.raises(DataError, match="min_score: is given for 'grid'"):
        build_detector("grid", min_score=0.5)


def test_names_of_classes() -> None:
    assert len(COCO) == len(set(COCO)) == 80
    yolo = DetectorLayout(kind="yolo")
    assert yolo.names_of({"out": torch.zeros(1, 300, 85)}, "m") == COCO
    assert yolo.names_of({"out": torch.zeros(1, 300, 8)}, "m") == ()
    assert DetectorLayout().names_of({"out": torch.zeros(1, 85, 22, 22)}, "m") == COCO
    named = DetectorLayout(kind="ssd", labels=("none", "dog"))
    assert named.names_of({"box": torch.zeros(1, 9, 4), "score": torch.zeros(1, 9, 2)}, "m") == ("none", "dog")
    with pytest.raises(DataError, match=r"m: has 3 classes \(layout.labels names 2"):
        named.names_of({"box": torch.zeros(1, 9, 4), "score": torch.zeros(1, 9, 3)}, "m")
    with pytest.raises(DataError, match=r"layout.labels"):
        DetectorLayout.from_mapping({"labels": [1, 2]})


def test_a_graph_refuses_labels_that_do_not_fit() -> None:
    fields = {"region_x": torch.ones(2, 3), "region_frame": torch.tensor([0, 0])}
    for label in (torch.tensor([1]), torch.tensor([0.5, 1.0])):
        with pytest.raises(DataError, match=r"region.label: is not one whole number a region"):
            VideoGraph.build(torch.ones(1, 2), region_label=label, **fields)


@pytest.mark.real
def test_fastestdet_sees_nothing_in_a_black_clip(real_data: Path) -> None:
    model = real_data / "detectors" / "fastestdet" / "FastestDet.onnx"
    if not model.is_file():
        pytest.skip("no detector")
    black = torch.zeros(2, 240, 320, 3, dtype=torch.uint8)
    detector = build_detector(model, min_score=0.3)
    assert isinstance(detector, OnnxDetector)
    assert len(detector(black)) == 0
    assert len(build_detector(model)(black)) > 0
    assert detector.labels == COCO
    assert detector.settings["labels"][0] == "person"
