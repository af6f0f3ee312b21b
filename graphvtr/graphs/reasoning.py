"""The homogeneous graph that HGR reasons over: every event, action and entity of a batch is one node."""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch import Tensor

from graphvtr.errors import check_choice
from graphvtr.graphs.flat import num_nodes
from graphvtr.graphs.role_graph import FILLS, HOLDS, IN_EVENT, OF, RoleGraph
from graphvtr.graphs.roles import EVENT_ROLE, VERB_ROLE
from graphvtr.ops.csr import index_to_ptr

EventEdges = Literal["both", "to_action", "none"]
EVENT_EDGES = {"both": 4, "to_action": 3, "none": 2}  # how many of FILLS, OF, HOLDS, IN_EVENT
LEVELS = ("event", "action", "entity")


class ReasoningGraph(NamedTuple):
    """Nodes: all events of a batch, then all actions, then all entities; edges sorted by their destination.

    A named tuple of tensors, so that one hung on a batch follows its ``to(device)`` and ``pin_memory()``.

    Attributes:
        edge_index: [2, E], source and destination; messages flow from the first to the second. No edge twice.
        ptr: [N + 1], node i receives along the edges ``ptr[i]:ptr[i + 1]``.
        edge_role: [E], the role on each edge: the filled role from an entity to an action, V from an action,
            :data:`EVENT_ROLE` from an event.
        node_role: [N], the role of each node, :data:`EVENT_ROLE` for events and V for actions.
        event_edges: ``"both"``, ``"to_action"`` or ``"none"``, how events and actions are joined.
    """

    edge_index: Tensor
    ptr: Tensor
    edge_role: Tensor
    node_role: Tensor
    event_edges: str

    @property
    def num_nodes(self) -> int:
        """Number of nodes of all three kinds."""
        return int(self.node_role.numel())


def reasoning_graph(graph: RoleGraph, event_edges: EventEdges = "both") -> ReasoningGraph:
    """The reasoning graph of a caption, or of a packed batch of captions (HGR section 3.1).

    Actions and entities are joined both ways. There are no self loops; a node that nothing points to has an
    empty neighbourhood. What :func:`attach_reasoning` left on the batch is returned when it fits.

    Args:
        graph: one role graph or a packed batch.
        event_edges: ``"both"`` joins event and actions both ways (the paper's text and Figure 3), ``"to_action"``
            only from the event to its actions (the released code), ``"none"`` leaves the event alone (MCSAN).

    Raises:
        DataError: another value of ``event_edges``.

    Example:
        >>> graph = RoleGraph.build(["dogs", "bark"], [[1]], [("ARG0", [0])], [(0, 0)])
        >>> reasoning_graph(graph).edge_index.tolist()  # 0 is the event, 1 the action, 2 the entity
        [[1, 0, 2, 1], [0, 1, 1, 2]]
        >>> reasoning_graph(graph, "to_action").edge_index.tolist()
        [[0, 2, 1], [1, 1, 2]]
    """
    check_choice("event_edges", event_edges, EVENT_EDGES)
    cached = graph.get("reasoning") if "reasoning" in graph._global_store else None
    if cached is not None and cached.event_edges == event_edges:
        return ReasoningGraph(*cached)
    return _build(graph, event_edges)


def attach_reasoning(graph: RoleGraph, event_edges: EventEdges = "both") -> RoleGraph:
    """Hang the reasoning graph on ``graph`` (as ``graph.reasoning``) and return it.

    For the worker that packs batches: the sort then runs there and not between the kernels of a training step.
    """
    graph.reasoning = reasoning_graph(graph, event_edges)
    return graph


def _build(graph: RoleGraph, event_edges: EventEdges) -> ReasoningGraph:
    events, actions, entities = (num_nodes(graph, level) for level in LEVELS)
    first = {"event": 0, "action": events, "entity": events + actions}
    entity_role = graph["entity"].role
    sources, targets, roles = [], [], []
    for edge_type in (FILLS, OF, HOLDS, IN_EVENT)[: EVENT_EDGES[event_edges]]:
        source, target = graph[edge_type].edge_index
        sources.append(source + first[edge_type[0]])
        targets.append(target + first[edge_type[2]])
        if edge_type == FILLS:
            roles.append(graph[FILLS].role)
        else:
            roles.append(torch.full_like(source, EVENT_ROLE if edge_type == HOLDS else VERB_ROLE))
    edge_index, edge_role = _sort_by_target(
        torch.cat(sources), torch.cat(targets), torch.cat(roles), events + actions + entities
    )
    ptr = index_to_ptr(edge_index[1], events + actions + entities)
    node_role = torch.cat(
        [entity_role.new_full((events,), EVENT_ROLE), entity_role.new_full((actions,), VERB_ROLE), entity_role]
    )
    return ReasoningGraph(edge_index, ptr, edge_role, node_role, event_edges)


def _sort_by_target(source: Tensor, target: Tensor, role: Tensor, nodes: int) -> tuple[Tensor, Tensor]:
    """Edges by destination, then source; of edges between the same two nodes the first given stays."""
    key, order = torch.sort(target * nodes + source, stable=True)
    first = torch.ones_like(key, dtype=torch.bool)
    first[1:] = key[1:] != key[:-1]
    order = order[first]
    return torch.stack([source[order], target[order]]), role[order]
