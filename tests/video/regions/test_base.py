from __future__ import annotations

import pytest
import torch

from graphvtr.errors import DataError
from graphvtr.video.regions import GridRegions, OnnxDetector, RegionDetector, Regions, build_detector

BOX = torch.tensor([[0.0, 0.0, 0.5, 1.0], [0.5, 0.0, 1.0, 1.0]])


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"box": BOX * 2}, "regions.box"),
        ({"box": BOX.flip(1)}, "regions.box"),
        ({"box": BOX * float("nan")}, "regions.box"),
        ({"score": torch.ones(3)}, "regions.score"),
        ({"score": torch.tensor([0.5, float("inf")])}, "regions.score"),
        ({"frame": torch.tensor([1, 0])}, "regions.frame"),
        ({"label": torch.tensor([1])}, "regions.label"),
        ({"x": torch.ones(3, 4)}, "regions.x"),
    ],
)
def test_fields_that_do_not_fit_are_refused(change, named):
    fields = {"box": BOX, "score": torch.ones(2), "frame": torch.tensor([0, 1])}
    assert Regions(**fields).label.tolist() == [-1, -1]
    with pytest.raises(DataError, match=named):
        Regions(**{**fields, **change})


def test_joining_frames():
    frames = [
        {"box": BOX[:count], "score": torch.full((count,), 0.1 * count), "label": torch.full((count,), count)}
        for count in (2, 0, 1)
    ]
    found = Regions.from_frames(frames)
    assert found.frame.tolist() == [0, 0, 2]
    assert found.label.tolist() == [2, 2, 1]
    assert len(Regions.from_frames([])) == 0


def test_a_grid_covers_the_picture():
    found = GridRegions(3)(torch.zeros(2, 30, 40, 3, dtype=torch.uint8))
    assert len(found) == 18
    sides = found.box[:, 2:] - found.box[:, :2]
    assert sides.prod(1).view(2, 9).sum(1).tolist() == pytest.approx([1.0, 1.0])
    assert found.box[4].tolist() == pytest.approx([1 / 3, 1 / 3, 2 / 3, 2 / 3])
    assert found.frame.tolist() == [0] * 9 + [1] * 9
    assert isinstance(GridRegions(3), RegionDetector)
    with pytest.raises(DataError, match="cells: is 0"):
        GridRegions(0)


def test_detectors_by_name(real_data):
    path = real_data / "detectors" / "fastestdet" / "FastestDet.onnx"
    assert isinstance(build_detector(path, num_regions=7), OnnxDetector)
    assert build_detector("grid", num_regions=16).settings == {"cells": 4}
    with pytest.raises(DataError, match=r"num_regions: is 37 .*36"):
        build_detector("grid", num_regions=37)
    with pytest.raises(DataError, match="detector 'yolo': unknown"):
        build_detector("yolo")
