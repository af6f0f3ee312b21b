"""ViSERN's random walk layer over any edges."""

from __future__ import annotations

from typing import Any, Literal, overload

import torch
from torch import Tensor
from torch_geometric.nn.conv import MessagePassing

from graphvtr.errors import DataError
from graphvtr.nn.conv.random_walk_gcn_layer import RandomWalkLayer
from graphvtr.nn.conv.random_walk_gcn_walk import edge_transition, sort_by
from graphvtr.ops import gather_segment_reduce

HOOKS = ("propagate", "message", "aggregate")


class RandomWalkGCNConv(RandomWalkLayer, MessagePassing):  # type: ignore[misc]
    r"""The reasoning layer of `"Exploiting Visual Semantic Reasoning for Video-Text Retrieval"
    <https://arxiv.org/abs/2006.08889>`_ (ViSERN), Eq 1, 7 and 12.

    .. math::
        R_{ij} &= \phi(v_i)^\top \theta(v_j) + \theta(v_i)^\top \phi(v_j) \\
        Z &= (P^k V W_g) W_r + V, \qquad P = D^{-1} R, \quad D_{ii} = \sum_{j \in \mathcal N(i)} R_{ij}

    :math:`\phi, \theta` are linear with bias. The paper's graph is complete, i = j included; for that one,
    :class:`DenseRandomWalkGCN` and :class:`RandomWalkGCN` do the same without edges. A node without incoming edges
    walks nowhere, its context is 0.

    The paper bounds the eigenvalues of :math:`I - P` by 0 and 2. This holds for non-negative scores only, while R of
    Eq 1 has any sign, and a row sum near 0 explodes. ``affinity`` makes R positive; ``"dot"`` is Eq 1 as printed.

    Args:
        in_channels: d, width of the node features and of the output.
        key_channels: width of :math:`\phi` and :math:`\theta`; d when None.
        normalization: ``"random_walk"``, :math:`D^{-1} R`; ``"symmetric"``, :math:`D^{-1/2} R D^{-1/2}` (over directed
            edges, the column's degree is that of its outgoing edges); ``"row"``, :math:`R / n`, as VSRN has it;
            ``"none"``, no layer at all: Table 3's rows.
        affinity: ``"dot"``, R itself, degrees nearer to 0 than ``eps`` moved there with their sign, and
            :math:`|D|` under ``"symmetric"``; ``"softplus"`` or ``"exp"`` of R. ``"exp"`` and a random walk are a row
            softmax. Both are normalised by their logarithm.
        num_steps: k, steps of the walk.
        batch_norm: BatchNorm of what is added to V, as in VSRN.
        zero_init: start as the identity, as VSRN does: BatchNorm's weight and bias 0, or :math:`W_r` without one.
        location: add a score of the two boxes to R (:class:`LocationBias`).
        temporal: add one directed step from the frame before,
            :math:`P^\tau V^\tau W_\tau` with :math:`R^\tau_{ij} = \phi_\tau(v_i)^\top \theta_\tau(v_j)`.
        eps: bound on degrees under ``"dot"``.
        **kwargs: further arguments of :class:`torch_geometric.nn.conv.MessagePassing`.

    Shapes:
        - **input:** ``x`` ``[N, in_channels]``, ``edge_index`` ``[2, E]`` (source, destination), ``box`` ``[N, 4]``
        - **output:** ``[N, in_channels]``; with ``return_transition=True`` ``(out, (edge_index, P [E]))``

    Raises:
        DataError: shapes that do not go together, or an unknown option.

    Example:
        >>> conv = RandomWalkGCNConv(8)
        >>> conv
        RandomWalkGCNConv(8, normalization=random_walk, affinity=softplus, num_steps=1)
        >>> edge_index = torch.tensor([[0, 1, 2, 0], [1, 0, 1, 2]])
        >>> conv(torch.randn(3, 8), edge_index).shape
        torch.Size([3, 8])
    """

    def __init__(self, in_channels: int, key_channels: int | None = None, **kwargs: Any) -> None:
        super().__init__(in_channels, key_channels, aggr="sum", node_dim=0, **kwargs)

    def reset_parameters(self) -> None:
        """Draw new parameters."""
        MessagePassing.reset_parameters(self)
        RandomWalkLayer.reset_parameters(self)

    @overload
    def forward(
        self, x: Tensor, edge_index: Tensor, *, box: Tensor | None = ..., temporal_edge_index: Tensor | None = ...,
        return_transition: Literal[False] = ...,
    ) -> Tensor: ...  # fmt: skip

    @overload
    def forward(
        self, x: Tensor, edge_index: Tensor, *, box: Tensor | None = ..., temporal_edge_index: Tensor | None = ...,
        return_transition: Literal[True],
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]: ...  # fmt: skip

    def forward(
        self,
        x: Tensor,
        edge_index: Tensor,
        *,
        box: Tensor | None = None,
        temporal_edge_index: Tensor | None = None,
        return_transition: bool = False,
    ) -> Tensor | tuple[Tensor, tuple[Tensor, Tensor]]:
        """Let every node walk along its incoming edges.

        Args:
            x: [N, in_channels].
            edge_index: [2, E], source and destination of each edge, in any order.
            box: [N, 4], x0 y0 x1 y1 in 0..1, with ``location``.
            temporal_edge_index: [2, E'], from regions of a frame to regions of the next one, with ``temporal``
                (:class:`graphvtr.graphs.transforms.AddTemporalEdges`); None for no such edges.
            return_transition: also return ``(edge_index, P [E])``, in the order given.
        """
        if self.normalization == "none":
            if return_transition:
                raise DataError("normalization", "is 'none'", "a layer without reasoning has no transition matrix")
            return x
        self._check(x, box)
        self._check_edges(edge_index, temporal_edge_index)
        walked, matrix = self._along(
            edge_index, x, self.phi(x), self.theta(x), box=box, symmetric=True, steps=self.num_steps
        )
        before = None
        if self.temporal_phi is not None and self.temporal_theta is not None:
            if temporal_edge_index is None:
                temporal_edge_index = edge_index[:, :0]
            now, then = self.temporal_phi(x), self.temporal_theta(x)
            before, _ = self._along(temporal_edge_index, x, now, then, box=None, symmetric=False, steps=1)
        out = x + self._branch(walked, before)
        return (out, (edge_index, matrix)) if return_transition else out

    def _along(
        self, edge_index: Tensor, x: Tensor, phi: Tensor, theta: Tensor, *, box: Tensor | None, symmetric: bool,
        steps: int,
    ) -> tuple[Tensor, Tensor]:  # fmt: skip
        """P^k V [N, d], and P [E] in the order of the edges."""
        order, ptr = sort_by(edge_index[1], x.size(0))
        edges = edge_index[:, order]
        source, target = edges
        score = (phi[target] * theta[source]).sum(-1)  # [E]
        if symmetric:
            score = score + (theta[target] * phi[source]).sum(-1)
        if box is not None and self.edge_bias is not None:
            score = score + self.edge_bias(box[target], box[source])
        matrix = edge_transition(
            score, source, target, ptr, x.size(0), self.normalization, self.affinity, self.eps
        ).to(x.dtype)  # fmt: skip
        given = torch.empty_like(matrix).index_copy(0, order, matrix)  # in the order of edge_index, as a mask would be
        observed = symmetric and self._observed()
        for _ in range(steps):
            if observed:
                # propagate_type: (x: Tensor, matrix: Tensor)
                x = self.propagate(edge_index, x=x, matrix=given, size=None)  # type: ignore[operator]
            else:
                x = gather_segment_reduce(x, source, ptr, "sum", matrix)
        return x, given

    def message(self, x_j: Tensor, matrix: Tensor) -> Tensor:
        """What flows along each edge."""
        return matrix.unsqueeze(-1) * x_j

    def _observed(self) -> bool:
        """Whether an explainer or a hook waits inside message passing."""
        hooks = (getattr(self, f"_{name}_forward{kind}hooks") for name in HOOKS for kind in ("_", "_pre_"))
        return bool(self.explain) or any(len(hook) > 0 for hook in hooks)

    def _check_edges(self, edge_index: Tensor, temporal_edge_index: Tensor | None) -> None:
        for name, edges in (("edge_index", edge_index), ("temporal_edge_index", temporal_edge_index)):
            if edges is not None and (edges.dim() != 2 or edges.size(0) != 2 or edges.is_floating_point()):
                raise DataError(name, f"is {edges.dtype} of shape {list(edges.shape)}", "give integers [2, E]")
        if temporal_edge_index is not None and not self.temporal:
            raise DataError("temporal_edge_index", "is not used", "build the layer with temporal=True")
