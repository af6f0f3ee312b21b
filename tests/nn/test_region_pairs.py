"""Pairs of regions and their motion against loops over frames."""

from __future__ import annotations

import math

import pytest
import torch

from graphvtr.graphs import GraphStore, VideoGraph
from graphvtr.nn.region_pairs import GEOMETRY, region_motion, region_pairs


def clip(seed: int, regions: list[int], scores: bool = True) -> VideoGraph:
    """A clip with so many regions in each frame."""
    generator = torch.Generator().manual_seed(seed)
    count = sum(regions)
    corner = torch.rand(count, 2, generator=generator) * 0.5
    size = 0.05 + torch.rand(count, 2, generator=generator) * 0.3
    return VideoGraph.build(
        torch.randn(len(regions), 3, generator=generator),
        region_x=torch.randn(count, 4, generator=generator),
        region_box=torch.cat([corner, corner + size], 1),
        region_frame=torch.repeat_interleave(torch.arange(len(regions)), torch.tensor(regions)),
        region_score=torch.rand(count, generator=generator) if scores else None,
    )


CLIPS = [[2, 3, 1], [0, 4], [3], [1, 0, 1, 5], [0]]


def described(box: torch.Tensor) -> torch.Tensor:
    return torch.cat([(box[:, :2] + box[:, 2:]) / 2, box[:, 2:] - box[:, :2]], 1)


def motion_by_loops(graph: VideoGraph) -> torch.Tensor:
    box, frame = described(graph["region"].box), graph["region"].frame
    out = torch.zeros(len(box), 2)
    for row in range(len(box)):
        before = (frame == frame[row] - 1).nonzero().squeeze(1)
        if not len(before):
            continue
        nearest = before[(box[before] - box[row]).norm(dim=1).argmin()]
        now = (frame == frame[row]).nonzero().squeeze(1)
        if now[(box[now] - box[nearest]).norm(dim=1).argmin()] == row:
            out[row] = box[row, :2] - box[nearest, :2]
    return out


def test_motion_is_that_of_the_nearest_box_of_the_frame_before() -> None:
    clips = [clip(seed, regions) for seed, regions in enumerate(CLIPS)]
    alone = [region_motion(one) for one in clips]
    for one, found in zip(clips, alone, strict=True):
        torch.testing.assert_close(found, motion_by_loops(one))
    assert torch.cat(alone).abs().sum() > 0
    torch.testing.assert_close(region_motion(GraphStore.from_graphs(clips).batch(range(5))), torch.cat(alone))
    bare = clip(0, [0, 0])
    assert region_motion(bare).shape == (0, 2)


def test_who_stands_still_beside_who_comes() -> None:
    """i moves towards j, which stands: along the way and not across it, and the two come closer."""
    box = torch.tensor([[0.0, 0.4, 0.2, 0.6], [0.7, 0.4, 0.9, 0.6], [0.1, 0.4, 0.3, 0.6], [0.7, 0.4, 0.9, 0.6]])
    graph = VideoGraph.build(
        torch.randn(2, 3), region_x=torch.randn(4, 4), region_box=box, region_frame=torch.tensor([0, 0, 1, 1])
    )
    pairs = region_pairs(graph, 6)
    row = ((pairs.source == 2) & (pairs.target == 3)).nonzero().item()
    back = ((pairs.source == 3) & (pairs.target == 2)).nonzero().item()
    moves = [0.1, 0, 0, 0, 0.1, 0, -0.1, 0]
    torch.testing.assert_close(pairs.geometry[row, :8], 8 * torch.tensor(moves), atol=1e-5, rtol=0)
    swapped = [0, -0.1, 0, 0, 0, 0.1, -0.1, 0]
    torch.testing.assert_close(pairs.geometry[back, :8], 8 * torch.tensor(swapped), atol=1e-5, rtol=0)
    torch.testing.assert_close(pairs.geometry[row, 8:11], 4 * torch.tensor([0.6, 0, 0.6]), atol=1e-5, rtol=0)
    assert pairs.geometry[row, -1] == 0
    assert pairs.geometry[pairs.source == pairs.target, -1].unique().tolist() == [4.0]


@pytest.mark.parametrize("most", [1, 3, 9])
@pytest.mark.parametrize("scores", [True, False])
def test_pairs_are_all_of_a_frames_best_regions(most: int, scores: bool) -> None:
    clips = [clip(seed, regions, scores) for seed, regions in enumerate(CLIPS)]
    batch = GraphStore.from_graphs(clips).batch(range(len(clips)))
    pairs = region_pairs(batch, most)
    assert pairs.geometry.shape == (len(pairs.source), GEOMETRY)
    assert pairs.ptr.tolist()[-1] == len(pairs.source) > 0
    begin, rows = 0, 0
    for one in clips:
        frame, box = one["region"].frame, one["region"].box
        expected = set()
        for number in range(one["frame"].num_nodes):
            own = (frame == number).nonzero().squeeze(1).tolist()
            if scores:
                own.sort(key=lambda row: -float(one["region"].score[row]))
            expected |= {(i, j) for i in own[:most] for j in own[:most]}
        alone = region_pairs(one, most)
        assert set(zip(alone.source.tolist(), alone.target.tolist(), strict=True)) == expected
        assert alone.ptr.tolist() == [0, len(expected)]
        part = slice(rows, rows + len(expected))
        assert torch.equal(pairs.source[part] - begin, alone.source)
        torch.testing.assert_close(pairs.geometry[part], alone.geometry)
        torch.testing.assert_close(pairs.time[part], alone.time)
        last = max(1, one["frame"].num_nodes - 1)
        torch.testing.assert_close(alone.time[:, 0], frame[alone.target] / last)
        torch.testing.assert_close(alone.time[:, 2], torch.cos(math.pi * frame[alone.target] / last))
        begin, rows = begin + len(box), rows + len(expected)
