"""The reductions as PyG has them, for ``backend("message_passing")``: scatters over an index, PyTorch's autograd."""

from __future__ import annotations

from torch import Tensor

from graphvtr.ops._segments import segment_of


def segment_reduce(x: Tensor, ptr: Tensor, reduce: str) -> Tensor:
    """:func:`torch_geometric.utils.scatter` over the owner of each row."""
    from torch_geometric.utils import scatter  # PyG comes with much that the ops alone do not need

    out: Tensor = scatter(x, segment_of(ptr, x.size(0)), 0, ptr.size(0) - 1, reduce)
    return out


def segment_softmax(score: Tensor, ptr: Tensor) -> Tensor:
    """:func:`torch_geometric.utils.softmax` over the owner of each row."""
    from torch_geometric.utils import softmax

    out: Tensor = softmax(score, segment_of(ptr, score.size(0)), num_nodes=ptr.size(0) - 1)
    return out


def gather_segment_reduce(x: Tensor, index: Tensor, ptr: Tensor, reduce: str, weight: Tensor | None) -> Tensor:
    """Messages ``[E, ...]`` are built, then reduced."""
    rows = x.index_select(0, index)
    if weight is not None:
        rows = rows * (weight.view(-1, *[1] * (x.dim() - 1)) if weight.dim() == 1 else weight)
    return segment_reduce(rows, ptr, reduce)
