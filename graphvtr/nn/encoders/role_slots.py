"""What a caption says in each role: a fixed number of vectors read off its role graph."""

from __future__ import annotations

import torch
from torch import Tensor

from graphvtr.graphs import ROLES, RoleGraph, node_ptr, num_nodes
from graphvtr.graphs.role_graph import FILLS
from graphvtr.ops import gather_segment_reduce, segment_reduce
from graphvtr.ops.segment_reduce import Reduce

SLOTS: tuple[str, ...] = ("action", "agent", "patient", "place", "other")
"""V, ARG0, ARG1, ARGM-LOC with ARGM-DIR, and all further roles."""
OF_ROLE = {"ARG0": 0, "ARG1": 1, "ARGM-LOC": 2, "ARGM-DIR": 2}


def node_words(graph: RoleGraph, words: Tensor, level: str, reduce: Reduce = "mean") -> Tensor:
    """Each node's words as one vector, [nodes, d].

    Args:
        graph: a role graph or a packed batch.
        words: [W, d], a vector a word.
        level: ``"action"`` or ``"entity"``.
        reduce: how, see :func:`graphvtr.ops.segment_reduce`.
    """
    word, owner = graph["word", "in", level].edge_index
    nodes = torch.arange(num_nodes(graph, level) + 1, device=owner.device)
    return gather_segment_reduce(words, word, torch.searchsorted(owner.contiguous(), nodes), reduce)


def role_slots(graph: RoleGraph, actions: Tensor, entities: Tensor) -> Tensor:
    """The mean of a caption's nodes in each slot of :data:`SLOTS`, side by side; 0 for a slot that nothing fills.

    A caption and its twin with agent and patient exchanged have the same nodes and differ here.

    Args:
        graph: a role graph or a packed batch of N.
        actions: [A, d].
        entities: [E, d].

    Returns:
        ``[N, 5 d]``.
    """
    ptr = {level: node_ptr(graph, level).to(actions.device) for level in ("action", "entity")}
    caption = torch.repeat_interleave(ptr["entity"].diff(), output_size=entities.size(0))
    filled = _by_slot(entities, None, caption, graph["entity"].role, ptr["entity"].size(0) - 1)
    return torch.cat([segment_reduce(actions, ptr["action"], "mean"), filled], 1)


def action_slots(graph: RoleGraph, actions: Tensor, entities: Tensor) -> Tensor:
    """Each action, and the mean of the entities in each of its roles, side by side as in :func:`role_slots`.

    Args:
        graph: a role graph or a packed batch.
        actions: [A, d].
        entities: [E, d].

    Returns:
        ``[A, 5 d]``.
    """
    entity, action = graph[FILLS].edge_index
    filled = _by_slot(entities, entity, action, graph[FILLS].role, actions.size(0))
    return torch.cat([actions, filled], 1)


def _by_slot(entities: Tensor, entity: Tensor | None, owner: Tensor, roles: Tensor, owners: int) -> Tensor:
    """The mean of each owner's entities in each slot but the action, [owners, 4 d]; ``entity`` None takes all rows."""
    slot = torch.full_like(roles, 3)
    for name, number in OF_ROLE.items():  # no table: copying one to a device would wait for it
        slot = torch.where(roles == ROLES.index(name), number, slot)
    key, order = torch.sort(owner * 4 + slot, stable=True)
    bounds = torch.searchsorted(key, torch.arange(4 * owners + 1, device=key.device))
    rows = order if entity is None else entity[order]
    return gather_segment_reduce(entities, rows, bounds, "mean").view(owners, 4 * entities.size(1))
