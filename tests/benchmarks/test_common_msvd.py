"""What the common table does to the clips before any model sees them, and that every row can be built."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from graphvtr.graphs import GraphStore, RoleGraph, VideoGraph
from graphvtr.nn.models import MODELS

pytest.importorskip("pytorch_lightning")
pytest.importorskip("av")


@pytest.fixture
def common(load_benchmark: Callable[[str], Any]) -> Any:
    return load_benchmark("accuracy.common_msvd")


def clip(frames: int, regions: int, name: str = "a") -> VideoGraph:
    """Region i of a frame has score 1 / (i + 2), in a random order."""
    order = torch.stack([torch.randperm(regions) for _ in range(frames)]).flatten()
    return VideoGraph.build(
        torch.randn(frames, 3),
        region_x=torch.randn(frames * regions, 300),
        region_score=1 / (order + 2.0),
        region_frame=torch.arange(frames).repeat_interleave(regions),
        name=name,
    )


def test_the_likeliest_regions_of_ten_frames(common: Any) -> None:
    found = common.likeliest_regions(clip(20, 36))
    assert found["frame"].num_nodes == 10
    frame, score = found["region"].frame, found["region"].score
    assert frame.tolist() == sorted(frame.tolist())
    assert torch.bincount(frame).tolist() == [16] * 10
    assert score.view(10, 16).min() == pytest.approx(1 / 17)
    few = common.likeliest_regions(clip(4, 3))
    assert len(few["region"].x) == 12


def test_regions_are_projected_by_what_training_shows(common: Any) -> None:
    def split(seed: int) -> Any:
        torch.manual_seed(seed)
        videos = GraphStore.from_graphs([clip(4, 40, name) for name in ("a", "b", "c")])
        captions = GraphStore.from_graphs([RoleGraph.build(["dogs", "bark"], [], [], [])] * 3)
        return common.RetrievalDataset("toy", "any", ["a", "b", "c"], ["x"] * 3, torch.arange(3), videos, captions)

    splits = {"train": split(0), "test": split(1)}
    found = common.project_regions(splits)
    rows = found["train"].video_graphs.nodes["region"].tensors["x"]
    assert rows.shape == (480, common.COMPONENTS)
    torch.testing.assert_close(rows.mean(0), torch.zeros(common.COMPONENTS), atol=1e-4, rtol=0)
    assert float(rows.square().mean()) == pytest.approx(1, abs=1e-3)
    before = splits["test"].video_graphs.nodes["region"].tensors["x"]
    assert before.size(1) == 300  # the split that was given is as it was
    other = found["test"].video_graphs.nodes["region"].tensors["x"]
    assert abs(float(other.mean())) > 0  # the test split by the training mean, not its own


def test_every_row_is_a_registered_model(common: Any) -> None:
    assert {row.model for row in common.ROWS.values()} <= set(MODELS)
    assert all(name == row.name for name, row in common.ROWS.items())
