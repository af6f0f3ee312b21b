"""ViSERN's reasoning: a stack of random walks (section 3.3)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, cast

from torch import Tensor, nn

from graphvtr.errors import DataError
from graphvtr.nn.conv.complete_walk import Normalization, complete_graphs
from graphvtr.nn.conv.random_walk_conv import RandomWalkGCNConv
from graphvtr.ops.transition import DEGREE_EPS, Affinity


class RandomWalkGCN(nn.Module):
    r"""Random walk rule-based GCN (ViSERN section 3.3): a stack of :class:`RandomWalkGCNConv`.

    One set of weights, three ways to give a graph:

    - ``gcn(x, edge_index)``: any edges, as in PyG
    - ``gcn(x, ptr=...)`` or ``gcn(x, batch=...)``: complete graphs of any sizes, end to end, empty ones included
    - ``gcn(x)`` with x ``[B, n, d]``, and ``mask=`` where some places are empty: complete graphs side by side

    The complete graph includes i = j. All three agree, with their gradients.

    Args:
        in_channels: d, width of the node features and of the output.
        num_layers: number of layers.
        key_channels, normalization, affinity, num_steps, batch_norm, zero_init, location, temporal, eps, flow: of
            every layer, see :class:`RandomWalkGCNConv`.

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

    def __init__(
        self,
        in_channels: int,
        num_layers: int = 1,
        key_channels: int | None = None,
        *,
        normalization: Normalization = "random_walk",
        affinity: Affinity = "softplus",
        num_steps: int = 1,
        batch_norm: bool = False,
        zero_init: bool = False,
        location: bool = False,
        temporal: bool = False,
        eps: float = DEGREE_EPS,
        flow: Literal["source_to_target", "target_to_source"] = "source_to_target",
    ) -> None:
        super().__init__()
        if num_layers < 1:
            raise DataError("num_layers", f"is {num_layers}", "give 1 or more, or normalization='none' for no layer")
        self.in_channels, self.num_layers = in_channels, num_layers
        self.layers = nn.ModuleList(
            RandomWalkGCNConv(
                in_channels,
                key_channels,
                normalization=normalization,
                affinity=affinity,
                num_steps=num_steps,
                batch_norm=batch_norm,
                zero_init=zero_init,
                location=location,
                temporal=temporal,
                eps=eps,
                flow=flow,
            )
            for _ in range(num_layers)
        )

    def reset_parameters(self) -> None:
        """Draw new parameters."""
        for layer in self._stack():
            layer.reset_parameters()

    def forward(
        self,
        x: Tensor,
        edge_index: Any = None,
        edge_weight: Tensor | None = None,
        *,
        batch: Tensor | None = None,
        ptr: Tensor | None = None,
        mask: Tensor | None = None,
        box: Tensor | None = None,
        clip: Tensor | None = None,
        temporal_edge_index: Tensor | None = None,
    ) -> Tensor:
        """Reason over the graphs; the arguments are those of :meth:`RandomWalkGCNConv.forward`."""
        if edge_index is not None:
            graphs = {"batch": batch, "ptr": ptr, "mask": mask, "clip": clip}
            for layer in self._stack():
                x = layer(x, edge_index, edge_weight, box=box, temporal_edge_index=temporal_edge_index, **graphs)
            return x
        x, layout, box = complete_graphs(x, batch, ptr, mask, box, clip, temporal_edge_index)
        rows = x.reshape(-1, x.size(-1))
        for layer in self._stack():
            rows = layer.complete(rows, layout, box, clip)
        return rows.view(x.shape)

    def transition(
        self, x: Tensor, *, ptr: Tensor | None = None, mask: Tensor | None = None, box: Tensor | None = None
    ) -> Tensor:
        """P of the first layer over complete graphs; see :meth:`RandomWalkGCNConv.transition`."""
        return next(self._stack()).transition(x, ptr=ptr, mask=mask, box=box)

    def _stack(self) -> Iterator[RandomWalkGCNConv]:
        return cast("Iterator[RandomWalkGCNConv]", iter(self.layers))
