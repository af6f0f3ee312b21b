"""Graph attention whose messages carry the semantic role of their edge (HGR)."""

from __future__ import annotations

from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.parameter import UninitializedParameter
from torch_geometric.nn.conv import MessagePassing

from graphvtr.errors import DataError
from graphvtr.nn.conv.adjacency import Adjacency, adjacency, attention_of, node_pair, oriented, passes_messages
from graphvtr.nn.lazy_linear import LazyLinear
from graphvtr.ops import gather_segment_reduce, role_attention


class RoleGATConv(MessagePassing):  # type: ignore[misc]
    r"""The attentive graph layer of `"Fine-grained Video-Text Retrieval with Hierarchical Graph Reasoning"
    <https://arxiv.org/abs/2003.00392>`_, Eq 7-10.

    .. math::
        \beta_{ij} &= \operatorname{softmax}_{j \in \mathcal N(i)}
            \frac{(W_q x_i)^\top (W_k x_j)}{\sqrt{d}} \\
        x'_i &= x_i + W_t \sum_{j \in \mathcal N(i)} \beta_{ij} \, (x_j \odot W_r r_{ij})

    :math:`W_t` is shared by all roles and :math:`W_r` holds one vector a role, so that a message is transformed by
    :math:`W_t \operatorname{diag}(W_r r_{ij})`: an own matrix for each role at the price of a vector. Where every
    node has one role, as in HGR, multiply the nodes instead (Eq 6) and leave ``num_roles`` None: Eq 10 says that
    this is the same. The released code's layer is ``attention_channels=D // 2, attention_bias=True, norm=True``
    with dropout: :math:`x'_i = \operatorname{LayerNorm}(x_i + \operatorname{Dropout}(W_t \sum_j \ldots))`.

    A node without incoming edges gets no context. The layer runs fused (:func:`graphvtr.ops.role_attention`) unless
    someone looks inside: with ``return_attention_weights=True``, with ``edge_weight`` or ``edge_attr``, under PyG's
    explainer, with a message passing hook or ``backend("message_passing")`` it passes messages step by step, with the
    same result.

    Args:
        in_channels: width of the node features, or ``(source, destination)``; -1 (or ``(-1, -1)``) to take it from the
            first input.
        out_channels: width of the output.
        heads: number of heads; each attends with its share of the query, key and feature channels, and
            :math:`W_t` mixes them.
        num_roles: number of rows of :math:`W_r`; None for messages that do not depend on a role.
        attention_channels: d, width of queries and keys of all heads together; ``out_channels`` when None.
        attention_bias: whether :math:`W_q` and :math:`W_k` have a bias.
        attention: False gives all neighbours the same weight, without queries and keys (Table 4, row 1).
        residual: whether :math:`x_i` is added; needs ``in_channels == out_channels``.
        norm: whether a LayerNorm (eps 1e-5) ends the layer.
        dropout: of the transformed context.
        flow: ``"source_to_target"`` or ``"target_to_source"``, which way messages go along edges.

    Shapes:
        - **input:** ``x`` ``[N, in_channels]`` or ``(x_src [M, .], x_dst [N, .])``, ``edge_index`` ``[2, E]`` (source,
          destination), an ``EdgeIndex`` or a sparse matrix ``[N, M]``, ``edge_role`` ``[E]`` or ``edge_attr``
          ``[E, num_roles]``, ``edge_weight`` ``[E]``
        - **output:** ``[N, out_channels]``; with ``return_attention_weights=True``
          ``(out, (edge_index, weights [E, heads]))``

    Raises:
        DataError: sizes that do not go together.

    Example:
        >>> conv = RoleGATConv(8, 8, num_roles=16)
        >>> conv
        RoleGATConv(8, 8, heads=1)
        >>> edge_index = torch.tensor([[0, 2], [1, 1]])
        >>> conv(torch.randn(3, 8), edge_index, torch.tensor([0, 15])).shape
        torch.Size([3, 8])
    """

    role_weight: Tensor | None

    def __init__(
        self,
        in_channels: int | tuple[int, int],
        out_channels: int,
        heads: int = 1,
        *,
        num_roles: int | None = None,
        attention_channels: int | None = None,
        attention_bias: bool = False,
        attention: bool = True,
        residual: bool = True,
        norm: bool = False,
        dropout: float = 0.0,
        flow: Literal["source_to_target", "target_to_source"] = "source_to_target",
    ) -> None:
        super().__init__(aggr="sum", node_dim=0, flow=flow)
        attention_channels = out_channels if attention_channels is None else attention_channels
        self.in_channels, self.out_channels, self.heads = in_channels, out_channels, heads
        self.num_roles, self.attention_channels, self.attention = num_roles, attention_channels, attention
        self.residual, self.dropout = residual, dropout
        if attention_channels % heads:
            raise DataError("attention_channels", f"is {attention_channels}", f"give a multiple of heads = {heads}")
        source, target = (in_channels, in_channels) if isinstance(in_channels, int) else in_channels
        if source > 0 and target > 0:
            self._check_width(source, target)
        self.lin_query = LazyLinear(target, attention_channels, bias=attention_bias) if attention else None
        self.lin_key = LazyLinear(source, attention_channels, bias=attention_bias) if attention else None
        self.lin = LazyLinear(source, out_channels, bias=False)
        if num_roles is None:
            self.register_parameter("role_weight", None)
        elif source > 0:
            self.role_weight = nn.Parameter(torch.empty(num_roles, source))
        else:
            self.role_weight = UninitializedParameter()
        self.norm = nn.LayerNorm(out_channels, eps=1e-5) if norm else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new parameters."""
        super().reset_parameters()
        for module in (self.lin_query, self.lin_key, self.lin, self.norm):
            if module is not None:
                module.reset_parameters()
        if self.role_weight is not None and not isinstance(self.role_weight, UninitializedParameter):
            nn.init.normal_(self.role_weight)

    def forward(
        self,
        x: Tensor | tuple[Tensor, Tensor],
        edge_index: Any,
        edge_role: Tensor | None = None,
        edge_weight: Tensor | None = None,
        *,
        edge_attr: Tensor | None = None,
        ptr: Tensor | None = None,
        size: tuple[int, int] | None = None,
        return_attention_weights: bool = False,
    ) -> Any:
        """Update every node from its in-neighbours.

        Args:
            x: [N, in_channels] or ``(x_src, x_dst)``.
            edge_index: [2, E], source and destination of each edge, in any order; or an ``EdgeIndex`` or sparse matrix.
            edge_role: [E], rows of :math:`W_r`, in the order of the edges; it, or ``edge_attr``, is needed with
                ``num_roles`` and refused without.
            edge_weight: [E], 0 or more: how often each edge counts in the softmax; the values of a sparse matrix.
            edge_attr: [E, num_roles], :math:`r_{ij}` itself in place of a row: the probabilities of the roles, say.
            ptr: [N + 1], where each node's incoming edges begin, for edges that are sorted by destination
                already; saves the sort.
            size: (M, N), checked against x.
            return_attention_weights: also return ``(edge_index, weights [E, heads])``, in the order given.
        """
        source, target = node_pair(x, size)
        self._check_features(source, target)
        self._check_roles(edge_role, edge_attr)
        edges = adjacency(edge_index, source.size(0), target.size(0), self.flow, edge_weight, ptr)
        by_steps = return_attention_weights or edges.weight is not None or edge_attr is not None
        if by_steps or passes_messages(self):
            context, alpha = self._step_by_step(source, target, edges, edge_role, edge_attr)
            out = self._update(target, context)
            return (out, attention_of(edge_index, edges, alpha)) if return_attention_weights else out
        return self._update(target, self._fused(source, target, edges, edge_role))

    def _update(self, x: Tensor, context: Tensor) -> Tensor:
        """Transform the context and add it, Eq 9."""
        out: Tensor = F.dropout(self.lin(context), self.dropout, self.training)
        if self.residual:
            out = x + out
        return out if self.norm is None else self.norm(out)

    def _fused(self, source: Tensor, target: Tensor, edges: Adjacency, edge_role: Tensor | None) -> Tensor:
        """The attended neighbours [N, in_channels], nothing of size [E, in_channels] kept."""
        edge_role = None if edge_role is None else edges.sort(edge_role)
        if self.lin_query is None or self.lin_key is None:
            weight = None if edge_role is None or self.role_weight is None else self.role_weight[edge_role]
            return gather_segment_reduce(source, edges.source, edges.ptr, "mean", weight)
        query, key = self._split(self.lin_query(target)), self._split(self.lin_key(source))
        role_weight = None if self.role_weight is None else self._split(self.role_weight)
        out = role_attention(query, key, self._split(source), edges.ptr, edges.source, edge_role, role_weight)
        return out.reshape(target.size(0), source.size(1))

    def _step_by_step(
        self, source: Tensor, target: Tensor, edges: Adjacency, edge_role: Tensor | None, edge_attr: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """The same by message passing, with the attention weights [E, heads]."""
        query = key = None
        if self.lin_query is not None and self.lin_key is not None:
            query, key = self._by_head(self.lin_query(target)), self._by_head(self.lin_key(source))
        size = oriented(self.flow, source.size(0), target.size(0))
        # edge_updater_type: (query: OptPairTensor, key: OptPairTensor, edges: Adjacency)
        alpha = self.edge_updater(
            edges.edge_index,
            query=oriented(self.flow, None, query),
            key=oriented(self.flow, key, None),
            edges=edges,
            size=size,
        )
        # propagate_type: (x: OptPairTensor, alpha: Tensor, edge_role: OptTensor, edge_attr: OptTensor)
        out = self.propagate(
            edges.edge_index,
            x=oriented(self.flow, self._by_head(source), None),
            alpha=alpha,
            edge_role=edge_role,
            edge_attr=edge_attr,
            size=size,
        )
        return out.reshape(target.size(0), source.size(1)), alpha

    def edge_update(self, query_i: Tensor | None, key_j: Tensor | None, edges: Adjacency, index: Tensor) -> Tensor:
        """The weight of each edge and head, Eq 7-8."""
        if query_i is None or key_j is None:  # the softmax of equal scores is the mean
            score = self.lin.weight.new_zeros((index.size(0), self.heads))
        else:
            score = (query_i * key_j).sum(-1) * query_i.size(-1) ** -0.5  # [E, H]
        return edges.softmax(score)

    def message(self, x_j: Tensor, alpha: Tensor, edge_role: Tensor | None, edge_attr: Tensor | None) -> Tensor:
        """What flows along each edge, Eq 10."""
        if self.role_weight is not None:
            weight = self.role_weight[edge_role] if edge_attr is None else edge_attr @ self.role_weight
            x_j = x_j * self._by_head(weight)
        return alpha.unsqueeze(-1) * x_j  # [E, H, in_channels / H]

    def _by_head(self, x: Tensor) -> Tensor:
        return x.reshape(x.size(0), self.heads, x.size(1) // self.heads)

    def _split(self, x: Tensor) -> Tensor:
        return x if self.heads == 1 else self._by_head(x)

    def _check_features(self, source: Tensor, target: Tensor) -> None:
        if isinstance(self.role_weight, UninitializedParameter) and self.num_roles is not None:
            self.role_weight.materialize((self.num_roles, source.size(-1)))
            nn.init.normal_(self.role_weight)
        pair = isinstance(self.in_channels, tuple | list)
        widths = tuple(self.in_channels) if pair else (self.in_channels,) * 2  # type: ignore[arg-type]
        if -1 in widths:
            widths = (source.size(-1), target.size(-1))
            self._check_width(*widths)
            for linear, seen in ((self.lin_query, widths[1]), (self.lin_key, widths[0]), (self.lin, widths[0])):
                if linear is not None:
                    linear.materialize(seen, linear.out_features)
            self.in_channels = widths if pair else widths[0]  # type: ignore[assignment]
        for name, value, width in (("x", source, widths[0]), ("x_dst", target, widths[1])):
            if value.dim() != 2 or value.size(-1) != width:
                raise DataError(
                    f"{type(self).__name__}: {name}", f"has shape {list(value.shape)}", f"give [N, {width}]"
                )

    def _check_roles(self, edge_role: Tensor | None, edge_attr: Tensor | None) -> None:
        if edge_attr is not None:
            if self.num_roles is None or edge_role is not None:
                fix = "build the layer with num_roles" if self.num_roles is None else "give one of the two"
                raise DataError("edge_attr", "is not used" if edge_role is None else "comes with edge_role", fix)
            if edge_attr.dim() != 2 or edge_attr.size(1) != self.num_roles:
                raise DataError("edge_attr", f"has shape {list(edge_attr.shape)}", f"give [E, {self.num_roles}]")
        elif (edge_role is None) != (self.num_roles is None):
            fix = "give one role an edge" if edge_role is None else "build the layer with num_roles"
            raise DataError("edge_role", "is missing" if edge_role is None else "is not used", fix)

    def _check_width(self, source: int, target: int) -> None:
        if source % self.heads:
            raise DataError("in_channels", f"is {source}", f"give a multiple of heads = {self.heads}")
        if self.residual and target != self.out_channels:
            raise DataError(
                "in_channels",
                f"is {target} for out_channels = {self.out_channels}",
                "make them equal, or use residual=False",
            )

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any, **kwargs: Any) -> None:
        saved = state_dict.get(f"{prefix}role_weight")
        lazy = isinstance(self.role_weight, UninitializedParameter)
        if lazy and saved is not None and not isinstance(saved, UninitializedParameter):
            self.role_weight.materialize(saved.shape)  # type: ignore[union-attr]
        saved, query = state_dict.get(f"{prefix}lin.weight"), state_dict.get(f"{prefix}lin_query.weight")
        if self.lin.is_lazy and saved is not None and not isinstance(saved, UninitializedParameter):
            widths = (saved.size(1), self.out_channels if query is None else query.size(1))
            self.in_channels = widths if isinstance(self.in_channels, tuple | list) else widths[0]  # type: ignore[assignment]
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.in_channels}, {self.out_channels}, heads={self.heads})"
