"""ViSERN's random walk as a layer: over any edges, or over complete graphs."""

from __future__ import annotations

from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graphvtr.errors import DataError
from graphvtr.nn.conv.adjacency import adjacency, attention_of, node_pair, oriented, passes_messages
from graphvtr.nn.conv.complete_walk import CompleteWalk, Normalization, complete_graphs
from graphvtr.nn.conv.location_bias import LocationBias
from graphvtr.nn.lazy_linear import LazyLinear
from graphvtr.nn.ragged import Layout
from graphvtr.ops import complete_edges, gather_segment_reduce
from graphvtr.ops._segments import segment_of
from graphvtr.ops.csr import counts_to_ptr
from graphvtr.ops.transition import DEGREE_EPS, NORMALIZATIONS, Affinity, check_walk_options, edge_transition


class RandomWalkGCNConv(CompleteWalk):
    r"""The reasoning layer of `"Exploiting Visual Semantic Reasoning for Video-Text Retrieval"
    <https://arxiv.org/abs/2006.08889>`_ (ViSERN), Eq 1, 7 and 12.

    .. math::
        R_{ij} &= \phi(v_i)^\top \theta(v_j) + \theta(v_i)^\top \phi(v_j) \\
        Z &= (P^k V W_g) W_r + V, \qquad P = D^{-1} R, \quad D_{ii} = \sum_{j \in \mathcal N(i)} R_{ij}

    :math:`\phi, \theta` are linear with bias. The paper's graph is complete, i = j included: give ``ptr``, ``batch``
    or ``[B, n, d]`` for that one, and no edge is ever stored. With ``edge_index`` nodes walk along the edges; one
    without incoming edges walks nowhere, its context is 0. All ways agree, with their gradients.

    Complete graphs run on :func:`graphvtr.ops.complete_graph_walk`. The layer picks the order of its products by
    their cost: P^k as one n × n matrix, the weight products :math:`W_\phi^\top W_\theta` and :math:`W_g W_r` once
    where there are more nodes than channels, and under ``affinity="dot"``, for n well above d_k, the form
    :math:`R V = \phi(\theta^\top V) + \theta(\phi^\top V)`, linear in n.

    The paper bounds the eigenvalues of :math:`I - P` by 0 and 2. This holds for non-negative scores only, while R of
    Eq 1 has any sign, and a row sum near 0 explodes. ``affinity`` makes R positive; ``"dot"`` is Eq 1 as printed.

    Args:
        in_channels: d, width of the node features and of the output; -1 (or ``(-1, -1)``) to take it from the first
            input.
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
        location: add a score of the two boxes to R (:class:`LocationBias`); P of complete graphs is then built as
            matrices, outside of the op.
        temporal: add one directed step from the frame before,
            :math:`P^\tau V^\tau W_\tau` with :math:`R^\tau_{ij} = \phi_\tau(v_i)^\top \theta_\tau(v_j)`.
        eps: bound on degrees under ``"dot"``.
        flow: ``"source_to_target"`` or ``"target_to_source"``, which way messages go along edges.

    Shapes:
        - **input:** ``x`` ``[N, d]`` or ``(x_src [M, d], x_dst [N, d])``, ``edge_index`` ``[2, E]`` (source,
          destination), an ``EdgeIndex`` or a sparse matrix ``[N, M]``, ``edge_weight`` ``[E]``, ``box`` ``[N, 4]``;
          for complete graphs ``x`` ``[N, d]`` with ``ptr`` or ``batch``, or ``[B, n, d]`` with ``mask`` ``[B, n]``
        - **output:** as ``x`` (``x_dst``); with ``return_attention_weights=True`` ``(out, (edge_index, P [E]))``

    Raises:
        DataError: no way or more than one to tell the graphs, shapes that do not go together, an unknown option.

    Example:
        >>> conv = RandomWalkGCNConv(8)
        >>> conv
        RandomWalkGCNConv(8, normalization=random_walk, affinity=softplus, num_steps=1)
        >>> edge_index = torch.tensor([[0, 1, 2, 0], [1, 0, 1, 2]])
        >>> conv(torch.randn(3, 8), edge_index).shape
        torch.Size([3, 8])
        >>> conv(torch.randn(2, 5, 8)).shape
        torch.Size([2, 5, 8])
    """

    def __init__(
        self,
        in_channels: int | tuple[int, int],
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
        super().__init__(aggr="sum", node_dim=0, flow=flow)
        if normalization not in (*NORMALIZATIONS, "none"):
            known = ", ".join((*NORMALIZATIONS, "none"))
            raise DataError("normalization", f"is '{normalization}'", f"use one of {known}")
        check_walk_options("row" if normalization == "none" else normalization, affinity)
        width = in_channels if isinstance(in_channels, int) else in_channels[0]
        if not isinstance(in_channels, int) and in_channels[0] != in_channels[1]:
            raise DataError("in_channels", f"is {in_channels}", "give one width: nodes are added to what they hear")
        key = width if key_channels is None else key_channels
        least = (("in_channels", width, 1), ("key_channels", key, 1), ("num_steps", num_steps, 1))
        for name, value, bound in least:
            if value < bound and not (value == -1 and name != "num_steps" and width == -1):
                raise DataError(name, f"is {value}", f"give {bound} or more")
        if eps <= 0:
            raise DataError("eps", f"is {eps}", "give a positive number")
        self.in_channels, self.key_channels = width, key
        self.normalization, self.affinity, self.num_steps, self.eps = normalization, affinity, num_steps, eps
        self.zero_init, self.location, self.temporal = zero_init, location, temporal
        if normalization == "none":  # Z = V: nothing to learn
            return
        self.phi, self.theta = LazyLinear(width, key), LazyLinear(width, key)
        self.gcn = LazyLinear(width, width, bias=False)  # W_g
        self.residual = LazyLinear(width, width, bias=False)  # W_r
        if batch_norm and width == -1:
            raise DataError("batch_norm", "needs a width", "give in_channels")
        self.norm = nn.BatchNorm1d(width) if batch_norm else None
        self.edge_bias = LocationBias() if location else None
        self.temporal_phi = LazyLinear(width, key) if temporal else None
        self.temporal_theta = LazyLinear(width, key) if temporal else None
        self.temporal_gcn = LazyLinear(width, width, bias=False) if temporal else None
        self.reset_parameters()

    def forward(
        self,
        x: Tensor | tuple[Tensor, Tensor],
        edge_index: Any = None,
        edge_weight: Tensor | None = None,
        *,
        batch: Tensor | None = None,
        ptr: Tensor | None = None,
        mask: Tensor | None = None,
        box: Tensor | None = None,
        clip: Tensor | None = None,
        temporal_edge_index: Tensor | None = None,
        size: tuple[int, int] | None = None,
        return_attention_weights: bool = False,
    ) -> Any:
        """Let every node walk.

        Args:
            x: [N, d], ``(x_src, x_dst)`` with ``edge_index``, or [B, n, d] without ``edge_index``, ``batch``, ``ptr``.
            edge_index: [2, E], source and destination of each edge, in any order; or an ``EdgeIndex`` or sparse matrix.
            edge_weight: [E], factors of the affinities.
            batch: [N], sorted, the graph of each node.
            ptr: [B + 1], where each graph's nodes begin.
            mask: [B, n], which places of x [B, n, d] hold a node; the others come out as 0.
            box: [N, 4] or [B, n, 4], x0 y0 x1 y1 in 0..1, with ``location``.
            clip: [B], the clip of each graph (frame), in order, with ``temporal`` and complete graphs; None when all
                are of one clip.
            temporal_edge_index: [2, E'], from regions of a frame to regions of the next one, with ``temporal`` and
                ``edge_index`` (:class:`graphvtr.graphs.AddTemporalEdges`); None for no such edges.
            size: (M, N), checked against x.
            return_attention_weights: also return ``(edge_index, P [E])``, in the order given.
        """
        if edge_index is not None:
            for name, value in (("mask", mask), ("clip", clip), ("batch", batch), ("ptr", ptr)):
                if value is not None:
                    raise DataError(name, "comes with edge_index, which tells the graphs", "give one of the two")
            return self._along_edges(
                node_pair(x, size), edge_index, edge_weight, box, temporal_edge_index, return_attention_weights
            )
        if return_attention_weights or edge_weight is not None:
            raise DataError("edge_index", "is missing", "weights of edges need edges; transition() gives P of ptr")
        if not isinstance(x, Tensor):
            raise DataError("x", "is a pair without edge_index", "a complete graph has one set of nodes")
        x, layout, box = complete_graphs(x, batch, ptr, mask, box, clip, temporal_edge_index)
        return self.complete(x.reshape(-1, x.size(-1)), layout, box, clip).view(x.shape)

    def _by_messages(self, x: Tensor, layout: Layout, box: Tensor | None, clip: Tensor | None) -> Tensor:
        """The same along materialised edges."""
        rows, ptr = None, layout.ptr
        if ptr is None:
            count = torch.full((layout.graphs,), layout.nodes, device=x.device)
            if layout.row_mask is not None:
                rows, count = layout.row_mask.nonzero().flatten(), layout.row_mask.view(layout.graphs, -1).sum(1)
            ptr = counts_to_ptr(count)
        nodes, places = (x, box) if rows is None else (x[rows], None if box is None else box[rows])
        edge_ptr, source = complete_edges(ptr)
        edges = torch.stack([source, segment_of(edge_ptr, source.numel())])
        before = _from_previous(ptr, clip) if self.temporal else None
        if self.flow == "target_to_source":
            edges, before = edges.flip(0), None if before is None else before.flip(0)
        out = self._along_edges((nodes, nodes), edges, None, places, before, False)
        return out if rows is None else torch.zeros_like(x).index_copy(0, rows, out)

    def _along_edges(
        self,
        x: tuple[Tensor, Tensor],
        edge_index: Any,
        edge_weight: Tensor | None,
        box: Any,
        temporal_edge_index: Tensor | None,
        return_attention_weights: bool,
    ) -> Any:
        source, target = x
        if self.normalization == "none":
            if return_attention_weights:
                raise DataError("normalization", "is 'none'", "a layer without reasoning has no transition matrix")
            return target
        self._check(source, box[0] if isinstance(box, tuple) else box)
        if target is not source:
            self._check(target, box[1] if isinstance(box, tuple) else None, with_box=False)
            for name, on in (("num_steps", self.num_steps > 1), ("temporal", self.temporal)):
                if on:
                    raise DataError(name, "is set", "a second step, or one in time, needs one set of nodes")
        if temporal_edge_index is not None and not self.temporal:
            raise DataError("temporal_edge_index", "is not used", "build the layer with temporal=True")
        edges = adjacency(edge_index, source.size(0), target.size(0), self.flow, edge_weight)
        phi, theta = (
            (linear(source), linear(target)) if target is not source else (linear(source),) * 2
            for linear in (self.phi, self.theta)
        )
        i, j = edges.target, edges.source
        score = (phi[1][i] * theta[0][j]).sum(-1) + (theta[1][i] * phi[0][j]).sum(-1)  # [E]
        if box is not None and self.edge_bias is not None:
            place = box if isinstance(box, tuple) else (box, box)
            score = score + self.edge_bias(place[1][i], place[0][j])
        walked, alpha = self._pass(edges, score, source, target.size(0), self.num_steps)
        before = None
        if self.temporal_phi is not None and self.temporal_theta is not None:
            given = edges.edge_index[:, :0] if temporal_edge_index is None else temporal_edge_index
            past = adjacency(given, source.size(0), source.size(0), self.flow)
            now, then = self.temporal_phi(source), self.temporal_theta(source)
            score = (now[past.target] * then[past.source]).sum(-1)
            before, _ = self._pass(past, score, source, source.size(0), 1)
        out = target + self._branch(walked, before)
        return (out, attention_of(edge_index, edges, alpha)) if return_attention_weights else out

    def _pass(self, edges: Any, score: Tensor, x: Tensor, targets: int, steps: int) -> tuple[Tensor, Tensor]:
        """P^k V [N, d], and P [E] in the order of the edges as given."""
        weight = None if edges.weight is None else edges.sort(edges.weight)
        matrix = edge_transition(
            score, edges.source, edges.target, edges.ptr, x.size(0), self.normalization, self.affinity, self.eps, weight
        ).to(x.dtype)
        alpha = edges.unsort(matrix)  # as a mask over the edges would be
        size = oriented(self.flow, x.size(0), targets)
        for _ in range(steps):
            if passes_messages(self):
                # propagate_type: (x: OptPairTensor, alpha: Tensor)
                x = self.propagate(edges.edge_index, x=oriented(self.flow, x, None), alpha=alpha, size=size)
            else:
                x = gather_segment_reduce(x, edges.source, edges.ptr, "sum", matrix)
        return x, alpha

    def message(self, x_j: Tensor, alpha: Tensor) -> Tensor:
        """What flows along each edge."""
        return alpha.unsqueeze(-1) * x_j


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
        layout = Layout.from_mask(x, mask)
        return self.complete(x.flatten(0, 1), layout, None if box is None else box.flatten(0, 1), clip).view(x.shape)

    def transition(self, x: Tensor, mask: Tensor | None = None, *, box: Tensor | None = None) -> Tensor:  # type: ignore[override]
        """P of every graph, [B, n, n], 0 where there is no node."""
        return super().transition(x, mask=mask, box=box)


def _from_previous(ptr: Tensor, clip: Tensor | None) -> Tensor:
    """Edges from every node of a graph to every node of the next one of its clip, [2, E]."""
    count = ptr.diff()
    before = F.pad(count[:-1], (1, 0))
    if clip is not None:
        before[1:] = torch.where(clip[1:] == clip[:-1], before[1:], 0)
    degree = torch.repeat_interleave(before, count)  # [R] edges into each node
    begin = torch.repeat_interleave(F.pad(ptr[:-2], (1, 0)), count)
    target = torch.repeat_interleave(degree)
    within = torch.arange(target.numel(), device=ptr.device) - (degree.cumsum(0) - degree)[target]
    return torch.stack([begin[target] + within, target])
