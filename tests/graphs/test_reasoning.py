"""graphvtr.graphs.reasoning against a plain Python list of edges."""

from __future__ import annotations

import random

import pytest
import torch

from graphvtr.errors import DataError
from graphvtr.graphs import VERB_ROLE, GraphStore, RoleGraph, role_id
from graphvtr.graphs.reasoning import EVENT_ROLE, ReasoningGraph, attach_reasoning, reasoning_graph

TWO_ACTIONS = RoleGraph.build(
    ["a", "man", "breaks", "an", "egg", "and", "boils", "it"],
    actions=[[2], [6]],
    entities=[("ARG0", [0, 1]), ("ARG1", [3, 4]), ("ARG1", [7])],
    fills=[(0, 0), (1, 0), (0, 1), (2, 1)],
)
NO_ACTION = RoleGraph.build(["a", "red", "car"], [], [("NOUN", [0, 1, 2])], [])
ONE_WORD = RoleGraph.build(["run"], [[0]], [], [])
BARE = RoleGraph.build(["hello"], [], [], [])
GRAPHS = [TWO_ACTIONS, NO_ACTION, ONE_WORD, BARE, TWO_ACTIONS]


def plain_edges(graphs: list[RoleGraph], event_edges: str) -> set[tuple[int, int, int]]:
    """(source, destination, role) by walking over every graph."""
    actions = sum(graph.num_actions for graph in graphs)
    first_action, first_entity = len(graphs), len(graphs) + actions
    edges = set()
    for event, graph in enumerate(graphs):
        for action in range(graph.num_actions):
            edges.add((event, first_action + action, EVENT_ROLE))
            if event_edges == "both":
                edges.add((first_action + action, event, VERB_ROLE))
        fills = graph["entity", "fills", "action"]
        for (entity, action), role in zip(fills.edge_index.t().tolist(), fills.role.tolist(), strict=True):
            edges.add((first_entity + entity, first_action + action, role))
            edges.add((first_action + action, first_entity + entity, VERB_ROLE))
        first_action, first_entity = first_action + graph.num_actions, first_entity + graph.num_entities
    return edges


@pytest.mark.parametrize("event_edges", ["both", "to_action"])
@pytest.mark.parametrize("graphs", [GRAPHS, [TWO_ACTIONS], [NO_ACTION], [BARE], [BARE, NO_ACTION]])
def test_same_edges_as_a_walk_over_the_graphs(graphs: list[RoleGraph], event_edges: str) -> None:
    batch = GraphStore.from_graphs(graphs).batch(range(len(graphs)))
    found = reasoning_graph(batch, event_edges)  # type: ignore[arg-type]
    source, target = found.edge_index
    edges = list(zip(source.tolist(), target.tolist(), found.edge_role.tolist(), strict=True))
    assert set(edges) == plain_edges(graphs, event_edges)
    assert len(set(edges)) == len(edges)
    assert target.tolist() == sorted(target.tolist())
    for node, (begin, end) in enumerate(zip(found.ptr[:-1].tolist(), found.ptr[1:].tolist(), strict=True)):
        assert target[begin:end].tolist() == [node] * (end - begin)
        assert source[begin:end].tolist() == sorted(source[begin:end].tolist())
    assert found.ptr[-1] == len(edges)
    assert found.num_nodes == len(found.ptr) - 1


def test_node_roles() -> None:
    batch = GraphStore.from_graphs(GRAPHS).batch([0, 1])
    expected = [EVENT_ROLE, EVENT_ROLE, VERB_ROLE, VERB_ROLE]
    expected += [role_id("ARG0"), role_id("ARG1"), role_id("ARG1"), role_id("NOUN")]
    assert reasoning_graph(batch).node_role.tolist() == expected


def test_a_single_graph_is_a_batch_of_one() -> None:
    single, batch = reasoning_graph(TWO_ACTIONS), reasoning_graph(GraphStore.from_graphs(GRAPHS).batch([4]))
    for mine, other in zip(single[:4], batch[:4], strict=True):
        assert torch.equal(mine, other)


def test_repeated_edges_are_kept_once_with_the_first_role() -> None:
    graph = RoleGraph.build(["a", "b"], [[0]], [("ARG0", [1])], [(0, 0)])
    fills, of = graph["entity", "fills", "action"], graph["action", "of", "entity"]
    fills.edge_index, fills.role = fills.edge_index.repeat(1, 3), torch.tensor([role_id("ARG2"), 1, 3])
    of.edge_index = of.edge_index.repeat(1, 2)
    found = reasoning_graph(graph, "to_action")
    assert found.edge_index.tolist() == [[0, 2, 1], [1, 1, 2]]
    assert found.edge_role.tolist() == [EVENT_ROLE, role_id("ARG2"), VERB_ROLE]


def test_the_order_of_stored_edges_does_not_matter() -> None:
    shuffled = RoleGraph.build(
        TWO_ACTIONS.words,
        [[2], [6]],
        [("ARG0", [0, 1]), ("ARG1", [3, 4]), ("ARG1", [7])],
        random.Random(1).sample([(0, 0), (1, 0), (0, 1), (2, 1)], 4),
    )
    for mine, other in zip(reasoning_graph(shuffled)[:4], reasoning_graph(TWO_ACTIONS)[:4], strict=True):
        assert torch.equal(mine, other)


def test_attached_graph_is_reused_only_for_its_own_kind_of_edges() -> None:
    batch = attach_reasoning(GraphStore.from_graphs(GRAPHS).batch(range(5)), "to_action")
    assert reasoning_graph(batch, "to_action").edge_index is batch.reasoning.edge_index
    assert reasoning_graph(batch, "both").edge_index.size(1) > batch.reasoning.edge_index.size(1)
    moved = batch.to("meta")
    assert isinstance(moved.reasoning, ReasoningGraph)
    assert all(part.device.type == "meta" for part in moved.reasoning[:4])
    assert moved.reasoning.event_edges == "to_action"


def test_unknown_event_edges() -> None:
    with pytest.raises(DataError, match="event_edges: is 'all' \\(use one of both, to_action, none\\)"):
        reasoning_graph(BARE, "all")  # type: ignore[arg-type]


def test_without_event_edges_the_event_stands_alone() -> None:
    batch = GraphStore.from_graphs(GRAPHS).batch(range(len(GRAPHS)))
    events = int(batch["event"].num_nodes)
    alone, joined = reasoning_graph(batch, "none"), reasoning_graph(batch, "both")
    assert (alone.edge_index >= events).all()
    among_the_rest = (joined.edge_index >= events).all(0)
    assert alone.edge_index.tolist() == joined.edge_index[:, among_the_rest].tolist()
    assert alone.node_role.tolist() == joined.node_role.tolist()
