"""Attention rollout against products of matrices."""

from __future__ import annotations

import torch
from torch import Tensor

from graphvtr.nn.attention_rollout import attention_matrix, region_shares
from graphvtr.nn.conv.complete_graph_attention import complete_edge_index
from graphvtr.nn.conv.spatio_temporal import Attention

PTR = torch.tensor([0, 3, 3, 4, 6])


def block(ptr: Tensor = PTR) -> Attention:
    """Random attention of two heads on complete graphs."""
    edge_index = complete_edge_index(ptr)
    weights = torch.rand(edge_index.size(1), 2, dtype=torch.double)
    total = torch.zeros(int(ptr[-1]), 2, dtype=torch.double).index_add(0, edge_index[1], weights)
    return Attention(edge_index, weights / total[edge_index[1]])


def dense(attention: Attention, size: int) -> Tensor:
    out = torch.zeros(size, size, dtype=torch.double)
    for edge, (source, target) in enumerate(attention.edge_index.T.tolist()):
        out[target, source] = attention.weights[edge].mean()
    return (out + torch.eye(size)) / 2


def test_matrix_of_several_blocks() -> None:
    first, second = block(), block()
    matrix = attention_matrix([first, second], 6)
    torch.testing.assert_close(matrix, dense(second, 6) @ dense(first, 6))
    torch.testing.assert_close(matrix.sum(1), torch.ones(6, dtype=torch.double))
    assert torch.equal(attention_matrix([], 3), torch.eye(3))


def test_shares_are_the_mean_of_the_frames_rows() -> None:
    blocks = [block(), block()]
    matrix, shares = attention_matrix(blocks, 6), region_shares(blocks, PTR)
    for begin, end in ((0, 3), (3, 4), (4, 6)):
        torch.testing.assert_close(shares[begin:end], matrix[begin:end, begin:end].mean(0))
    torch.testing.assert_close(region_shares([], PTR), torch.tensor([1 / 3] * 3 + [1, 1 / 2, 1 / 2]))
