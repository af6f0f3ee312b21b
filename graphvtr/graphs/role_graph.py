"""A caption as a semantic role graph: one event, its actions, their entities."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from graphvtr.errors import DataError
from graphvtr.graphs.checked import CheckedGraph
from graphvtr.graphs.roles import EVENT_ROLE, ROLES, VERB_ROLE, role_id
from graphvtr.graphs.storage import stored
from graphvtr.values import shown, whole_number

NODE_TYPES = ("word", "event", "action", "entity")
SPAN_EDGES = tuple(("word", "in", level) for level in ("event", "action", "entity"))
FILLS, OF = ("entity", "fills", "action"), ("action", "of", "entity")
IN_EVENT, HOLDS = ("action", "in", "event"), ("event", "holds", "action")
EDGE_TYPES = (*SPAN_EDGES, FILLS, OF, IN_EVENT, HOLDS)


@stored
class RoleGraph(CheckedGraph):
    """Words, one event, actions and entities (HGR section 3.1). Messages flow along the edges.

    ===================================  ======================================================
    ``word.id`` [W]                      vocabulary ids (once a vocabulary has encoded the graph)
    ``word.text``                        the surface words, a list of W strings
    ``event.role`` [1]                   :data:`EVENT_ROLE`
    ``action.role`` [A]                  :data:`VERB_ROLE` of every action
    ``entity.role`` [E]                  the role of each entity, an id of :data:`ROLES`
    ``('word','in', level)``             which words a node spans, sorted by node
    ``('entity','fills','action')``      with ``role`` [n], the role on each edge
    ``('action','of','entity')``         its reverse
    ``('action','in','event')``          every action, and the reverse ``('event','holds','action')``
    ===================================  ======================================================

    An entity that plays two roles stands twice, once a role, as in the paper. ``caption`` is the sentence.
    Build one with :meth:`build`, which validates.
    """

    @classmethod
    def build(
        cls,
        words: Sequence[str],
        actions: Iterable[Sequence[int]],
        entities: Iterable[tuple[str | int, Sequence[int]]],
        fills: Iterable[tuple[int, int]] | Iterable[tuple[int, int, str | int]],
        *,
        caption: str | None = None,
    ) -> RoleGraph:
        """Build and validate a graph from plain lists.

        Args:
            words: the caption's words, at least one.
            actions: for each action the indices of its words.
            entities: for each entity its role (a label such as ``"ARG0"`` or an id) and its words' indices.
            fills: ``(entity, action)`` pairs; the edge carries the entity's role, or the role given as a third
                value. Repeated pairs are kept once.
            caption: the sentence; the words joined by spaces when not given.

        Raises:
            DataError: no words, or a sentence instead of words; an index out of range or no whole number, a node
                without words.

        Example:
            >>> graph = RoleGraph.build(
            ...     ["a", "dog", "barks"], actions=[[2]], entities=[("ARG0", [0, 1])], fills=[(0, 0)])
            >>> graph["entity"].role.tolist(), graph.num_actions
            ([2], 1)
        """
        if isinstance(words, str):
            raise DataError("words", f"is the text {words!r}", "give a list of words, or parse it: get_parser('spacy')")
        graph = cls()
        graph.caption = " ".join(words) if caption is None else caption
        action_spans = [_as_span(span, f"action {place}") for place, span in enumerate(actions)]
        entity_list = [
            (_as_role(role), _as_span(span, f"entity {place}")) for place, (role, span) in enumerate(entities)
        ]
        graph["word"].text = list(words)
        graph["word"].num_nodes = len(words)
        graph["event"].role = torch.tensor([EVENT_ROLE])
        graph["event"].num_nodes = 1
        graph["action"].role = torch.full((len(action_spans),), VERB_ROLE)
        graph["action"].num_nodes = len(action_spans)
        graph["entity"].role = torch.tensor([role for role, _ in entity_list], dtype=torch.long)
        graph["entity"].num_nodes = len(entity_list)
        graph[SPAN_EDGES[0]].edge_index = _span_index([range(len(words))])
        graph[SPAN_EDGES[1]].edge_index = _span_index(action_spans)
        graph[SPAN_EDGES[2]].edge_index = _span_index([span for _, span in entity_list])
        edges: dict[tuple[int, int], int] = {}
        for ends in fills:
            entity, action = (whole_number(end, "fills") for end in ends[:2])
            role = ends[2:]
            if not 0 <= entity < len(entity_list):
                raise DataError(
                    f"caption '{graph.caption}': fills",
                    f"names entity {entity} of {len(entity_list)}",
                    "use indices into `entities`",
                )
            edges.setdefault((entity, action), _as_role(role[0]) if role else entity_list[entity][0])
        index = torch.tensor(list(edges), dtype=torch.long).reshape(-1, 2).t().contiguous()
        graph[FILLS].edge_index = index
        graph[FILLS].role = torch.tensor(list(edges.values()), dtype=torch.long)
        graph[OF].edge_index = index.flip(0)
        held = torch.arange(len(action_spans))
        graph[IN_EVENT].edge_index = torch.stack([held, torch.zeros_like(held)])
        graph[HOLDS].edge_index = torch.stack([torch.zeros_like(held), held])
        graph.validate()
        return graph

    @property
    def words(self) -> list[str]:
        """The surface words."""
        return list(self["word"].text)

    @property
    def num_actions(self) -> int:
        """Number of action nodes."""
        return int(self["action"].num_nodes)

    @property
    def num_entities(self) -> int:
        """Number of entity nodes."""
        return int(self["entity"].num_nodes)

    def span(self, level: str, node: int) -> list[int]:
        """Indices of the words of a node; ``level`` is ``'event'``, ``'action'`` or ``'entity'``."""
        word, owner = self["word", "in", level].edge_index
        return word[owner == node].tolist()

    def phrase(self, level: str, node: int) -> str:
        """The words of a node, joined by spaces."""
        words = self["word"].text
        return " ".join(words[index] for index in self.span(level, node))

    def role_names(self) -> list[str]:
        """The label of each entity's role."""
        return [ROLES[role] for role in self["entity"].role.tolist()]

    def describe(self) -> str:
        """See :meth:`CheckedGraph.describe`."""
        caption = self.get("caption")
        return f"caption '{caption}': " if isinstance(caption, str) else ""

    def check_fields(self) -> None:
        """See :meth:`CheckedGraph.validate`."""
        for node_type in NODE_TYPES:
            self.require(node_type in self.node_types, node_type, "missing", "build graphs with RoleGraph.build")
        self.require(self["word"].num_nodes > 0, "word", "the caption has no words", "drop empty captions")
        for edge_type in EDGE_TYPES:
            name = "-".join(edge_type)
            self.require(edge_type in self.edge_types, name, "missing", "build graphs with RoleGraph.build")
            index = self[edge_type].edge_index
            self.require(index.dim() == 2 and index.size(0) == 2, name, f"has shape {list(index.shape)}", "give [2, n]")
            for row, node_type in zip(index, (edge_type[0], edge_type[2]), strict=True):
                count = int(self[node_type].num_nodes or 0)
                self.require(
                    not row.numel() or (row.min() >= 0 and row.max() < count),
                    name,
                    f"points outside the {count} {node_type} nodes",
                    "use indices of existing nodes",
                )
        for _, _, level in SPAN_EDGES:
            owner = self["word", "in", level].edge_index[1]
            self.require((owner.diff() >= 0).all(), f"word-in-{level}", "is not sorted by node", "sort edges by node")
            covered = torch.unique_consecutive(owner).numel() == int(self[level].num_nodes)
            self.require(covered, f"word-in-{level}", "leaves a node without words", "drop nodes that span no word")
        for field, role in (("entity.role", self["entity"].role), ("fills.role", self[FILLS].role)):
            in_range = not role.numel() or (role.min() >= 0 and role.max() < len(ROLES))
            self.require(in_range, field, f"has ids outside 0..{len(ROLES) - 1}", "use graphvtr.text.role_id")
        self.require(
            self[FILLS].role.numel() == self[FILLS].edge_index.size(1),
            "fills.role",
            f"has {self[FILLS].role.numel()} values for {self[FILLS].edge_index.size(1)} edges",
            "one role an edge",
        )
        self.require(
            not (self["entity"].role == VERB_ROLE).any(),
            "entity.role",
            "is V",
            "verbs are actions, not entities",
        )


def _as_role(role: str | int) -> int:
    return role_id(role) if isinstance(role, str) else whole_number(role, "role")


def _as_span(span: Iterable[int], name: str) -> list[int]:
    if isinstance(span, str) or not hasattr(span, "__iter__"):
        raise DataError(name, f"spans {shown(span)}", "give the indices of its words")
    return sorted({whole_number(word, name) for word in span})


def _span_index(spans: Iterable[Iterable[int]]) -> Tensor:
    pairs = [(word, node) for node, span in enumerate(spans) for word in span]
    return torch.tensor(pairs, dtype=torch.long).reshape(-1, 2).t().contiguous()
