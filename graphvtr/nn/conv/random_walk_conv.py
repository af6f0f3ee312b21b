"""ViSERN's random walk as a layer: over any edges, or over complete graphs."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch_geometric.nn.conv import MessagePassing

from graphvtr.errors import DataError
from graphvtr.nn.batch_norm import batch_norm
from graphvtr.nn.conv.adjacency import (
    Adjacency,
    adjacency,
    attention_of,
    complete_edge_index,
    node_pair,
    oriented,
    passes_messages,
)
from graphvtr.nn.conv.location_bias import LocationBias
from graphvtr.nn.conv.previous_frame import edges_from_previous, walk_from_previous
from graphvtr.nn.lazy_linear import LazyLinear
from graphvtr.nn.ragged import Layout
from graphvtr.ops import complete_graph_walk, gather_segment_reduce
from graphvtr.ops.products import linear
from graphvtr.ops.transition import (
    DEGREE_EPS,
    NORMALIZATIONS,
    Affinity,
    check_walk_options,
    edge_scores,
    edge_transition,
    pair_scores,
    transition_matrix,
)

Normalization = Literal["random_walk", "symmetric", "row", "none"]


class RandomWalkGCNConv(MessagePassing):  # type: ignore[misc]
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
        check_walk_options(normalization, affinity, (*NORMALIZATIONS, "none"))
        width, other = (in_channels, in_channels) if isinstance(in_channels, int) else in_channels
        if width != other:
            raise DataError("in_channels", f"is {in_channels}", "give one width: nodes are added to what they hear")
        key = width if key_channels is None else key_channels
        for name, value in (("in_channels", width), ("key_channels", key), ("num_steps", num_steps)):
            if value < 1 and not (value == width == -1 and name != "num_steps"):
                raise DataError(name, f"is {value}", "give 1 or more")
        if eps <= 0:
            raise DataError("eps", f"is {eps}", "give a positive number")
        if batch_norm and width == -1:
            raise DataError("batch_norm", "needs a width", "give in_channels")
        self.in_channels, self.key_channels = width, key
        self.normalization, self.affinity, self.num_steps, self.eps = normalization, affinity, num_steps, eps
        self.zero_init, self.location, self.temporal = zero_init, location, temporal
        if normalization == "none":  # Z = V: nothing to learn
            return
        self.phi, self.theta = LazyLinear(width, key), LazyLinear(width, key)
        self.gcn = LazyLinear(width, width, bias=False)  # W_g
        self.residual = LazyLinear(width, width, bias=False)  # W_r
        self.norm = nn.BatchNorm1d(width) if batch_norm else None
        self.edge_bias = LocationBias() if location else None
        self.temporal_phi = LazyLinear(width, key) if temporal else None
        self.temporal_theta = LazyLinear(width, key) if temporal else None
        self.temporal_gcn = LazyLinear(width, width, bias=False) if temporal else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new parameters."""
        super().reset_parameters()
        for module in self.children():
            if isinstance(module, LazyLinear | nn.BatchNorm1d | LocationBias):
                module.reset_parameters()
        if self.zero_init and self.normalization != "none" and self.in_channels != -1:
            for last in (self.residual, self.temporal_gcn) if self.norm is None else (self.norm,):
                for parameter in () if last is None else last.parameters():
                    nn.init.zeros_(parameter)

    def forward(
        self,
        x: Tensor | tuple[Tensor, Tensor],
        edge_index: Any = None,
        edge_weight: Tensor | None = None,
        *,
        batch: Tensor | None = None,
        ptr: Tensor | None = None,
        mask: Tensor | None = None,
        box: Any = None,
        clip: Tensor | None = None,
        temporal_edge_index: Tensor | None = None,
        size: tuple[int, int] | None = None,
        return_attention_weights: bool = False,
    ) -> Any:
        """Let every node walk.

        Args:
            x, edge_index: as above.
            edge_weight: [E], factors of the affinities.
            batch, ptr: [N], sorted, the graph of each node; or [B + 1], where each graph's nodes begin.
            mask: [B, n], which places of x [B, n, d] hold a node; the others come out as 0.
            box: [N, 4] or [B, n, 4], x0 y0 x1 y1 in 0..1, with ``location``; a pair for ``(x_src, x_dst)``.
            clip: [B], the clip of each graph (frame), in order, with ``temporal``; None when all are of one clip.
            temporal_edge_index: [2, E'], from regions of a frame to regions of the next one, with ``temporal`` and
                ``edge_index`` (:class:`graphvtr.graphs.AddTemporalEdges`); None for no such edges.
            size: (M, N), checked against x.
            return_attention_weights: also return ``(edge_index, P [E])``, in the order given.
        """
        if edge_index is not None:
            for name, value in (("mask", mask), ("clip", clip), ("batch", batch), ("ptr", ptr)):
                if value is not None:
                    raise DataError(name, "comes with edge_index, which tells the graphs", "give one of the two")
            pair = node_pair(x, size)
            return self._along_edges(pair, edge_index, edge_weight, box, temporal_edge_index, return_attention_weights)
        if return_attention_weights or edge_weight is not None:
            raise DataError("edge_index", "is missing", "weights of edges need edges; transition() gives P of ptr")
        if temporal_edge_index is not None:
            raise DataError("temporal_edge_index", "comes without edge_index", "give the clip of each graph instead")
        if not isinstance(x, Tensor):
            raise DataError("x", "is a pair without edge_index", "a complete graph has one set of nodes")
        layout = Layout.of(x, batch, ptr, mask, clip)
        rows, box = x.reshape(-1, x.size(-1)), None if box is None else box.reshape(-1, box.size(-1))
        return self._over_graphs(rows, layout, box, clip).view(x.shape)

    def transition(
        self, x: Tensor, *, ptr: Tensor | None = None, mask: Tensor | None = None, box: Tensor | None = None
    ) -> Tensor:
        """P over complete graphs, [B, n, n], 0 where there is no node; the arguments are those of :meth:`forward`."""
        if self.normalization == "none":
            raise DataError("normalization", "is 'none'", "a layer without reasoning has no transition matrix")
        layout, x = Layout.of(x, None, ptr, mask), x.reshape(-1, x.size(-1))
        box = None if box is None else box.reshape(-1, box.size(-1))
        self._check(x, box)
        return self._matrix(self._scores(x, layout, box), layout.mask, layout.mask)

    def message(self, x_j: Tensor, alpha: Tensor) -> Tensor:
        """What flows along each edge."""
        return alpha.unsqueeze(-1) * x_j

    def _over_graphs(self, x: Tensor, layout: Layout, box: Tensor | None, clip: Tensor | None) -> Tensor:
        """[R, d] -> [R, d]; rows that are no nodes come out as 0."""
        if layout.row_mask is not None:  # what stands in the padding must not matter, NaN included
            x = x.masked_fill(~layout.row_mask[:, None], 0.0)
        if self.normalization == "none":
            return x
        self._check(x, box)
        if passes_messages(self):
            return self._along_all_edges(x, layout, box, clip)
        before = None
        if self.temporal_phi is not None and self.temporal_theta is not None:
            before = walk_from_previous(self.temporal_phi(x), self.temporal_theta(x), x, layout, clip, self._matrix)
        out = x + self._branch(self._walk(x, layout, box), before, layout.row_mask)
        return out if layout.row_mask is None else out.masked_fill(~layout.row_mask[:, None], 0.0)

    def _walk(self, x: Tensor, layout: Layout, box: Tensor | None) -> Tensor:
        """P^k V, [R, d]."""
        if self.location:
            matrix = self._matrix(self._scores(x, layout, box), layout.mask, layout.mask).to(x.dtype)
            return layout.unpad(torch.linalg.matrix_power(matrix, self.num_steps) @ layout.pad(x))
        phi, theta, shift = x, x, None
        if self._fold_pays(x):
            phi = self._folded(x)
            if self.affinity != "exp" or self.normalization == "row":  # a softmax does not see the constant
                shift = 2 * (self.phi.bias @ self.theta.bias)
        else:
            phi, theta = self.phi(x), self.theta(x)
        options = (self.normalization, self.affinity, self.num_steps, self.eps, shift)
        if layout.ptr is not None:
            return complete_graph_walk(phi, theta, x, layout.ptr, None, *options)  # type: ignore[arg-type]
        phi, theta, nodes = (layout.pad(value) for value in (phi, theta, x))
        return layout.unpad(complete_graph_walk(phi, theta, nodes, None, layout.mask, *options))  # type: ignore[arg-type]

    def _scores(self, x: Tensor, layout: Layout, box: Tensor | None) -> Tensor:
        """R of Eq 1, [B, n, n]."""
        score = pair_scores(layout.pad(self.phi(x)), layout.pad(self.theta(x)))
        if self.edge_bias is None or box is None:
            return score
        place = layout.pad(box)  # [B, n, 4]
        return score + self.edge_bias(place[:, :, None], place[:, None])

    def _matrix(self, score: Tensor, rows: Tensor | None, columns: Tensor | None) -> Tensor:
        return transition_matrix(score, rows, columns, self.normalization, self.affinity, self.eps)

    def _folded(self, x: Tensor) -> Tensor:
        r"""What to multiply with x instead of :math:`\phi` with :math:`\theta`, [R, d]: one map instead of two.

        :math:`\phi_i^\top \theta_j = v_i^\top W_\phi^\top W_\theta v_j + a^\top v_i + b^\top v_j + c`. As R adds the
        transpose, a + b may stand on one side. The constant c is left out.
        """
        one_sided = self.theta.bias @ self.phi.weight + self.phi.bias @ self.theta.weight  # a + b, [d]
        return linear(x, linear(self.theta.weight.T, self.phi.weight.T), one_sided)

    def _fold_pays(self, x: Tensor) -> bool:
        """Whether W_phi^T W_theta, once, and one product with the rows is cheaper than two; a dot product may take the
        low-rank form instead."""
        key, d = self.key_channels, self.in_channels
        return self.affinity != "dot" and self._same_precision() and x.size(0) * (2 * key - d) > d * key

    def _same_precision(self) -> bool:
        """Products of weights would lose digits in half precision; an exported program serves any number of nodes."""
        kind, dtype = self.gcn.weight.device.type, self.gcn.weight.dtype
        narrowed = torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind)
        return dtype in (torch.float32, torch.float64) and not narrowed and not torch.compiler.is_exporting()

    def _along_all_edges(self, x: Tensor, layout: Layout, box: Tensor | None, clip: Tensor | None) -> Tensor:
        """:meth:`_over_graphs` along materialised edges."""
        ptr, rows = layout.ends(x.device)
        nodes, place = (x, box) if rows is None else (x[rows], None if box is None else box[rows])
        edges, before = complete_edge_index(ptr), edges_from_previous(ptr, clip) if self.temporal else None
        if self.flow == "target_to_source":
            edges, before = edges.flip(0), None if before is None else before.flip(0)
        out: Tensor = self._along_edges((nodes, nodes), edges, None, place, before, False)
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
        if target is not source and (self.num_steps > 1 or self.temporal):
            name = "temporal" if self.temporal else "num_steps"
            raise DataError(name, "is set", "a second step, or one in time, needs one set of nodes")
        if temporal_edge_index is not None and not self.temporal:
            raise DataError("temporal_edge_index", "is not used", "build the layer with temporal=True")
        box = box if isinstance(box, tuple | list) else (box, box)
        sides = (source,) if target is source else (source, target)
        for nodes, place in zip(sides, box, strict=False):
            self._check(nodes, place)
        edges = adjacency(edge_index, source.size(0), target.size(0), self.flow, edge_weight)
        phi, theta = ([of(nodes) for nodes in sides] for of in (self.phi, self.theta))
        score = edge_scores((phi[0], phi[-1]), (theta[0], theta[-1]), edges.source, edges.target)
        if self.edge_bias is not None:
            score = score + self.edge_bias(box[1][edges.target], box[0][edges.source])
        walked, alpha = self._pass(edges, score, source, target.size(0), self.num_steps)
        before = None
        if self.temporal_phi is not None and self.temporal_theta is not None:
            given = edges.edge_index[:, :0] if temporal_edge_index is None else temporal_edge_index
            past = adjacency(given, source.size(0), source.size(0), self.flow)
            score = (self.temporal_phi(source)[past.target] * self.temporal_theta(source)[past.source]).sum(-1)
            before, _ = self._pass(past, score, source, source.size(0), 1)
        out = target + self._branch(walked, before)
        return (out, attention_of(edge_index, edges, alpha)) if return_attention_weights else out

    def _pass(self, edges: Adjacency, score: Tensor, x: Tensor, targets: int, steps: int) -> tuple[Tensor, Tensor]:
        """P^k V [N, d], and P [E] in the order of the edges as given."""
        weight = None if edges.weight is None else edges.sort(edges.weight)
        options = (self.normalization, self.affinity, self.eps, weight)
        matrix = edge_transition(score, edges.source, edges.target, edges.ptr, x.size(0), *options).to(x.dtype)
        alpha = edges.unsort(matrix)  # as a mask over the edges would be
        size = oriented(self.flow, x.size(0), targets)
        for _ in range(steps):
            if passes_messages(self):
                # propagate_type: (x: OptPairTensor, alpha: Tensor)
                x = self.propagate(edges.edge_index, x=oriented(self.flow, x, None), alpha=alpha, size=size)
            else:
                x = gather_segment_reduce(x, edges.source, edges.ptr, "sum", matrix)
        return x, alpha

    def _branch(self, walked: Tensor, before: Tensor | None, row_mask: Tensor | None = None) -> Tensor:
        """(P V W_g) W_r, plus the step from the frame before, normalised: what is added to V."""
        if self._same_precision() and walked.size(0) > self.in_channels:
            out = linear(walked, linear(self.residual.weight, self.gcn.weight.T))  # one product with many rows, not two
        else:
            out = self.residual(self.gcn(walked))
        if before is not None and self.temporal_gcn is not None:
            out = out + self.temporal_gcn(before)
        return out if self.norm is None else batch_norm(self.norm, out, row_mask)

    def _check(self, x: Tensor, box: Tensor | None) -> None:
        if self.in_channels == -1 and x.dim() == 2:
            self._materialize(x.size(-1))
        if x.dim() != 2 or x.size(-1) != self.in_channels:
            problem = f"has features {list(x.shape[1:])}"
            raise DataError(f"{type(self).__name__}: x", problem, f"give {self.in_channels} a node")
        if self.location and (box is None or box.shape != (x.size(0), 4)):
            problem = "is missing" if box is None else f"has shape {list(box.shape)}"
            raise DataError("box", problem, "a layer with location=True needs x0 y0 x1 y1 of every node")

    def _materialize(self, width: int) -> None:
        self.in_channels, self.key_channels = width, width if self.key_channels == -1 else self.key_channels
        for module in self.children():
            if isinstance(module, LazyLinear):
                module.materialize(width, width if module.out_features == -1 else module.out_features)
        if self.zero_init:
            self.reset_parameters()

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any, **kwargs: Any) -> None:
        saved = state_dict.get(f"{prefix}phi.weight")
        if self.in_channels == -1 and saved is not None and not hasattr(saved, "materialize"):
            self.key_channels, self.in_channels = saved.shape
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)

    def __repr__(self) -> str:
        options = (f"{name}={getattr(self, name)}" for name in ("normalization", "affinity", "num_steps"))
        return f"{type(self).__name__}({self.in_channels}, {', '.join(options)})"
