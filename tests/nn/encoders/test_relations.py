"""Rows of pairs and of actions: what they read, and that a batch is its items."""

from __future__ import annotations

import torch

from graphvtr.graphs import GraphStore, RoleGraph
from graphvtr.nn.encoders.relations import Relations
from graphvtr.nn.encoders.role_slots import node_words
from graphvtr.nn.levels import Level
from tests.nn.encoders.test_role_slots import GRAPHS
from tests.nn.test_region_pairs import CLIPS, clip


def parts(level: Level, channels: int) -> torch.Tensor:
    return level.x.view(len(level.x), 4, channels)


def make() -> Relations:
    torch.manual_seed(0)
    return Relations(4, 6, 5, most=4, dropout=0.2).eval()


def read(relations: Relations, graph: RoleGraph, words: torch.Tensor) -> Level:
    return relations.text(graph, *(node_words(graph, words, level) for level in ("action", "entity")))


def test_a_batch_is_its_items_and_every_part_has_length_1() -> None:
    relations = make()
    clips = [clip(seed, regions) for seed, regions in enumerate(CLIPS)]
    batch = GraphStore.from_graphs(clips).batch(range(len(clips)))
    found = relations.video(batch, batch["region"].x)
    alone = [relations.video(one, one["region"].x) for one in clips]
    torch.testing.assert_close(found.x, torch.cat([one.x for one in alone]))
    assert found.ptr.diff().tolist() == [len(one.x) for one in alone]
    captions = GraphStore.from_graphs(GRAPHS).batch(range(3))
    words = torch.randn(int(captions["word"].num_nodes), 6)
    text = read(relations, captions, words)
    each = [read(relations, one, part) for one, part in zip(GRAPHS, words.split([8, 1, 6]), strict=True)]
    torch.testing.assert_close(text.x, torch.cat([one.x for one in each]))
    assert text.ptr.tolist() == [0, 1, 1, 3]
    for level in (found, text):
        torch.testing.assert_close(parts(level, 5).norm(dim=2), torch.ones(len(level.x), 4))


def test_exchanged_roles_and_another_order_show() -> None:
    relations, words = make(), torch.randn(5, 6)

    def caption(agent: int, patient: int) -> torch.Tensor:
        roles = [("ARG0", [agent]), ("ARG1", [patient])]
        graph = RoleGraph.build("dogs chase cats then run".split(), [[1], [4]], roles, [(0, 0), (1, 0)])
        return parts(read(relations, graph, words), 5)

    one, other = caption(0, 2), caption(2, 0)
    differ = (one - other).abs().sum(2) > 1e-4
    assert differ[0].tolist() == [True, True, False, True]  # who, to whom, not when, and what happens
    assert not differ[1].any()
    assert (one[0, 2] - one[1, 2]).abs().sum() > 1e-4  # the first action and the second


def test_everything_learns() -> None:
    relations = make().train()
    graph, captions = clip(0, CLIPS[0]), GRAPHS[2]
    rows = [relations.video(graph, graph["region"].x).x, read(relations, captions, torch.randn(6, 6)).x]
    sum((row * torch.randn_like(row)).sum() for row in rows).backward()
    assert not [name for name, one in relations.named_parameters() if one.grad is None or not one.grad.isfinite().all()]
