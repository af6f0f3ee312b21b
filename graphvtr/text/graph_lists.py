"""A role graph as plain lists: what parsers give. Nothing here imports torch, so that a process which only parses need
not (:mod:`graphvtr.search.ahead`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from graphvtr.graphs import RoleGraph


class GraphLists(NamedTuple):
    """One graph in plain lists, as :meth:`RoleGraph.build <graphvtr.graphs.RoleGraph.build>` takes them.

    ``actions`` are word indices, sorted; ``entities`` are ``(role id, word indices)``, sorted too; ``fills`` are
    ``(entity, action, role id)``, each pair once.
    """

    caption: str
    words: Sequence[str]
    actions: Sequence[Sequence[int]]
    entities: Sequence[tuple[int, Sequence[int]]]
    fills: Sequence[tuple[int, int, int]]

    @classmethod
    def of(cls, graph: RoleGraph) -> GraphLists:
        """The lists of a graph."""
        from graphvtr.graphs.role_graph import FILLS

        pairs = graph[FILLS].edge_index.t().tolist()
        spans = {level: _spans(graph, level) for level in ("action", "entity")}
        return cls(
            graph.caption,
            graph.words,
            spans["action"],
            list(zip(graph["entity"].role.tolist(), spans["entity"], strict=True)),
            [(entity, action, role) for (entity, action), role in zip(pairs, graph[FILLS].role.tolist(), strict=True)],
        )

    def graph(self) -> RoleGraph:
        """The graph, validated."""
        from graphvtr.graphs.role_graph import RoleGraph

        return RoleGraph.build(self.words, self.actions, self.entities, self.fills, caption=self.caption)


def _spans(graph: RoleGraph, level: str) -> list[list[int]]:
    spans: list[list[int]] = [[] for _ in range(int(graph[level].num_nodes))]
    for word, node in graph["word", "in", level].edge_index.t().tolist():
        spans[node].append(word)
    return spans
