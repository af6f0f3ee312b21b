"""Captions to events, actions and entities that know of each other (HGR section 3.1)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, cast

import torch
from torch import Tensor, nn
from torch_geometric.nn import RGCNConv

from graphvtr.errors import DataError, check_choice
from graphvtr.graphs import EVENT_ROLE, ROLES, RoleGraph, node_ptr, num_nodes
from graphvtr.graphs.reasoning import EventEdges, ReasoningGraph, attach_reasoning, reasoning_graph
from graphvtr.nn.conv import RoleGATConv
from graphvtr.nn.encoders.pretrained_words import PretrainedWords
from graphvtr.nn.encoders.role_slots import node_words
from graphvtr.nn.encoders.words import Recurrent, RecurrentInit, WordEncoder, WordInit
from graphvtr.nn.levels import Level, LevelEmbeddings
from graphvtr.nn.pool import SoftAttentionPool

RolesOn = Literal["nodes", "edges", "relations"]


class RoleGraphEncoder(nn.Module):
    r"""Encode role graphs: words in context, pooled to nodes, multiplied by their roles, then graph reasoning.

    - event: soft attention over the caption's words (Eq 4-5); action, entity: maximum over the node's words
    - roles: :math:`g_i^0 = g_i \odot W_r r_i` (Eq 6)
    - reasoning: :class:`graphvtr.nn.RoleGATConv` layers over :func:`graphvtr.graphs.reasoning.reasoning_graph`

    Args:
        vocab_size, word_dim, hidden, rnn, rnn_init, word_init, word_dropout: of the :class:`WordEncoder`.
        num_layers: number of reasoning layers.
        attention_channels, attention_bias, attention, layer_norm, graph_dropout: of the reasoning layers.
        event_edges: ``"both"``, ``"to_action"`` or ``"none"``, how event and actions are joined.
        role_aware: whether nodes are multiplied by their role's embedding (Table 4, row 2, is without).
        event_role: whether the event has an embedding too, as Eq 6 writes; False leaves it as it is.
        roles_on: ``"nodes"`` (Eq 6); ``"edges"``: messages are multiplied by the role of their edge instead (Eq 10 with
            a role an edge, so that a node may play several); or ``"relations"``: an own matrix for every role, as in
            `R-GCN <https://arxiv.org/abs/1703.06103>`_ without attention, which HGR argues against.
        text: ``"minilm"`` or the directory of a BERT- or CLIP-like language model: its frozen features of the words in
            their caption take the place of the learned embedding, see :class:`PretrainedWords`; None learns one.

    Raises:
        DataError: ``word.id`` is missing or outside the vocabulary.
    """

    def __init__(
        self,
        vocab_size: int,
        word_dim: int,
        hidden: int,
        *,
        num_layers: int = 2,
        rnn: Recurrent = "lstm",
        rnn_init: RecurrentInit = "uniform",
        word_init: WordInit = "normal",
        word_dropout: float = 0.0,
        attention_channels: int | None = None,
        attention_bias: bool = False,
        attention: bool = True,
        layer_norm: bool = False,
        graph_dropout: float = 0.0,
        event_edges: EventEdges = "both",
        role_aware: bool = True,
        event_role: bool = True,
        roles_on: RolesOn = "nodes",
        text: str | None = None,
    ) -> None:
        super().__init__()
        self.event_edges, self.event_role = event_edges, event_role
        self.pretrained = None if text is None else PretrainedWords(text)
        sizes = (vocab_size, word_dim) if self.pretrained is None else (0, self.pretrained.out_channels)
        self.words = WordEncoder(*sizes, hidden, rnn, rnn_init, word_dropout, word_init)
        self.pool = SoftAttentionPool(hidden)
        check_choice("roles_on", roles_on, RolesOn)
        on_edges = role_aware and roles_on != "nodes"
        self.roles = nn.Embedding(len(ROLES) + event_role, hidden) if role_aware and not on_edges else None
        self.layers = nn.ModuleList(
            RelationalLayer(hidden, EVENT_ROLE + 1, norm=layer_norm, dropout=graph_dropout)
            if on_edges and roles_on == "relations"
            else RoleGATConv(
                hidden,
                hidden,
                attention_channels=attention_channels,
                attention_bias=attention_bias,
                attention=attention,
                norm=layer_norm,
                dropout=graph_dropout,
                num_roles=EVENT_ROLE + 1 if on_edges else None,
            )
            for _ in range(num_layers)
        )
        self.on_edges = on_edges

    def forward(self, graph: RoleGraph) -> LevelEmbeddings:
        """Encode a role graph or a packed batch: ``event`` [N, D], ragged ``action`` and ``entity``."""
        return reason(self.layers, graph, *self._nodes(graph), self.on_edges)

    def on_host(self, graph: RoleGraph) -> None:
        """Hang the reasoning graph onto a batch that has not left the CPU yet: it is sorted where batches are cut."""
        attach_reasoning(graph, self.event_edges)

    def attention_weights(self, graph: RoleGraph) -> tuple[ReasoningGraph, list[Tensor]]:
        """The reasoning graph and the attention of every layer, [E] each, in the order of its edges (Figure 3)."""
        x, reasoning = self._nodes(graph)
        if any(isinstance(layer, RelationalLayer) for layer in self.layers):
            raise DataError("roles_on", "is 'relations'", "such layers have no attention to show")
        return reasoning, layer_attention(cast(Iterable[RoleGATConv], self.layers), x, reasoning, self.on_edges)

    def word_weights(self, graph: RoleGraph) -> Tensor:
        """The event's attention over the words (Eq 5), [W]; it sums to 1 over a caption."""
        words, word_ptr = self._words(graph)
        _, weights = self.pool(words, word_ptr, return_weights=True)
        return weights

    def _nodes(self, graph: RoleGraph) -> tuple[Tensor, ReasoningGraph]:
        """The nodes before reasoning [events + actions + entities, D], and how they are joined."""
        _, event, local = self._pooled(graph)
        return self._with_roles(graph, event, local)

    def _pooled(self, graph: RoleGraph) -> tuple[Tensor, Tensor, Tensor]:
        """Words in context [W, D], events [N, D], actions and entities [A + E, D], all without their roles."""
        words, word_ptr = self._words(graph)
        local = torch.cat([node_words(graph, words, level, "max") for level in ("action", "entity")])
        return words, self.pool(words, word_ptr), local

    def vectors(self, graph: RoleGraph) -> Tensor:
        """The vector of every word on its own, [W, word_dim]."""
        if self.pretrained is not None:
            return self.pretrained(graph)  # type: ignore[no-any-return]
        assert self.words.embedding is not None
        return self.words.embedding(graph["word"].id)  # type: ignore[no-any-return]

    def _words(self, graph: RoleGraph) -> tuple[Tensor, Tensor]:
        """Words in context [W, D], and where each caption's begin."""
        if self.pretrained is not None:
            words = self.pretrained(graph)
        elif "id" in graph["word"]:
            words = graph["word"].id
        else:
            raise DataError("word.id", "missing", "encode the graphs with a Vocabulary first")
        word_ptr = node_ptr(graph, "word").to(words.device)
        return self.words(words, word_ptr), word_ptr

    def _with_roles(self, graph: RoleGraph, event: Tensor, local: Tensor) -> tuple[Tensor, ReasoningGraph]:
        reasoning = reasoning_graph(graph, self.event_edges)
        if self.roles is None:
            return torch.cat([event, local]), reasoning
        if self.event_role:
            return torch.cat([event, local]) * self.roles(reasoning.node_role), reasoning
        return torch.cat([event, local * self.roles(reasoning.node_role[event.size(0) :])]), reasoning


class RelationalLayer(nn.Module):
    r"""R-GCN in the place of :class:`RoleGATConv`: :math:`x'_i = x_i + \sum_r \frac{1}{|\mathcal N_r(i)|}
    \sum_{j \in \mathcal N_r(i)} W_r x_j`, dropout and LayerNorm as there.

    Args:
        channels: D, width of the nodes.
        relations: number of matrices.
        norm: whether a LayerNorm ends the layer.
        dropout: of what is added.
    """

    def __init__(self, channels: int, relations: int, *, norm: bool = False, dropout: float = 0.0) -> None:
        super().__init__()
        self.conv = RGCNConv(channels, channels, relations, root_weight=False, bias=False)
        self.norm = nn.LayerNorm(channels, eps=1e-5) if norm else nn.Identity()
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, edge_index: Tensor, edge_role: Tensor, ptr: Tensor | None = None) -> Tensor:
        """[N, D]; ``ptr`` is not needed."""
        out: Tensor = self.norm(x + self.dropout(self.conv(x, edge_index, edge_role)))
        return out


def reason(
    layers: Iterable[nn.Module], graph: RoleGraph, x: Tensor, reasoning: ReasoningGraph, on_edges: bool = False
) -> LevelEmbeddings:
    """What the layers make of the nodes ``x`` [events + actions + entities, D]: ``event`` [N, D], ragged ``action`` and
    ``entity``."""
    role = reasoning.edge_role if on_edges else None
    for layer in layers:
        x = layer(x, reasoning.edge_index, role, ptr=reasoning.ptr)
    event, *nodes = x.split([num_nodes(graph, level) for level in ("event", "action", "entity")])
    ptr = (node_ptr(graph, level).to(x.device) for level in ("action", "entity"))
    action, entity = map(Level, nodes, ptr)
    return LevelEmbeddings(event=event, action=action, entity=entity)


def layer_attention(
    layers: Iterable[RoleGATConv], x: Tensor, reasoning: ReasoningGraph, on_edges: bool = False
) -> list[Tensor]:
    """How much each node listens to each neighbour in every layer, [E] each, in the order of the edges."""
    weights, role = [], reasoning.edge_role if on_edges else None
    for layer in layers:
        x, (_, weight) = layer(x, reasoning.edge_index, role, ptr=reasoning.ptr, return_attention_weights=True)
        weights.append(weight.squeeze(-1))
    return weights
