"""What reaches the end of a stack of attention blocks, and from where (Abnar and Zuidema, 2020)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from graphvtr.nn.conv.spatio_temporal import Attention
from graphvtr.ops import edges_to_csr, segment_reduce


def region_shares(spatial: Sequence[Attention], region_ptr: Tensor) -> Tensor:
    """How much of the mean of a frame's regions comes from each of them, [R]; 1 in sum over a frame.

    Every block passes on half of what a region has and half of what it attends to, mean over heads.

    Args:
        spatial: attention of the blocks, the first one first.
        region_ptr: [F + 1], where each frame's regions begin.
    """
    count = region_ptr.diff()
    size = torch.repeat_interleave(count, count)
    share = 1.0 / size.to(spatial[0].weights.dtype if spatial else torch.get_default_dtype())
    for attention in reversed(spatial):
        flow = attention.weights.mean(1) * share.index_select(0, attention.edge_index[1])
        ptr, _, order = edges_to_csr(attention.edge_index.flip(0), len(share))  # edges by their sources
        share = share / 2 + segment_reduce(flow.index_select(0, order), ptr) / 2
    return share


def attention_matrix(blocks: Sequence[Attention], size: int) -> Tensor:
    """How much of node i after all blocks comes from node j before them, [size, size]; rows sum to 1.

    Args:
        blocks: attention of the blocks, the first one first; none gives the identity.
        size: number of nodes.

    Example:
        >>> edges = torch.tensor([[0, 1, 0, 1], [0, 0, 1, 1]])
        >>> attention_matrix([Attention(edges, torch.tensor([[0.0], [1.0], [0.0], [1.0]]))], 2).tolist()
        [[0.5, 0.5], [0.0, 1.0]]
    """
    dtype = blocks[0].weights.dtype if blocks else torch.get_default_dtype()
    identity = torch.eye(size, dtype=dtype)
    out = identity
    for attention in blocks:
        source, target = attention.edge_index.cpu()
        heard = torch.zeros(size, size, dtype=dtype)
        heard[target, source] = attention.weights.detach().mean(1).cpu()
        out = (identity + heard) / 2 @ out
    return out
