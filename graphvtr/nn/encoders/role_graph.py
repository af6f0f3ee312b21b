"""Captions to events, actions and entities that know of each other (HGR section 3.1)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from graphvtr.errors import DataError
from graphvtr.graphs import ROLES, RoleGraph, node_ptr
from graphvtr.graphs.reasoning import EventEdges, ReasoningGraph, reasoning_graph
from graphvtr.nn.conv import RoleGATConv
from graphvtr.nn.encoders.pretrained_words import PretrainedWords
from graphvtr.nn.encoders.words import Recurrent, RecurrentInit, WordEncoder, WordInit
from graphvtr.nn.levels import Level, LevelEmbeddings
from graphvtr.nn.pool import SoftAttentionPool
from graphvtr.ops import gather_segment_reduce


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
        text: str | None = None,
    ) -> None:
        super().__init__()
        self.event_edges, self.event_role = event_edges, event_role
        self.pretrained = None if text is None else PretrainedWords(text)
        sizes = (vocab_size, word_dim) if self.pretrained is None else (0, self.pretrained.out_channels)
        self.words = WordEncoder(*sizes, hidden, rnn, rnn_init, word_dropout, word_init)
        self.pool = SoftAttentionPool(hidden)
        self.roles = nn.Embedding(len(ROLES) + event_role, hidden) if role_aware else None
        self.layers = nn.ModuleList(
            RoleGATConv(
                hidden, hidden, attention_channels=attention_channels, attention_bias=attention_bias,
                attention=attention, norm=layer_norm, dropout=graph_dropout,
            )
            for _ in range(num_layers)
        )  # fmt: skip

    def forward(self, graph: RoleGraph) -> LevelEmbeddings:
        """Encode a role graph or a packed batch: ``event`` [N, D], ragged ``action`` and ``entity``."""
        x, reasoning = self._nodes(graph)
        for layer in self.layers:
            x = layer(x, reasoning.edge_index, ptr=reasoning.ptr)
        event, action, entity = x.split([int(graph[level].num_nodes) for level in ("event", "action", "entity")])
        return LevelEmbeddings(
            event=event,
            action=Level(action, node_ptr(graph, "action").to(x.device)),
            entity=Level(entity, node_ptr(graph, "entity").to(x.device)),
        )

    def attention_weights(self, graph: RoleGraph) -> tuple[ReasoningGraph, list[Tensor]]:
        """The reasoning graph and the attention of every layer, [E] each, in the order of its edges (Figure 3)."""
        x, reasoning = self._nodes(graph)
        weights = []
        for layer in self.layers:
            x, (_, weight) = layer(x, reasoning.edge_index, ptr=reasoning.ptr, return_attention_weights=True)
            weights.append(weight.squeeze(-1))
        return reasoning, weights

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
        local = torch.cat([_span_max(graph, words, level) for level in ("action", "entity")])
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
        return torch.cat([event, local * self.roles(reasoning.node_role[len(event) :])]), reasoning


def _span_max(graph: RoleGraph, words: Tensor, level: str) -> Tensor:
    """The maximum over each node's words, [nodes, D]."""
    word, owner = graph["word", "in", level].edge_index
    nodes = torch.arange(int(graph[level].num_nodes) + 1, device=owner.device)
    return gather_segment_reduce(words, word, torch.searchsorted(owner.contiguous(), nodes), "max")
