"""Frames, then regions, clip by clip: against a loop over the graphs; ragged, empty, one graph and a batch."""

from __future__ import annotations

import pytest
import torch

from graphvtr.graphs import GraphStore, VideoGraph
from graphvtr.nn.frames_and_regions import clip_of_frame, frames_and_regions


def clip(frames: int, regions: list[int]) -> VideoGraph:
    """A clip whose regions lie in the frames given."""
    box = torch.tensor([[0.0, 0.0, 1.0, 1.0]]).repeat(len(regions), 1)
    return VideoGraph.build(
        torch.randn(frames, 3, dtype=torch.float64).float(),
        region_x=torch.randn(len(regions), 3),
        region_box=box,
        region_score=torch.ones(len(regions)),
        region_frame=torch.tensor(regions, dtype=torch.long),
    )


@pytest.mark.parametrize("shapes", [[(2, [0, 0, 1]), (3, []), (1, [0])], [(2, [])], [(2, [1, 1])]])
def test_against_a_loop(shapes: list[tuple[int, list[int]]]) -> None:
    graphs = [clip(*shape) for shape in shapes]
    batch = GraphStore.from_graphs(graphs).batch(range(len(graphs)))
    frames, regions = (batch[kind].x.double().requires_grad_() for kind in ("frame", "region"))
    level = frames_and_regions(batch, frames, regions)
    wanted = [torch.cat([graph["frame"].x, graph["region"].x]).double() for graph in graphs]
    torch.testing.assert_close(level.x, torch.cat(wanted), rtol=0, atol=0)
    assert level.ptr is not None
    assert level.ptr.diff().tolist() == [len(rows) for rows in wanted]
    level.x.pow(2).sum().backward()
    torch.testing.assert_close(frames.grad, 2 * frames.detach())
    torch.testing.assert_close(regions.grad, 2 * regions.detach())
    assert clip_of_frame(batch).tolist() == [place for place, (count, _) in enumerate(shapes) for _ in range(count)]


def test_a_single_graph_is_a_batch_of_one() -> None:
    graph = clip(2, [0, 1, 1])
    level = frames_and_regions(graph, graph["frame"].x, graph["region"].x)
    assert level.ptr is not None
    assert level.ptr.tolist() == [0, 5]
    assert torch.equal(level.x, torch.cat([graph["frame"].x, graph["region"].x]))
    assert clip_of_frame(graph).tolist() == [0, 0]
