"""Graphs that the tests of this folder share."""

from __future__ import annotations

import pytest
import torch

from graphvtr.graphs import RoleGraph, VideoGraph


@pytest.fixture
def role_graphs() -> list[RoleGraph]:
    """A full graph, a nominal one, a bare verb, a one-word one."""
    graphs = [
        RoleGraph.build(
            "a white dog chases a cat and barks".split(),
            actions=[[3], [7]],
            entities=[("ARG0", [0, 1, 2]), ("ARG1", [4, 5])],
            fills=[(0, 0), (1, 0), (0, 1)],
        ),
        RoleGraph.build(["two", "cats"], [], [("NOUN", [0, 1])], []),
        RoleGraph.build(["running", "!"], [[0]], [], []),
        RoleGraph.build(["dog"], [], [], []),
    ]
    for graph in graphs:
        graph["word"].id = torch.arange(graph["word"].num_nodes) + 3
    return graphs


@pytest.fixture
def video_graphs() -> list[VideoGraph]:
    """Three frames with 2, 0 and 3 regions; one frame with one region; two frames without regions."""

    def build(counts: list[int], name: str) -> VideoGraph:
        frame = torch.repeat_interleave(torch.tensor(counts))
        total = len(frame)
        corner = torch.rand(total, 2) / 2
        return VideoGraph.build(
            torch.randn(len(counts), 4),
            torch.arange(len(counts)) / 2,
            region_x=torch.randn(total, 3),
            region_box=torch.cat([corner, corner + 0.5], dim=1),
            region_score=torch.rand(total),
            region_frame=frame,
            region_track=torch.arange(total) % 2,
            name=name,
        )

    return [build([2, 0, 3], "a"), build([1], "b"), build([0, 0], "c")]
