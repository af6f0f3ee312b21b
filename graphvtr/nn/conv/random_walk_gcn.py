"""ViSERN's reasoning network: random walk layers over edges, ragged complete graphs, or equal ones."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

from torch import Tensor, nn

from graphvtr.errors import DataError
from graphvtr.nn.conv.random_walk_gcn_conv import RandomWalkGCNConv
from graphvtr.nn.conv.random_walk_gcn_layout import Layout, batch_to_ptr


class RandomWalkGCN(nn.Module):
    r"""Random walk rule-based GCN (ViSERN section 3.3): a stack of :class:`RandomWalkGCNConv`.

    One set of weights, three ways to give a graph:

    - ``gcn(x, edge_index=...)``: any edges, as in PyG
    - ``gcn(x, ptr=...)`` or ``gcn(x, batch=...)``: complete graphs of any sizes, end to end, empty ones included
    - ``gcn(x)`` with x ``[B, n, d]``, and ``mask=`` where some places are empty: complete graphs side by side

    The complete graph includes i = j. All three agree, with their gradients.

    Args:
        in_channels: d, width of the node features and of the output.
        num_layers: number of layers.
        key_channels: width of :math:`\phi` and :math:`\theta`; d when None.
        **kwargs: options of every layer: ``normalization``, ``affinity``, ``num_steps``, ``batch_norm``,
            ``zero_init``, ``location``, ``temporal``, ``eps``; see :class:`RandomWalkGCNConv`.

    Shapes:
        - **input:** ``[N, d]`` or ``[B, n, d]``
        - **output:** as the input

    Raises:
        DataError: no way or more than one to tell the graphs, shapes that do not go together, an unknown option.

    Example:
        >>> import torch
        >>> gcn = RandomWalkGCN(8, num_layers=2)
        >>> regions = torch.randn(6, 8)
        >>> frames = gcn(regions, ptr=torch.tensor([0, 4, 4, 6]))  # three frames of 4, 0 and 2 regions
        >>> torch.allclose(frames[:4], gcn(regions[None, :4])[0], atol=1e-6)
        True
    """

    def __init__(self, in_channels: int, num_layers: int = 1, key_channels: int | None = None, **kwargs: Any) -> None:
        super().__init__()
        if num_layers < 1:
            raise DataError("num_layers", f"is {num_layers}", "give 1 or more, or normalization='none' for no layer")
        self.in_channels, self.num_layers = in_channels, num_layers
        self.layers = nn.ModuleList(RandomWalkGCNConv(in_channels, key_channels, **kwargs) for _ in range(num_layers))

    def reset_parameters(self) -> None:
        """Draw new parameters."""
        for layer in self._stack():
            layer.reset_parameters()

    def forward(
        self,
        x: Tensor,
        edge_index: Tensor | None = None,
        *,
        batch: Tensor | None = None,
        ptr: Tensor | None = None,
        mask: Tensor | None = None,
        box: Tensor | None = None,
        clip: Tensor | None = None,
        temporal_edge_index: Tensor | None = None,
    ) -> Tensor:
        """Reason over the graphs.

        Args:
            x: [N, d], or [B, n, d] without ``edge_index``, ``batch`` and ``ptr``.
            edge_index: [2, E], source and destination of each edge.
            batch: [N], sorted, the graph of each node.
            ptr: [B + 1], where each graph's nodes begin.
            mask: [B, n], which places of x [B, n, d] hold a node; the others come out as 0.
            box: [N, 4] or [B, n, 4], x0 y0 x1 y1 in 0..1, with ``location``.
            clip: [B], the clip of each graph (frame), in order, with ``temporal`` and complete graphs; None when all
                are of one clip.
            temporal_edge_index: [2, E'], with ``temporal`` and ``edge_index``.
        """
        given = [
            name for name, value in (("edge_index", edge_index), ("batch", batch), ("ptr", ptr)) if value is not None
        ]
        if len(given) > 1 or (not given and x.dim() != 3):
            problem = f"come together: {' and '.join(given)}" if given else f"are missing for x {list(x.shape)}"
            raise DataError("the graphs", problem, "give one of edge_index, batch and ptr, or x as [B, n, d]")
        if edge_index is not None:
            if mask is not None or clip is not None:
                raise DataError("mask and clip", "are not used with edge_index", "give temporal_edge_index instead")
            for layer in self._stack():
                x = layer(x, edge_index, box=box, temporal_edge_index=temporal_edge_index)
            return x
        if temporal_edge_index is not None:
            raise DataError("temporal_edge_index", "comes without edge_index", "give the clip of each graph instead")
        if batch is not None:
            ptr = batch_to_ptr(batch, None if clip is None else clip.numel())
        if ptr is not None and mask is not None:
            raise DataError("mask", "comes with batch or ptr", "give it with x as [B, n, d]")
        layout = Layout.from_mask(x, mask) if ptr is None else Layout.from_ptr(x, ptr)
        rows = x.reshape(-1, x.size(-1))
        box = None if box is None else box.reshape(-1, box.size(-1))
        for layer in self._stack():
            rows = layer.complete(rows, layout, box, clip)
        return rows.view(x.shape)

    def transition(
        self, x: Tensor, *, ptr: Tensor | None = None, mask: Tensor | None = None, box: Tensor | None = None
    ) -> Tensor:
        """P of the first layer over complete graphs, [B, n, n], 0 where there is no node.

        Args:
            x: [N, d] with ``ptr``, or [B, n, d].
            ptr: [B + 1], where each graph's nodes begin.
            mask: [B, n].
            box: as in :meth:`forward`.
        """
        layout = Layout.from_mask(x, mask) if ptr is None else Layout.from_ptr(x, ptr)
        box = None if box is None else box.reshape(-1, box.size(-1))
        return next(self._stack()).complete_transition(x.reshape(-1, x.size(-1)), layout, box)

    def _stack(self) -> Iterator[RandomWalkGCNConv]:
        return cast("Iterator[RandomWalkGCNConv]", iter(self.layers))
