"""Bags of pieces against counting."""

from __future__ import annotations

import math

import torch
from torch.nn.functional import normalize

from graphvtr.graphs import GraphStore, RoleGraph
from graphvtr.nn.encoders.piece_bag import SHARE, PieceBag


def captions(ids: list[list[int]]) -> GraphStore[RoleGraph]:
    graphs = []
    for one in ids:
        graph = RoleGraph.build(["a"], [], [], [])
        graph["piece"].id, graph["piece"].num_nodes = torch.tensor(one, dtype=torch.long), len(one)
        graphs.append(graph)
    return GraphStore.from_graphs(graphs)


def test_frequent_pieces_count_once_by_their_rarity() -> None:
    bag = PieceBag(3)
    graph = captions([[7, 2, 2, 9], [40], []]).batch([0, 1, 2])
    assert not bag.bags(graph).any()
    bag.fill(captions([[2, 7, 2], [2, 9], [9, 7], [2, 5]]))
    assert bag.pieces.tolist() == [2, 7, 9]
    rare, common = math.log(4 / 2), math.log(4 / 3)
    expected = normalize(torch.tensor([[common, rare, rare], [0, 0, 0], [0, 0, 0]]), dim=1)
    torch.testing.assert_close(bag.bags(graph), expected)
    sentence = torch.randn(3, 4)
    torch.testing.assert_close(bag(graph, sentence), torch.cat([normalize(sentence, dim=1), SHARE * expected], 1))


def test_fewer_pieces_than_room_and_no_room() -> None:
    bag, none = PieceBag(5), PieceBag(0)
    for one in (bag, none):
        one.fill(captions([[4], [8, 4]]))
    assert bag.pieces.tolist()[:2] == [4, 8]
    graph, sentence = captions([[8], [4]]).batch([0, 1]), torch.randn(2, 3)
    assert bag.bags(graph).tolist() == [[0, 1, 0, 0, 0], [0] * 5]  # 4 is in every caption
    assert torch.equal(none(graph, sentence), sentence)
