"""RoleGraphEncoder: what the nodes are before they reason. The reasoning itself: tests/nn/models/test_hgr.py."""

from __future__ import annotations

import pytest
import torch

from graphvtr.graphs import GraphStore, RoleGraph
from graphvtr.nn import RoleGraphEncoder


@pytest.fixture
def captions() -> RoleGraph:
    two = RoleGraph.build(["a", "b", "c", "d"], [[1], [0, 3]], [("ARG0", [2]), ("ARG1", [0, 1, 2])], [(0, 1), (1, 0)])
    bare = RoleGraph.build(["e"], [], [], [])
    two["word"].id, bare["word"].id = torch.tensor([3, 4, 5, 6]), torch.tensor([7])
    return GraphStore.from_graphs([bare, two, bare]).batch([0, 1, 2])


@pytest.mark.parametrize("event_role", [True, False])
def test_nodes_are_pooled_words_times_roles(captions: RoleGraph, event_role: bool) -> None:
    encoder = RoleGraphEncoder(10, 4, 6, event_role=event_role).double()
    words = encoder.words(captions["word"].id, captions["word"].ptr)
    event = encoder.pool(words, captions["word"].ptr)
    assert encoder.roles is not None
    roles = encoder.roles.weight
    assert len(roles) == 16 + event_role
    expected = torch.stack(
        [
            *(event * roles[16] if event_role else event),
            words[2] * roles[0],
            torch.maximum(words[1], words[4]) * roles[0],
            words[3] * roles[2],
            words[1:4].amax(0) * roles[1],
        ]
    )
    nodes, _ = encoder._nodes(captions)
    torch.testing.assert_close(nodes, expected)


def test_levels_follow_the_captions(captions: RoleGraph) -> None:
    levels = RoleGraphEncoder(10, 4, 6)(captions)
    assert levels.num_items == 3
    assert not levels["event"].is_set
    for level in ("action", "entity"):
        assert levels[level].ptr is not None
        assert levels[level].ptr.tolist() == [0, 0, 2, 2]
        assert levels[level].x.shape == (2, 6)


def test_without_roles_there_is_no_table(captions: RoleGraph) -> None:
    encoder = RoleGraphEncoder(10, 4, 6, role_aware=False)
    assert not any(name.startswith("roles") for name, _ in encoder.named_parameters())
    assert encoder(captions)["event"].x.shape == (3, 6)
