"""The random walk as ViSERN uses it, a stack of layers (section 3.3), and in the form of PyG's dense layers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, cast

from torch import Tensor, nn

from graphvtr.errors import DataError
from graphvtr.nn.conv.random_walk_conv import Normalization, RandomWalkGCNConv
from graphvtr.nn.ragged import Layout
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
        graphs = {"batch": batch, "ptr": ptr, "mask": mask, "clip": clip, "temporal_edge_index": temporal_edge_index}
        for layer in self._stack():
            x = layer(x, edge_index, edge_weight, box=box, **graphs)
        return x

    def transition(
        self, x: Tensor, *, ptr: Tensor | None = None, mask: Tensor | None = None, box: Tensor | None = None
    ) -> Tensor:
        """P of the first layer over complete graphs; see :meth:`RandomWalkGCNConv.transition`."""
        return next(self._stack()).transition(x, ptr=ptr, mask=mask, box=box)

    def _stack(self) -> Iterator[RandomWalkGCNConv]:
        return cast("Iterator[RandomWalkGCNConv]", iter(self.layers))


class DenseRandomWalkGCN(RandomWalkGCNConv):
    r""":class:`RandomWalkGCNConv` over complete graphs of equal or padded size, in the form of PyG's dense layers.

    The maths, the options and the weights are the same; a state dict of one loads into the other.

    Shapes:
        - **input:** ``x`` ``[B, n, in_channels]``, ``mask`` ``[B, n]`` of bool, ``box`` ``[B, n, 4]``, ``clip`` ``[B]``
        - **output:** ``[B, n, in_channels]``, 0 where ``mask`` is False

    Raises:
        DataError: shapes that do not go together, or an unknown option.

    Example:
        >>> import torch
        >>> DenseRandomWalkGCN(8)(torch.randn(2, 5, 8)).shape
        torch.Size([2, 5, 8])
    """

    def forward(  # type: ignore[override]
        self, x: Tensor, mask: Tensor | None = None, *, box: Tensor | None = None, clip: Tensor | None = None
    ) -> Tensor:
        """Let every node of every graph walk.

        Args:
            x: [B, n, in_channels].
            mask: [B, n], which places hold a node; None when all do.
            box: [B, n, 4], with ``location``.
            clip: [B], the clip of each graph (frame), in order, with ``temporal``; None when all are of one clip.
        """
        Layout.from_mask(x, mask)  # says what is wrong with an x that is not [B, n, d]
        out: Tensor = super().forward(x, mask=mask, box=box, clip=clip)
        return out

    def transition(self, x: Tensor, mask: Tensor | None = None, *, box: Tensor | None = None) -> Tensor:  # type: ignore[override]
        """P of every graph, [B, n, n], 0 where there is no node."""
        return super().transition(x, mask=mask, box=box)
