"""Video graphs: what build makes, and what it refuses."""

from __future__ import annotations

import pytest
import torch

from graphvtr.errors import DataError
from graphvtr.graphs import VideoGraph


def region(**changes: torch.Tensor) -> dict[str, torch.Tensor]:
    fields = {
        "region_x": torch.zeros(2, 3),
        "region_box": torch.tensor([[0.0, 0.0, 0.5, 1.0]] * 2),
        "region_score": torch.ones(2),
        "region_frame": torch.tensor([0, 1]),
    }
    return {**fields, **changes}


def test_build() -> None:
    graph = VideoGraph.build(torch.zeros(2, 5), torch.tensor([0.0, 0.4]), name="clip", **region())
    assert (graph.num_frames, graph.num_regions, graph.name) == (2, 2, "clip")
    assert graph.validate()


def test_frames_alone_are_a_graph() -> None:
    graph = VideoGraph.build(torch.zeros(3, 5))
    assert graph["frame"].time.tolist() == [0.0, 1.0, 2.0]
    assert graph.num_regions == 0
    assert graph.validate()


def test_regions_default_to_whole_frames() -> None:
    graph = VideoGraph.build(torch.zeros(1, 5), region_x=torch.zeros(2, 3), region_frame=torch.tensor([0, 0]))
    assert graph["region"].box.tolist() == [[0, 0, 1, 1]] * 2
    assert graph["region"].score.tolist() == [1, 1]


NAN = float("nan")


@pytest.mark.parametrize(
    ("frame_x", "changes", "message"),
    [
        (torch.zeros(2), {}, r"frame\.x: has shape \[2\] \(give \[T, d\]\)"),
        (torch.full((2, 3), NAN), {}, r"frame\.x: has NaN or infinite values \(extract the features again\)"),
        (torch.zeros(2, 3), {"region_x": torch.zeros(2)}, r"region\.x: has shape \[2\]"),
        (torch.zeros(2, 3), {"region_x": torch.full((2, 3), NAN)}, r"region\.x: has NaN"),
        (torch.zeros(2, 3), {"region_box": torch.zeros(2, 3)}, r"region\.box: has shape \[2, 3\] \(give \[R, 4\]"),
        (torch.zeros(2, 3), {"region_box": torch.full((2, 4), 3.0)}, r"region\.box: is not x0 y0 x1 y1"),
        (torch.zeros(2, 3), {"region_box": torch.tensor([[0.5, 0, 0.2, 1]] * 2)}, r"region\.box: is not"),
        (torch.zeros(2, 3), {"region_score": torch.ones(3)}, r"region\.score: has shape \[3\].*R = 2"),
        (torch.zeros(2, 3), {"region_frame": torch.tensor([0, 2])}, r"region\.frame: points to frame 2 of 2"),
        (torch.zeros(2, 3), {"region_frame": torch.tensor([-1, 1])}, r"region\.frame: points to frame -1 of 2"),
        (torch.zeros(2, 3), {"region_frame": torch.tensor([1, 0])}, r"region\.frame: is not sorted"),
        (torch.zeros(2, 3), {"region_frame": torch.tensor([0.0, 1.0])}, r"region\.frame: has dtype torch.float32"),
    ],
)
def test_build_names_clip_and_field(frame_x: torch.Tensor, changes: dict[str, torch.Tensor], message: str) -> None:
    with pytest.raises(DataError, match=r"clip 'dogs\.mp4': " + message):
        VideoGraph.build(frame_x, name="dogs.mp4", **region(**changes))


def test_time_is_checked() -> None:
    with pytest.raises(DataError, match=r"frame\.time: has shape \[3\]"):
        VideoGraph.build(torch.zeros(2, 3), torch.zeros(3))
    with pytest.raises(DataError, match=r"frame\.time: decreases"):
        VideoGraph.build(torch.zeros(2, 3), torch.tensor([1.0, 0.0]))


def test_missing_fields_are_named() -> None:
    with pytest.raises(DataError, match=r"region\.frame: missing although region\.x is given"):
        VideoGraph.build(torch.zeros(2, 3), region_x=torch.zeros(1, 3))
    graph = VideoGraph.build(torch.zeros(2, 3), **region())
    del graph["region"].box
    assert graph.validate(raise_on_error=False) is False
    with pytest.raises(DataError, match=r"frame\.x: missing"):
        VideoGraph().validate()
