"""Materialised edges against plain loops over regions."""

from __future__ import annotations

import pytest
import torch

from graphvtr.errors import DataError
from graphvtr.graphs import (
    ROLES,
    AddFrameEdges,
    AddSpatialEdges,
    AddTemporalEdges,
    GraphStore,
    RoleGraph,
    SplitRoles,
    VideoGraph,
)


def edges(graph: VideoGraph, key: tuple[str, str, str]) -> set[tuple[int, int]]:
    index = graph[key].edge_index
    pairs = {(int(a), int(b)) for a, b in index.t()}
    assert len(pairs) == index.size(1), "an edge stands twice"
    return pairs


@pytest.mark.parametrize("self_loops", [True, False])
def test_spatial_edges(video_graphs: list[VideoGraph], self_loops: bool) -> None:
    batch = GraphStore.from_graphs(video_graphs).batch([0, 2, 1])
    frame = batch["region"].frame.tolist()
    expected = {
        (i, j) for i in range(len(frame)) for j in range(len(frame)) if frame[i] == frame[j] and (self_loops or i != j)
    }
    out = AddSpatialEdges(self_loops)(batch)
    assert edges(out, ("region", "spatial", "region")) == expected
    assert out.validate()


@pytest.mark.parametrize("by", ["all", "track"])
@pytest.mark.parametrize("both", [True, False])
def test_temporal_edges_stay_inside_a_clip(video_graphs: list[VideoGraph], by: str, both: bool) -> None:
    full = VideoGraph.build(
        torch.zeros(3, 4),
        region_x=torch.zeros(5, 3),
        region_frame=torch.tensor([0, 0, 1, 2, 2]),
        region_track=torch.tensor([0, 1, 1, 1, -1]),
    )
    batch = GraphStore.from_graphs([full, video_graphs[0], video_graphs[1], full]).batch([0, 1, 2, 3])
    frame, track = batch["region"].frame.tolist(), batch["region"].track.tolist()
    clip = batch["frame"].batch[batch["region"].frame].tolist()
    expected = {
        (i, j)
        for i in range(len(frame))
        for j in range(len(frame))
        if frame[j] == frame[i] + 1 and clip[i] == clip[j] and (by == "all" or (track[i] == track[j] and track[i] >= 0))
    }
    assert expected
    expected |= {(j, i) for i, j in expected} if both else set()
    out = AddTemporalEdges(by, both)(batch)
    assert edges(out, ("region", "temporal", "region")) == expected


def test_frame_edges(video_graphs: list[VideoGraph]) -> None:
    batch = AddFrameEdges()(GraphStore.from_graphs(video_graphs).batch([0, 1, 2]))
    assert edges(batch, ("frame", "next", "frame")) == {(0, 1), (1, 2), (4, 5)}
    frame = batch["region"].frame.tolist()
    assert edges(batch, ("region", "in", "frame")) == set(enumerate(frame))
    single = AddFrameEdges()(VideoGraph.build(torch.zeros(1, 4)))
    assert edges(single, ("frame", "next", "frame")) == set()


def test_split_roles(role_graphs: list[RoleGraph]) -> None:
    batch = GraphStore.from_graphs(role_graphs).batch([1, 0])
    fills = batch["entity", "fills", "action"]
    expected = {
        label: [pair for pair, r in zip(fills.edge_index.t().tolist(), fills.role.tolist(), strict=True) if r == i]
        for i, label in enumerate(ROLES)
    }
    out = SplitRoles()(batch)
    assert ("entity", "fills", "action") not in out.edge_types
    for label in ROLES[1:]:
        assert out["entity", label, "action"].edge_index.t().tolist() == expected[label]
    few = SplitRoles(all_roles=False)(role_graphs[0])
    assert {relation for source, relation, _ in few.edge_types if source == "entity"} == {"ARG0", "ARG1"}


def test_transforms_say_what_is_missing(video_graphs: list[VideoGraph]) -> None:
    bare = VideoGraph.build(torch.zeros(2, 4))
    for transform in (AddSpatialEdges(), AddTemporalEdges()):
        with pytest.raises(DataError, match="region: the graph has no regions"):
            transform(bare)
    del video_graphs[0]["region"].track
    with pytest.raises(DataError, match=r"region\.track: missing"):
        AddTemporalEdges("track")(video_graphs[0])
    with pytest.raises(DataError, match="by: is 'near'"):
        AddTemporalEdges("near")
