"""What a caption says in each role: a fixed number of vectors read off its role graph."""

from __future__ import annotations

import torch
from torch import Tensor

from graphvtr.graphs import ROLES, RoleGraph, node_ptr, num_nodes
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
    texts = ptr["entity"].size(0) - 1
    roles = graph["entity"].role
    slot = torch.full_like(roles, 3)
    for name, number in OF_ROLE.items():  # no table: copying one to a device would wait for it
        slot = torch.where(roles == ROLES.index(name), number, slot)
    caption = torch.repeat_interleave(ptr["entity"].diff(), output_size=entities.size(0))
    key, order = torch.sort(caption * 4 + slot, stable=True)
    bounds = torch.searchsorted(key, torch.arange(4 * texts + 1, device=key.device))
    filled = gather_segment_reduce(entities, order, bounds, "mean")  # [4 N, d]
    return torch.cat([segment_reduce(actions, ptr["action"], "mean"), filled.view(texts, -1)], 1)
