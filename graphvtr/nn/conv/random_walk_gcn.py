"""ViSERN's random walk: one layer over any edges or complete graphs, and the stack of such layers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch_geometric.nn.conv import MessagePassing

from graphvtr.errors import DataError
from graphvtr.nn.batch_norm import batch_norm
from graphvtr.nn.conv.adjacency import adjacency, attention_of, node_pair, oriented, passes_messages
from graphvtr.nn.conv.location_bias import LocationBias
from graphvtr.nn.lazy_linear import LazyLinear
from graphvtr.nn.ragged import Layout, batch_to_ptr
from graphvtr.ops import complete_edges, complete_graph_walk, gather_segment_reduce
from graphvtr.ops._segments import segment_of
from graphvtr.ops.transition import (
    DEGREE_EPS,
    NORMALIZATIONS,
    Affinity,
    check_walk_options,
    edge_transition,
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

    def reset_parameters(self) -> None:
        """Draw new parameters."""
        super().reset_parameters()
        for module in self.children():
            if isinstance(module, LazyLinear | nn.BatchNorm1d | LocationBias):
                module.reset_parameters()
        if self.zero_init and self.normalization != "none":
            last = (self.residual, self.temporal_gcn) if self.norm is None else (self.norm,)
            for parameter in (parameter for module in last if module is not None for parameter in module.parameters()):
                if self.in_channels != -1:
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

    def transition(
        self, x: Tensor, *, ptr: Tensor | None = None, mask: Tensor | None = None, box: Tensor | None = None
    ) -> Tensor:
        """P over complete graphs, [B, n, n], 0 where there is no node.

        Args:
            x: [N, d] with ``ptr``, or [B, n, d].
            ptr: [B + 1], where each graph's nodes begin.
            mask: [B, n].
            box: as in :meth:`forward`.
        """
        if self.normalization == "none":
            raise DataError("normalization", "is 'none'", "a layer without reasoning has no transition matrix")
        x, layout, box = complete_graphs(x, None, ptr, mask, box, None, None)
        x = x.reshape(-1, x.size(-1))
        self._check(x, box)
        return self._matrix(self._scores(x, layout, box), layout.mask, layout.mask)

    # ---- complete graphs ----------------------------------------------------------------------------------------

    def complete(self, x: Tensor, layout: Layout, box: Tensor | None = None, clip: Tensor | None = None) -> Tensor:
        """The layer over complete graphs, [R, d] -> [R, d]; rows that are no nodes come out as 0.

        Args:
            x: [R, d].
            layout: where the rows of each graph are.
            box: [R, 4], for ``location``.
            clip: [B], the clip of each graph (frame), for ``temporal``; None when all are of one clip.
        """
        if layout.row_mask is not None:  # what stands in the padding must not matter, NaN included
            x = x.masked_fill(~layout.row_mask[:, None], 0.0)
        if self.normalization == "none":
            return x
        self._check(x, box)
        if clip is not None and clip.shape != (layout.graphs,):
            raise DataError("clip", f"has shape {list(clip.shape)}", f"give the clip of each of {layout.graphs} frames")
        if passes_messages(self):
            return self._by_messages(x, layout, box, clip)
        walked = self._walk(x, layout, box)
        before = self._walk_from_previous(x, layout, clip) if self.temporal else None
        out = x + self._branch(walked, before, layout.row_mask)
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
        walked = complete_graph_walk(phi, theta, nodes, None, layout.mask, *options)  # type: ignore[arg-type]
        return layout.unpad(walked)

    def _scores(self, x: Tensor, layout: Layout, box: Tensor | None) -> Tensor:
        """R of Eq 1, [B, n, n]."""
        half = layout.pad(self.phi(x)) @ layout.pad(self.theta(x)).mT
        score = half + half.mT
        if self.edge_bias is not None and box is not None:
            place = layout.pad(box)  # [B, n, 4]
            score = score + self.edge_bias(place[:, :, None], place[:, None])
        return score

    def _matrix(self, score: Tensor, rows: Tensor | None, columns: Tensor | None) -> Tensor:
        return transition_matrix(score, rows, columns, self.normalization, self.affinity, self.eps)

    def _folded(self, x: Tensor) -> Tensor:
        r"""What to multiply with x instead of :math:`\phi` with :math:`\theta`, [R, d]: one map instead of two.

        :math:`\phi_i^\top \theta_j = v_i^\top W_\phi^\top W_\theta v_j + a^\top v_i + b^\top v_j + c`. As R adds the
        transpose, a + b may stand on one side. The constant c is left out.
        """
        both = self.phi.weight.T @ self.theta.weight  # [d, d]
        linear = self.theta.bias @ self.phi.weight + self.phi.bias @ self.theta.weight  # a + b, [d]
        return torch.addmm(linear, x, both)

    def _walk_from_previous(self, x: Tensor, layout: Layout, clip: Tensor | None) -> Tensor:
        """One directed step from the frame before, [R, d]: 0 in the first frame of a clip."""
        assert self.temporal_phi is not None
        assert self.temporal_theta is not None
        now, before = layout.pad(self.temporal_phi(x)), layout.pad(self.temporal_theta(x))
        mask = layout.mask
        if mask is None:
            mask = torch.ones(layout.graphs, layout.nodes, dtype=torch.bool, device=x.device)
        columns = mask[:-1]
        if clip is not None:
            columns = columns & (clip[1:] == clip[:-1])[:, None]
        matrix = self._matrix(now[1:] @ before[:-1].mT, mask[1:], columns)  # frame b from frame b - 1
        walked = matrix.to(x.dtype) @ layout.pad(x)[:-1]
        return layout.unpad(F.pad(walked, (0, 0, 0, 0, 1, 0))[: layout.graphs])

    def _by_messages(self, x: Tensor, layout: Layout, box: Tensor | None, clip: Tensor | None) -> Tensor:
        """The same along materialised edges."""
        rows, ptr = None, layout.ptr
        if ptr is None:
            count = torch.full((layout.graphs,), layout.nodes, device=x.device)
            if layout.row_mask is not None:
                rows, count = layout.row_mask.nonzero().flatten(), layout.row_mask.view(layout.graphs, -1).sum(1)
            ptr = F.pad(count.cumsum(0), (1, 0))
        nodes, places = (x, box) if rows is None else (x[rows], None if box is None else box[rows])
        edge_ptr, source = complete_edges(ptr)
        edges = torch.stack([source, segment_of(edge_ptr, source.numel())])
        before = _from_previous(ptr, clip) if self.temporal else None
        if self.flow == "target_to_source":
            edges, before = edges.flip(0), None if before is None else before.flip(0)
        out = self._along_edges((nodes, nodes), edges, None, places, before, False)
        return out if rows is None else torch.zeros_like(x).index_copy(0, rows, out)

    # ---- edges --------------------------------------------------------------------------------------------------

    def _along_edges(
        self, x: tuple[Tensor, Tensor], edge_index: Any, edge_weight: Tensor | None, box: Any,
        temporal_edge_index: Tensor | None, return_attention_weights: bool,
    ) -> Any:  # fmt: skip
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
        phi, theta = ((linear(source), linear(target)) if target is not source else (linear(source),) * 2
                      for linear in (self.phi, self.theta))  # fmt: skip
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

    # ---- both ---------------------------------------------------------------------------------------------------

    def _branch(self, walked: Tensor, before: Tensor | None, row_mask: Tensor | None = None) -> Tensor:
        """(P V W_g) W_r, plus the step from the frame before, normalised: what is added to V."""
        if self._same_precision() and walked.size(0) > self.in_channels:
            out = walked @ (self.residual.weight @ self.gcn.weight).T  # one product with many rows instead of two
        else:
            out = self.residual(self.gcn(walked))
        if before is not None and self.temporal_gcn is not None:
            out = out + self.temporal_gcn(before)
        if self.norm is None:
            return out
        if row_mask is None:
            return batch_norm(self.norm, out)
        return out.masked_scatter(row_mask[:, None], batch_norm(self.norm, out[row_mask]))

    def _fold_pays(self, x: Tensor) -> bool:
        """Whether W_phi^T W_theta, once, and one product with the rows is cheaper than two; a dot product may take the
        low-rank form instead."""
        key, d = self.key_channels, self.in_channels
        return self.affinity != "dot" and self._same_precision() and x.size(0) * (2 * key - d) > d * key

    def _same_precision(self) -> bool:
        """Products of weights would lose digits in half precision; an exported program serves any number of nodes."""
        if torch.compiler.is_exporting():
            return False
        weight = self.gcn.weight
        return weight.dtype in (torch.float32, torch.float64) and not torch.is_autocast_enabled(weight.device.type)

    def _check(self, x: Tensor, box: Tensor | None, with_box: bool = True) -> None:
        if self.in_channels == -1 and x.dim() == 2:
            self._materialize(x.size(-1))
        if x.dim() != 2 or x.size(-1) != self.in_channels:
            raise DataError("x", f"has features {list(x.shape[1:])}", f"give {self.in_channels} a node")
        if with_box and self.location and (box is None or box.shape != (x.size(0), 4)):
            problem = "is missing" if box is None else f"has shape {list(box.shape)}"
            raise DataError("box", problem, "a layer with location=True needs x0 y0 x1 y1 of every node")

    def _materialize(self, width: int) -> None:
        self.in_channels, self.key_channels = width, width if self.key_channels == -1 else self.key_channels
        for name, module in self.named_children():
            if isinstance(module, LazyLinear):
                module.materialize(width, width if name.endswith(("gcn", "residual")) else self.key_channels)
        if self.zero_init:
            self.reset_parameters()

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any, **kwargs: Any) -> None:
        saved = state_dict.get(f"{prefix}phi.weight")
        if self.in_channels == -1 and saved is not None and not hasattr(saved, "materialize"):
            self.key_channels, self.in_channels = saved.shape
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({self.in_channels}, normalization={self.normalization}, "
            f"affinity={self.affinity}, num_steps={self.num_steps})"
        )


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
                in_channels, key_channels, normalization=normalization, affinity=affinity, num_steps=num_steps,
                batch_norm=batch_norm, zero_init=zero_init, location=location, temporal=temporal, eps=eps, flow=flow,
            )
            for _ in range(num_layers)
        )  # fmt: skip

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


def complete_graphs(
    x: Tensor, batch: Tensor | None, ptr: Tensor | None, mask: Tensor | None, box: Tensor | None, clip: Tensor | None,
    temporal_edge_index: Tensor | None,
) -> tuple[Tensor, Layout, Tensor | None]:  # fmt: skip
    """Where the nodes of complete graphs lie, from any of the ways to tell; boxes as rows.

    Raises:
        DataError: no way or more than one.
    """
    given = [name for name, value in (("batch", batch), ("ptr", ptr)) if value is not None]
    if len(given) > 1 or (not given and x.dim() != 3):
        problem = f"come together: {' and '.join(given)}" if given else f"are missing for x {list(x.shape)}"
        raise DataError("the graphs", problem, "give one of edge_index, batch and ptr, or x as [B, n, d]")
    if temporal_edge_index is not None:
        raise DataError("temporal_edge_index", "comes without edge_index", "give the clip of each graph instead")
    if batch is not None:
        ptr = batch_to_ptr(batch, None if clip is None else clip.numel())
    if ptr is not None and mask is not None:
        raise DataError("mask", "comes with batch or ptr", "give it with x as [B, n, d]")
    layout = Layout.from_mask(x, mask) if ptr is None else Layout.from_ptr(x, ptr)
    return x, layout, None if box is None else box.reshape(-1, box.size(-1))


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
