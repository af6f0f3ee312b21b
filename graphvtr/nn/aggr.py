"""The library's poolings as :class:`torch_geometric.nn.aggr.Aggregation`, for PyG's layers: ``SAGEConv(aggr=...)``."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch_geometric.nn.aggr import Aggregation

from graphvtr.nn.pool.attention_pool import AttentionPool
from graphvtr.nn.pool.soft_attention import SoftAttentionPool
from graphvtr.ops import segment_reduce
from graphvtr.ops.segment_reduce import Reduce, check_reduce


class _SegmentAggregation(Aggregation):  # type: ignore[misc]
    """Messages in the order of where they go, then one of our ops; a subclass writes :meth:`pool`."""

    any_shape = False
    """Whether rows may have more dimensions than one: messages of several heads."""

    def pool(self, x: Tensor, ptr: Tensor) -> Tensor:
        """[E, D] to [N, D]."""
        raise NotImplementedError

    def forward(
        self,
        x: Tensor,
        index: Tensor | None = None,
        ptr: Tensor | None = None,
        dim_size: int | None = None,
        dim: int = -2,
        **kwargs: Any,
    ) -> Tensor:
        """Aggregate; see :class:`torch_geometric.nn.aggr.Aggregation`."""
        if not self.any_shape:
            self.assert_two_dimensional_input(x, dim)
        x = x.movedim(dim, 0)
        if ptr is None:
            if index is None:
                index = torch.zeros(x.size(0), dtype=torch.long, device=x.device)
            if dim_size is None:
                dim_size = int(index.max()) + 1 if index.numel() else 0
            index, order = torch.sort(index, stable=True)
            x = x.index_select(0, order)
            ptr = torch.searchsorted(index, torch.arange(dim_size + 1, device=index.device))
        return self.pool(x, ptr).movedim(0, dim)


class SegmentAggregation(_SegmentAggregation):
    """:func:`graphvtr.ops.segment_reduce`; ``"max"`` is the span pooling of HGR (a node from its words). Along any
    dimension of messages of any shape, those of several heads too.

    Args:
        reduce: ``"sum"``, ``"mean"``, ``"max"`` or ``"min"``.

    Example:
        >>> SegmentAggregation("max")(torch.tensor([[1.0], [3.0], [2.0]]), torch.tensor([1, 0, 1])).tolist()
        [[3.0], [2.0]]
    """

    any_shape = True

    def __init__(self, reduce: Reduce = "sum") -> None:
        super().__init__()
        check_reduce(reduce)
        self.reduce: Reduce = reduce

    def pool(self, x: Tensor, ptr: Tensor) -> Tensor:
        """[E, D] to [N, D]."""
        return segment_reduce(x, ptr, self.reduce)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.reduce})"


class SoftAttentionAggregation(_SegmentAggregation):
    """:class:`graphvtr.nn.SoftAttentionPool`: one learned weight a message (HGR, Eq 4-5).

    Args:
        channels: D, width of the messages.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.attention = SoftAttentionPool(channels)

    def reset_parameters(self) -> None:
        """Draw new parameters."""
        self.attention.reset_parameters()

    def pool(self, x: Tensor, ptr: Tensor) -> Tensor:
        """[E, D] to [N, D]."""
        return self.attention(x, ptr)


class ChannelAttentionAggregation(_SegmentAggregation):
    """:class:`graphvtr.nn.AttentionPool`: a learned weight for every channel (COOT, VSR-Net).

    Args:
        channels: D, width of the messages.
        heads: see :class:`graphvtr.nn.AttentionPool`.
        attention_channels: see there.
    """

    def __init__(self, channels: int, heads: int = 2, attention_channels: int | None = None) -> None:
        super().__init__()
        self.attention = AttentionPool(channels, heads, attention_channels)

    def reset_parameters(self) -> None:
        """Draw new parameters."""
        self.attention.reset_parameters()

    def pool(self, x: Tensor, ptr: Tensor) -> Tensor:
        """[E, D] to [N, D]."""
        return self.attention(x, ptr)
