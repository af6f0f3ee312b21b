"""graphvtr.graphs.truncate against a plain walk over words and nodes."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch

from graphvtr.errors import DataError
from graphvtr.graphs import GraphStore, RoleGraph, VideoGraph
from graphvtr.graphs.reasoning import attach_reasoning
from graphvtr.graphs.truncate import sample_frames, top_regions, truncate


def random_graph(generator: random.Random) -> RoleGraph:
    words = generator.randint(1, 40)
    spans = [sorted(generator.sample(range(words), generator.randint(1, min(words, 4)))) for _ in range(16)]
    actions, entities = spans[: generator.randint(0, 6)], spans[6 : 6 + generator.randint(0, 10)]
    fills = {(generator.randrange(10), generator.randrange(6)) for _ in range(12)}
    graph = RoleGraph.build(
        [f"w{index}" for index in range(words)],
        actions,
        [(generator.randrange(1, 16), span) for span in entities],
        [(e, a) for e, a in sorted(fills) if e < len(entities) and a < len(actions)],
    )
    graph["word"].id = torch.randint(3, 100, (words,))
    return graph


def plain_truncate(graph: RoleGraph, max_words: int, max_actions: int, max_entities: int) -> RoleGraph:
    """The rule as the specification words it, node by node."""
    kept: dict[str, list[int]] = {"action": [], "entity": []}
    spans: dict[str, list[list[int]]] = {"action": [], "entity": []}
    for level, count, limit in (
        ("action", graph.num_actions, max_actions),
        ("entity", graph.num_entities, max_entities),
    ):
        for node in range(count):
            span = graph.span(level, node)
            if span[0] < max_words and len(kept[level]) < limit:
                kept[level].append(node)
                spans[level].append([word for word in span if word < max_words])
    fills = graph["entity", "fills", "action"]
    edges = [
        (kept["entity"].index(entity), kept["action"].index(action), role)
        for (entity, action), role in zip(fills.edge_index.t().tolist(), fills.role.tolist(), strict=True)
        if entity in kept["entity"] and action in kept["action"]
    ]
    roles = graph["entity"].role[kept["entity"]].tolist()
    out = RoleGraph.build(
        graph.words[:max_words], spans["action"], list(zip(roles, spans["entity"], strict=True)), edges
    )
    out["word"].id = graph["word"].id[:max_words]
    return out


def assert_same(mine: RoleGraph, other: RoleGraph) -> None:
    assert mine.words == other.words
    assert torch.equal(mine["word"].id, other["word"].id)
    assert torch.equal(mine["entity"].role, other["entity"].role)
    for node_type in other.node_types:
        assert mine[node_type].num_nodes == other[node_type].num_nodes
    for edge_type in other.edge_types:
        assert torch.equal(mine[edge_type].edge_index, other[edge_type].edge_index), edge_type
    assert torch.equal(mine["entity", "fills", "action"].role, other["entity", "fills", "action"].role)


@pytest.mark.parametrize("limits", [(30, 4, 6), (3, 1, 2), (1, 0, 0), (100, 2, 3)])
def test_truncate_follows_the_rule(limits: tuple[int, int, int]) -> None:
    generator = random.Random(3)
    for _ in range(40):
        graph = random_graph(generator)
        short = truncate(graph, *limits)
        assert_same(short, plain_truncate(graph, *limits))
        assert short.validate()


def test_a_dropped_node_makes_room_for_the_next() -> None:
    """Nodes beyond the last word are gone before the first four are counted."""
    graph = RoleGraph.build(list("abcde"), [[4], [1], [0, 4], [2]], [], [])
    short = truncate(graph, max_words=3, max_actions=2)
    assert [short.span("action", node) for node in range(2)] == [[1], [0]]
    assert short.num_actions == 2
    assert graph.num_actions == 4


def test_nothing_to_cut_returns_the_graph_itself() -> None:
    graph = random_graph(random.Random(0))
    assert truncate(graph) is graph
    assert truncate(graph, 40, 6, 10) is graph


def test_truncating_a_batch_truncates_every_graph() -> None:
    generator = random.Random(5)
    graphs = [random_graph(generator) for _ in range(12)]
    batch = truncate(GraphStore.from_graphs(graphs).batch(range(12), strings=True), 9, 2, 3)
    expected = GraphStore.from_graphs([truncate(graph, 9, 2, 3) for graph in graphs]).batch(range(12), strings=True)
    assert batch.num_graphs == 12
    for key in (*expected.node_types, *expected.edge_types):
        assert set(batch[key].keys()) == set(expected[key].keys())
        for name, value in expected[key].items():
            assert (
                torch.equal(batch[key][name], value) if isinstance(value, torch.Tensor) else batch[key][name] == value
            )
    assert batch.validate()


def test_the_attached_reasoning_graph_does_not_survive_the_cut() -> None:
    graph = attach_reasoning(RoleGraph.build(list("abc"), [[0], [1]], [], []))
    assert "reasoning" not in truncate(graph, max_actions=1)._global_store


@pytest.mark.parametrize(("name", "value"), [("max_words", 0), ("max_actions", -1), ("max_entities", -2)])
def test_bad_limits(name: str, value: int) -> None:
    with pytest.raises(DataError, match=f"{name}: is {value}"):
        truncate(RoleGraph.build(["a"], [], [], []), **{name: value})


def clip(frames: int, regions: int = 0) -> VideoGraph:
    owner = torch.randint(frames, (regions,)).sort().values
    return VideoGraph.build(
        torch.randn(frames, 3), region_x=torch.randn(regions, 2), region_frame=owner, name=f"clip{frames}"
    )


@pytest.mark.parametrize("number", [1, 2, 7, 20])
def test_sampled_frames_are_a_rounded_linspace(number: int) -> None:
    for frames in [*range(1, 60), 999, 1000]:
        graph = clip(frames)
        index = np.arange(frames)
        if frames > number:
            index = np.round(np.linspace(0, frames - 1, number)).astype(int)
        sampled = sample_frames(graph, number)
        assert torch.equal(sampled["frame"].x, graph["frame"].x[index])
        assert torch.equal(sampled["frame"].time, graph["frame"].time[index])
        assert (sampled is graph) == (frames <= number)


def test_regions_follow_their_frames() -> None:
    graph = clip(50, 300)
    sampled = sample_frames(graph, 8)
    index = np.round(np.linspace(0, 49, 8)).astype(int).tolist()
    kept = [region for region, frame in enumerate(graph["region"].frame.tolist()) if frame in index]
    assert torch.equal(sampled["region"].x, graph["region"].x[kept])
    assert sampled["region"].frame.tolist() == [index.index(int(graph["region"].frame[region])) for region in kept]
    assert sampled.validate()
    assert sampled.name == "clip50"


def test_edges_follow_their_frames() -> None:
    graph = clip(5)
    graph["frame", "next", "frame"].edge_index = torch.tensor([[0, 1, 2, 3], [1, 2, 3, 4]])
    graph["frame", "far", "frame"].edge_index = torch.tensor([[0, 2, 1], [2, 4, 3]])
    sampled = sample_frames(graph, 3)  # frames 0, 2, 4
    assert sampled["frame", "next", "frame"].edge_index.shape == (2, 0)
    assert sampled["frame", "far", "frame"].edge_index.tolist() == [[0, 1], [1, 2]]


def test_sampling_a_batch_samples_every_clip() -> None:
    clips = [clip(frames, regions) for frames, regions in ((3, 5), (40, 90), (7, 0), (8, 20), (100, 1))]
    batch = sample_frames(GraphStore.from_graphs(clips).batch(range(5)), 7)
    expected = GraphStore.from_graphs([sample_frames(graph, 7) for graph in clips]).batch(range(5))
    for key in expected.node_types:
        for name, value in expected[key].items():
            assert torch.equal(torch.as_tensor(batch[key][name]), torch.as_tensor(value)), (key, name)


def test_no_frames_asked_for() -> None:
    with pytest.raises(DataError, match="num_frames: is 0"):
        sample_frames(clip(3), 0)


def test_top_regions_against_a_loop() -> None:
    """A frame without regions, one with few, equal scores (the first counts), one clip and a packed batch alike."""
    generator = torch.Generator().manual_seed(3)
    clips = []
    for counts in ([3, 0, 7], [1], [5, 5]):
        frame = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
        score = (torch.rand(len(frame), generator=generator) * 4).round() / 4  # ties
        clips.append(
            VideoGraph.build(
                torch.zeros(len(counts), 1),
                region_x=torch.randn(len(frame), 2, generator=generator),
                region_frame=frame,
                region_score=score,
            )
        )
    kept = []
    for clip in clips:
        region, rows = clip["region"], []
        for frame in range(clip.num_frames):
            inside = [row for row in range(len(region.frame)) if region.frame[row] == frame]
            rows += sorted(sorted(inside, key=lambda row: (-float(region.score[row]), row))[:2])
        kept.append(region.x[rows])
        found = top_regions(clip, 2)
        assert torch.equal(found["region"].x, kept[-1])
        assert torch.equal(found["region"].frame, region.frame[rows])
        found.validate()
    packed = top_regions(GraphStore.from_graphs(clips).batch([0, 1, 2]), 2)
    assert torch.equal(packed["region"].x, torch.cat(kept))
    assert packed["region"].ptr.tolist() == [0, *torch.tensor([len(x) for x in kept]).cumsum(0).tolist()]
    assert top_regions(clips[1], 2) is clips[1]
    bare = VideoGraph.build(torch.zeros(2, 1))
    assert top_regions(bare, 1) is bare
    with pytest.raises(DataError, match="num_regions: is 0"):
        top_regions(clips[0], 0)
