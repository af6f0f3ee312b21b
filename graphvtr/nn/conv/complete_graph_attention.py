"""Multi-head self-attention of a transformer as message passing on complete graphs."""

from __future__ import annotations

from typing import Literal, overload

import torch
from torch import Tensor, nn
from torch_geometric.nn.conv import MessagePassing

from graphvtr.errors import DataError
from graphvtr.nn.conv.adjacency import passes_messages
from graphvtr.ops import complete_edges, edges_to_csr, segment_attention, segment_softmax
from graphvtr.ops._segments import segment_of


class CompleteGraphAttention(MessagePassing):  # type: ignore[misc]
    r"""Every node attends over its in-neighbours; without edges, over all nodes of its own graph, itself included.

    The multi-head attention of a transformer (VSR-Net, Eq 1-2), nodes in place of tokens:

    .. math::
        \operatorname{MSA}(X)_i = W_o \bigl\Vert_{h} \sum_{j \in \mathcal N(i)} a^h_{ij} W_v^h x_j, \qquad
        a^h_{ij} = \operatorname{softmax}_{j \in \mathcal N(i)}
            \frac{(W_q^h x_i)^\top W_k^h x_j}{\sqrt{D / H}}

    On complete graphs, given by ``ptr`` or as a dense tensor, it runs fused (:func:`graphvtr.ops.segment_attention`)
    and nothing of size n² is kept. With ``edge_index``, with ``return_attention_weights=True``, under PyG's explainer
    or with a message passing hook it passes messages along materialised edges, with the same result.

    Args:
        channels: D, width of the nodes.
        heads: H.
        bias: whether the four maps have a bias.

    Shapes:
        - **input:** ``x`` ``[R, D]`` with ``ptr`` ``[S + 1]`` or ``edge_index`` ``[2, E]`` (source, destination); or
          ``[S, n, D]`` where every graph has n nodes
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

    def __init__(self, channels: int, heads: int = 8, *, bias: bool = True) -> None:
        super().__init__(aggr="sum", node_dim=0)
        if heads < 1 or channels < 1 or channels % heads:
            raise DataError("channels", f"is {channels}", f"give a multiple of heads = {heads}")
        self.channels, self.heads = channels, heads
        self.qkv = nn.Linear(channels, 3 * channels, bias=bias)
        self.out = nn.Linear(channels, channels, bias=bias)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new parameters: Xavier for each of the four maps."""
        super().reset_parameters()
        for weight in (*self.qkv.weight.chunk(3), self.out.weight):
            nn.init.xavier_uniform_(weight)
        for linear in (self.qkv, self.out):
            if linear.bias is not None:
                nn.init.zeros_(linear.bias)

    @overload
    def forward(
        self, x: Tensor, ptr: Tensor | None = ..., edge_index: Tensor | None = ..., *,
        return_attention_weights: Literal[False] = ...,
    ) -> Tensor: ...  # fmt: skip

    @overload
    def forward(
        self, x: Tensor, ptr: Tensor | None = ..., edge_index: Tensor | None = ..., *,
        return_attention_weights: Literal[True],
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]: ...  # fmt: skip

    def forward(
        self,
        x: Tensor,
        ptr: Tensor | None = None,
        edge_index: Tensor | None = None,
        *,
        return_attention_weights: bool = False,
    ) -> Tensor | tuple[Tensor, tuple[Tensor, Tensor]]:
        """Attend.

        Args:
            x: [R, D], or [S, n, D] without ``ptr`` and ``edge_index``.
            ptr: [S + 1], where each graph's nodes begin; not needed with edges.
            edge_index: [2, E], in place of complete graphs; a node without incoming edges gets no context.
            return_attention_weights: also return the edges and how much flows along each.
        """
        dense = ptr is None and edge_index is None
        if x.dim() != (3 if dense else 2) or x.size(-1) != self.channels:
            shape = f"[S, n, {self.channels}], or [R, {self.channels}] with ptr or edge_index"
            raise DataError("x", f"has shape {list(x.shape)}", f"give {shape}")
        query, key, value = self.qkv(x).unflatten(-1, (3, self.heads, -1)).unbind(-3)  # [..., H, D / H]
        if edge_index is None and not return_attention_weights and not passes_messages(self):
            return self.out(segment_attention(query, key, value, ptr).flatten(-2))  # type: ignore[no-any-return]
        if dense:
            raise DataError("ptr", "missing", "message passing takes [R, D] with ptr or edge_index")
        if edge_index is None:
            edge_index = complete_edge_index(ptr)  # type: ignore[arg-type]
        context, weights = self._step_by_step(query, key, value, edge_index)
        out = self.out(context.flatten(-2))
        return (out, (edge_index, weights)) if return_attention_weights else out

    def _step_by_step(self, query: Tensor, key: Tensor, value: Tensor, edge_index: Tensor) -> tuple[Tensor, Tensor]:
        """By message passing: the context [R, H, D / H] and the weights [E, H]."""
        edge_ptr, _, order = edges_to_csr(edge_index, query.size(0))
        # edge_updater_type: (query: Tensor, key: Tensor, order: Tensor, edge_ptr: Tensor)
        weights = self.edge_updater(edge_index, query=query, key=key, order=order, edge_ptr=edge_ptr)
        # propagate_type: (value: Tensor, weights: Tensor)
        return self.propagate(edge_index, value=value, weights=weights, size=None), weights

    def edge_update(self, query_i: Tensor, key_j: Tensor, order: Tensor, edge_ptr: Tensor) -> Tensor:
        """The weight of each edge and head, Eq 1."""
        score = (query_i * key_j).sum(-1) * query_i.size(-1) ** -0.5  # [E, H]
        place = order.argsort()
        return segment_softmax(score[order], edge_ptr)[place]

    def message(self, value_j: Tensor, weights: Tensor) -> Tensor:
        """What flows along each edge."""
        return weights.unsqueeze(-1) * value_j

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.channels}, heads={self.heads})"


def complete_edge_index(ptr: Tensor) -> Tensor:
    """All pairs of nodes of each graph, self loops included, [2, sum of n²]: sources above destinations."""
    edge_ptr, source = complete_edges(ptr)
    return torch.stack([source, segment_of(edge_ptr, source.size(0))])
