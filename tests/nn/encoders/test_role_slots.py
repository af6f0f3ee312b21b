"""Slots against loops over captions, nodes and words."""

from __future__ import annotations

import torch

from graphvtr.graphs import ROLES, GraphStore, RoleGraph
from graphvtr.nn.encoders.role_slots import OF_ROLE, SLOTS, action_slots, node_words, role_slots

GRAPHS = [
    RoleGraph.build(
        "a dog chases a cat in the yard".split(),
        [[2]],
        [("ARG0", [0, 1]), ("ARG1", [3, 4]), ("ARGM-LOC", [5, 6, 7])],
        [(0, 0), (1, 0), (2, 0)],
    ),
    RoleGraph.build(["dogs"], [], [("NOUN", [0])], []),
    RoleGraph.build(
        "cats and dogs run and sleep".split(),
        [[3], [5]],
        [("ARG0", [0]), ("ARG0", [2])],
        [(0, 0), (1, 0), (0, 1), (1, 1)],
    ),
]


def read_all() -> tuple[RoleGraph, torch.Tensor, torch.Tensor, torch.Tensor]:
    """All captions in one batch, their words, actions and entities."""
    torch.manual_seed(0)
    graph = GraphStore.from_graphs(GRAPHS).batch([0, 1, 2])
    words = torch.randn(int(graph["word"].num_nodes), 3, dtype=torch.float64)
    return graph, words, node_words(graph, words, "action"), node_words(graph, words, "entity")


def test_slots_are_the_means_of_the_nodes_in_each_role() -> None:
    graph, words, actions, entities = read_all()
    found = role_slots(graph, actions, entities).view(3, len(SLOTS), 3)
    begin = 0
    for caption, one in enumerate(GRAPHS):
        own = words[begin : begin + len(one.words)]
        begin += len(one.words)
        slots: list[list[torch.Tensor]] = [[] for _ in SLOTS]
        for level in ("action", "entity"):
            word, node = one["word", "in", level].edge_index
            for number in range(int(one[level].num_nodes)):
                slot = 0 if level == "action" else 1 + OF_ROLE.get(ROLES[int(one["entity"].role[number])], 3)
                slots[slot].append(own[word[node == number]].mean(0))
        expected = torch.stack([torch.stack(slot).mean(0) if slot else torch.zeros_like(own[0]) for slot in slots])
        torch.testing.assert_close(found[caption], expected)


def test_slots_of_an_action_are_those_of_its_own_entities() -> None:
    graph, _, actions, entities = read_all()
    found = action_slots(graph, actions, entities).view(3, len(SLOTS), 3)
    torch.testing.assert_close(found[:, 0], actions)
    torch.testing.assert_close(found[0, 1:4], entities[:3])  # a dog, a cat, in the yard; of the first caption
    both = entities[-2:].mean(0)  # cats and dogs run, and sleep
    torch.testing.assert_close(found[1:, 1], torch.stack([both, both]))
    assert not found[:, 4].any()
    assert not found[1:, 2:].any()


def test_exchanged_roles_show() -> None:
    def read(agent: int, patient: int) -> torch.Tensor:
        graph = RoleGraph.build(
            ["dogs", "chase", "cats"], [[1]], [("ARG0", [agent]), ("ARG1", [patient])], [(0, 0), (1, 0)]
        )
        words = torch.eye(3)
        return role_slots(graph, node_words(graph, words, "action"), node_words(graph, words, "entity"))

    assert not torch.equal(read(0, 2), read(2, 0))
    assert torch.equal(read(0, 2).view(5, 3).sum(0), read(2, 0).view(5, 3).sum(0))
