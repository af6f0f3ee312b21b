"""Picture of a role graph: the event on top, its actions below, their entities at the bottom."""

from __future__ import annotations

from typing import Any

from graphvtr.graphs import ROLES, RoleGraph
from graphvtr.plot.style import ACTION_COLOUR, EDGE_COLOUR, ENTITY_COLOUR, EVENT_COLOUR, pyplot, wrap

Node = tuple[str, int]


def plot_role_graph(graph: RoleGraph, ax: Any = None, *, title: str | None = None) -> Any:
    """Draw a role graph; the label of an edge is the semantic role of the entity in the action.

    Args:
        graph: a single graph with its words (``word.text``).
        ax: a matplotlib Axes; a new figure, wide enough for the graph, when not given.
        title: a line above the picture; none by default, as the event shows the caption.

    Returns:
        The Axes. Texts carry the node as ``gid`` (``"entity 0"``), so that the structure can be read back.
    """
    place = layout(graph)
    if ax is None:
        widest = max(sum(1 for kind, _ in place if kind == level) for level in ("action", "entity"))
        _, ax = pyplot().subplots(figsize=(max(6.0, 1.9 * widest), 4.2), layout="constrained")
    ax.set_axis_off()
    spots = max(1, sum(1 for kind, _ in place if kind == "entity"), sum(1 for kind, _ in place if kind == "action"))
    width = max(9, int(96 / max(spots, 4)))
    for action in range(graph.num_actions):
        _edge(ax, place["event", 0], place["action", action], None)
    edge_index, role = graph["entity", "fills", "action"].edge_index, graph["entity", "fills", "action"].role
    for (entity, action), label in zip(edge_index.t().tolist(), role.tolist(), strict=True):
        _edge(ax, place["action", action], place["entity", entity], ROLES[label])
    for (kind, index), (x, y) in place.items():
        colour = {"event": EVENT_COLOUR, "action": ACTION_COLOUR, "entity": ENTITY_COLOUR}[kind]
        text = wrap(graph.phrase(kind, index), 70 if kind == "event" else width)
        box = {"boxstyle": "round,pad=0.4", "facecolor": colour, "edgecolor": EDGE_COLOUR, "linewidth": 0.8}
        ax.text(x, y, text, ha="center", va="center", fontsize=9, bbox=box, zorder=3, gid=f"{kind} {index}")
    ax.set_xlim(0, 1)
    ax.set_ylim(-0.15, 1.12)
    if title:
        ax.set_title(title, fontsize=10)
    return ax


def layout(graph: RoleGraph) -> dict[Node, tuple[float, float]]:
    """Positions in the unit square: levels from top to bottom, entities near the actions they belong to."""
    place: dict[Node, tuple[float, float]] = {("event", 0): (0.5, 1.0)}
    actions = graph.num_actions
    for action in range(actions):
        place["action", action] = ((action + 0.5) / actions, 0.55)
    fills = graph["entity", "fills", "action"].edge_index.t().tolist()
    wanted = {
        entity: [place["action", action][0] for source, action in fills if source == entity]
        for entity in range(graph.num_entities)
    }

    def key(entity: int) -> tuple[float, int]:  # near its actions, in the order of the sentence
        xs = wanted[entity]
        return (sum(xs) / len(xs) if xs else 1.0, graph.span("entity", entity)[0])

    order = sorted(range(graph.num_entities), key=key)
    many = len(order) > 5  # crowded rows are staggered so that neighbours do not overlap
    for position, entity in enumerate(order):
        drop = 0.14 if many and position % 2 else 0.0
        place["entity", entity] = ((position + 0.5) / len(order), 0.08 - drop)
    return place


def _edge(ax: Any, begin: tuple[float, float], end: tuple[float, float], label: str | None) -> None:
    ax.plot([begin[0], end[0]], [begin[1], end[1]], color=EDGE_COLOUR, linewidth=1.0, zorder=1)
    if label:
        x, y = (begin[0] + 2 * end[0]) / 3, (begin[1] + 2 * end[1]) / 3
        box = {"boxstyle": "round,pad=0.12", "facecolor": "white", "edgecolor": "none"}
        ax.text(x, y, label, ha="center", va="center", fontsize=7.5, bbox=box, zorder=2)
