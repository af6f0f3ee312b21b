"""Multi-head self-attention of a transformer as message passing on complete graphs."""

from __future__ import annotations

from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch_geometric.nn.conv import MessagePassing

from graphvtr.errors import DataError
from graphvtr.nn.conv.adjacency import (
    Adjacency,
    adjacency,
    attention_of,
    complete_edge_index,
    node_pair,
    oriented,
    passes_messages,
)
from graphvtr.nn.lazy_linear import LazyLinear
from graphvtr.ops import segment_attention


class CompleteGraphAttention(MessagePassing):  # type: ignore[misc]
    r"""Every node attends over its in-neighbours; without edges, over all nodes of its own graph, itself included.

    The multi-head attention of a transformer (VSR-Net, Eq 1-2), nodes in place of tokens:

    .. math::
        \operatorname{MSA}(X)_i = W_o \bigl\Vert_{h} \sum_{j \in \mathcal N(i)} a^h_{ij} W_v^h x_j, \qquad
        a^h_{ij} = \operatorname{softmax}_{j \in \mathcal N(i)}
            \frac{(W_q^h x_i)^\top W_k^h x_j}{\sqrt{D / H}}

    On complete graphs, given by ``ptr`` or as a dense tensor, it runs fused (:func:`graphvtr.ops.segment_attention`)
    and nothing of size n² is kept. With ``edge_index``, with ``return_attention_weights=True``, under PyG's explainer,
    with a message passing hook or ``backend("message_passing")`` it passes messages along materialised edges, with the
    same result.

    Args:
        channels: D, width of the nodes; -1 (or ``(-1, -1)``) to take it from the first input.
        heads: how many, H.
        bias: whether the four maps have a bias.
        flow: ``"source_to_target"`` or ``"target_to_source"``, which way messages go along edges.

    Shapes:
        - **input:** ``x`` ``[R, D]`` with ``ptr`` ``[S + 1]`` or ``edge_index`` ``[2, E]`` (source, destination; or an
          ``EdgeIndex``, or a sparse matrix); ``(x_src, x_dst)`` with edges; or ``[S, n, D]`` where every graph has n
          nodes
        - **output:** like ``x``; with ``return_attention_weights=True`` ``(out, (edge_index, weights [E, H]))``

    Raises:
        DataError: sizes that do not go together.

    Example:
        >>> import torch
        >>> attention = CompleteGraphAttention(8, heads=2)
        >>> x, ptr = torch.randn(5, 8), torch.tensor([0, 3, 5])
        >>> out, (edge_index, weights) = attention(x, ptr, return_attention_weights=True)
        >>> bool(torch.allclose(out, attention(x, ptr), atol=1e-6)), edge_index.shape
        (True, torch.Size([2, 13]))
    """

    def __init__(
        self,
        channels: int | tuple[int, int],
        heads: int = 8,
        *,
        bias: bool = True,
        flow: Literal["source_to_target", "target_to_source"] = "source_to_target",
    ) -> None:
        super().__init__(aggr="sum", node_dim=0, flow=flow)
        pair = (channels, channels) if isinstance(channels, int) else channels
        if pair[0] != pair[1]:
            raise DataError("channels", f"is {channels}", "give one width: queries and keys come from one map")
        self.channels, self.heads = pair[0], heads
        self._check_width(self.channels)
        self.qkv = LazyLinear(self.channels, -1 if self.channels == -1 else 3 * self.channels, bias=bias)
        self.out = LazyLinear(self.channels, self.channels, bias=bias)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new parameters: Xavier for each of the four maps."""
        super().reset_parameters()
        if self.qkv.is_lazy:
            return
        for weight in (*self.qkv.weight.chunk(3), self.out.weight):
            nn.init.xavier_uniform_(weight)
        for linear in (self.qkv, self.out):
            if linear.bias is not None:
                nn.init.zeros_(linear.bias)

    def forward(
        self,
        x: Tensor | tuple[Tensor, Tensor],
        ptr: Tensor | None = None,
        edge_index: Any = None,
        edge_weight: Tensor | None = None,
        *,
        size: tuple[int, int] | None = None,
        return_attention_weights: bool = False,
    ) -> Any:
        """Attend.

        Args:
            x: [R, D], ``(x_src, x_dst)`` with ``edge_index``, or [S, n, D] without ``ptr`` and ``edge_index``.
            ptr: [S + 1], where each graph's nodes begin; not needed with edges. Edges may stand here too, and their
                weights after them, where PyG's containers put them.
            edge_index: [2, E], in place of complete graphs; a node without incoming edges gets no context.
            edge_weight: [E], 0 or more: how often each edge counts in the softmax.
            size: (number of sources, of destinations), checked against x.
            return_attention_weights: also return the edges and how much flows along each.
        """
        if ptr is not None and (ptr.dim() == 2 or ptr.layout != torch.strided):
            ptr, edge_index, edge_weight = None, ptr, edge_index if edge_weight is None else edge_weight
        source, target = node_pair(x, size)
        dense = ptr is None and edge_index is None
        self._check_features(source, target, dense)
        if target is not source and edge_index is None:
            raise DataError("x", "is a pair without edge_index", "a complete graph has one set of nodes")
        looked_into = return_attention_weights or passes_messages(self)
        if edge_index is None and edge_weight is None and not looked_into:
            query, key, value = self.qkv(source).unflatten(-1, (3, self.heads, -1)).unbind(-3)  # [..., H, D / H]
            return self.out(segment_attention(query, key, value, ptr).flatten(-2))
        shape = source.shape
        if dense:
            if return_attention_weights:
                raise DataError("ptr", "missing", "message passing takes [R, D] with ptr or edge_index")
            ptr = torch.arange(shape[0] + 1, device=source.device) * shape[1]
            source = target = source.flatten(0, 1)
        if edge_index is None:
            edge_index = complete_edge_index(ptr)  # type: ignore[arg-type]
            edge_index = edge_index.flip(0) if self.flow == "target_to_source" else edge_index
        edges = adjacency(edge_index, source.size(0), target.size(0), self.flow, edge_weight)
        context, alpha = self._step_by_step(source, target, edges)
        out = self.out(context.flatten(-2))
        if return_attention_weights:
            return out, attention_of(edge_index, edges, alpha)
        return out.view(shape) if dense else out

    def _step_by_step(self, source: Tensor, target: Tensor, edges: Adjacency) -> tuple[Tensor, Tensor]:
        """By message passing: the context [N, H, D / H] and the weights [E, H]."""
        if target is source:
            query, key, value = self.qkv(source).unflatten(-1, (3, self.heads, -1)).unbind(-3)
        else:
            d, bias = self.channels, self.qkv.bias
            first, rest = (None, None) if bias is None else (bias[:d], bias[d:])
            query = F.linear(target, self.qkv.weight[:d], first).unflatten(-1, (self.heads, -1))
            key, value = F.linear(source, self.qkv.weight[d:], rest).unflatten(-1, (2, self.heads, -1)).unbind(-3)
        size = oriented(self.flow, source.size(0), target.size(0))
        # edge_updater_type: (query: OptPairTensor, key: OptPairTensor, edges: Adjacency)
        alpha = self.edge_updater(
            edges.edge_index,
            query=oriented(self.flow, None, query),
            key=oriented(self.flow, key, None),
            edges=edges,
            size=size,
        )
        # propagate_type: (value: OptPairTensor, alpha: Tensor)
        values = oriented(self.flow, value, None)
        return self.propagate(edges.edge_index, value=values, alpha=alpha, size=size), alpha

    def edge_update(self, query_i: Tensor, key_j: Tensor, edges: Adjacency) -> Tensor:
        """The weight of each edge and head, Eq 1."""
        return edges.softmax((query_i * key_j).sum(-1) * query_i.size(-1) ** -0.5)  # [E, H]

    def message(self, value_j: Tensor, alpha: Tensor) -> Tensor:
        """What flows along each edge."""
        return alpha.unsqueeze(-1) * value_j

    def _check_features(self, source: Tensor, target: Tensor, dense: bool) -> None:
        if self.channels == -1:
            self._check_width(source.size(-1))
            self.channels = source.size(-1)
            self.qkv.materialize(self.channels, 3 * self.channels)
            self.out.materialize(self.channels, self.channels)
            self.reset_parameters()
        for x in (source, target):
            if x.dim() != (3 if dense else 2) or x.size(-1) != self.channels:
                shape = f"[S, n, {self.channels}], or [R, {self.channels}] with ptr or edge_index"
                raise DataError(f"{type(self).__name__}: x", f"has shape {list(x.shape)}", f"give {shape}")

    def _check_width(self, channels: int) -> None:
        if channels != -1 and (self.heads < 1 or channels < 1 or channels % self.heads):
            raise DataError("channels", f"is {channels}", f"give a multiple of heads = {self.heads}")

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any, **kwargs: Any) -> None:
        saved = state_dict.get(f"{prefix}out.weight")
        if self.channels == -1 and saved is not None and not hasattr(saved, "materialize"):
            self.channels = saved.size(0)
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.channels}, heads={self.heads})"
