"""Picture of a role graph: the event on top, its actions below, their entities at the bottom, then the words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from graphvtr.graphs import ROLES, RoleGraph
from graphvtr.plot.style import (
    ACTION_COLOUR,
    EDGE_COLOUR,
    ENTITY_COLOUR,
    EVENT_COLOUR,
    LAYER_COLOURS,
    WORD_COLOUR,
    pyplot,
    wrap,
)

Node = tuple[str, int]
Attention = Mapping[tuple[Node, Node], Sequence[float]]
"""(source, destination) -> how much the destination listens to the source, a number a layer."""

COLOURS = {"event": EVENT_COLOUR, "action": ACTION_COLOUR, "entity": ENTITY_COLOUR, "word": WORD_COLOUR}
HEIGHT = {"event": 1.0, "action": 0.58, "entity": 0.12, "word": -0.34}
ACROSS = 7  # entities in a row; more stand in several rows, staggered


def plot_role_graph(
    graph: RoleGraph,
    ax: Any = None,
    *,
    title: str | None = None,
    attention: Attention | None = None,
    words: bool = False,
    word_weights: Sequence[float] | None = None,
) -> Any:
    """Draw a role graph; the label of an edge is the semantic role of the entity in the action.

    Args:
        graph: a single graph with its words (``word.text``).
        ax: a matplotlib Axes; a new figure, wide enough for the graph, when not given.
        title: a line above the picture; none by default, as the event shows the caption.
        attention: what to write on the edges and show by their width, ``1: 0.42`` for the first layer and so on (HGR,
            Figure 3); :func:`graphvtr.plot.role_attention` gives it. Edges of the structure that are not in it stay
            thin.
        words: also draw the words, each joined to the nodes that span it.
        word_weights: a number a word (the event's attention over words), written below it; implies ``words``.

    Returns:
        The Axes. Texts carry the node as ``gid`` (``"entity 0"``), so that the structure can be read back.
    """
    words = words or word_weights is not None
    place = layout(graph, words=words)
    if ax is None:
        width, height = figure_size(graph, words=words)
        _, ax = pyplot().subplots(figsize=(width, height), layout="constrained")
    ax.set_axis_off()
    labels = edge_roles(graph)
    for (begin, end), label in labels.items():
        weights = _weights(attention, begin, end)
        _edge(ax, place[begin], place[end], label, weights, toward=label_share(end, bool(weights)))
    if words:
        for level in ("action", "entity"):
            for node in range(graph.num_actions if level == "action" else graph.num_entities):
                for word in graph.span(level, node):
                    upper, lower = place[level, node], place["word", word]
                    ax.plot(*zip(upper, lower, strict=True), color=EDGE_COLOUR, linewidth=0.5, linestyle=":", zorder=0)
    for (kind, index), (x, y) in place.items():
        _box(ax, graph, (kind, index), (x, y), None if word_weights is None or kind != "word" else word_weights[index])
    ax.set_xlim(0, 1)
    ax.set_ylim(min(y for _, y in place.values()) - 0.16, 1.12)
    if title:
        ax.set_title(title, fontsize=10)
    return ax


def figure_size(graph: RoleGraph, *, words: bool = False) -> tuple[float, float]:
    """Inches that a graph needs."""
    widest = max(min(graph.num_entities, ACROSS), graph.num_actions, len(graph.words) * 0.55 if words else 0)
    return min(24.0, max(6.0, 2.0 * widest)), 4.2 + (1.3 if words else 0) + 0.7 * (_rows(graph.num_entities) - 1)


def edge_roles(graph: RoleGraph) -> dict[tuple[Node, Node], str]:
    """Upper node, lower node -> the role of the edge; the event's edges have none."""
    out: dict[tuple[Node, Node], str] = {(("event", 0), ("action", action)): "" for action in range(graph.num_actions)}
    edge_index, role = graph["entity", "fills", "action"].edge_index, graph["entity", "fills", "action"].role
    for (entity, action), label in zip(edge_index.t().tolist(), role.tolist(), strict=True):
        out[("action", action), ("entity", entity)] = ROLES[label]
    return out


def layout(graph: RoleGraph, *, words: bool = False) -> dict[Node, tuple[float, float]]:
    """Positions, x in 0..1: levels from top to bottom, entities near the actions they belong to."""
    place: dict[Node, tuple[float, float]] = {("event", 0): (0.5, HEIGHT["event"])}
    actions = graph.num_actions
    for action in range(actions):
        place["action", action] = ((action + 0.5) / actions, HEIGHT["action"])
    fills = graph["entity", "fills", "action"].edge_index.t().tolist()
    wanted = {
        entity: [place["action", action][0] for source, action in fills if source == entity]
        for entity in range(graph.num_entities)
    }

    def key(entity: int) -> tuple[float, int]:  # near its actions, in the order of the sentence
        xs = wanted[entity]
        return (sum(xs) / len(xs) if xs else 1.0, graph.span("entity", entity)[0])

    order = sorted(range(graph.num_entities), key=key)
    rows = _rows(len(order))
    lowest = HEIGHT["entity"]
    for position, entity in enumerate(order):
        lowest = min(lowest, HEIGHT["entity"] - 0.2 * (position % rows))
        place["entity", entity] = ((position + 0.5) / len(order), HEIGHT["entity"] - 0.2 * (position % rows))
    if words:
        count = len(graph.words)
        for word in range(count):
            place["word", word] = ((word + 0.5) / count, lowest + HEIGHT["word"] - HEIGHT["entity"])
    return place


def _rows(entities: int) -> int:
    return 1 if entities <= ACROSS - 2 else -(-entities // ACROSS) if entities > ACROSS else 2


def _box(ax: Any, graph: RoleGraph, node: Node, at: tuple[float, float], weight: float | None) -> None:
    kind, index = node
    if kind == "word":
        text = graph.words[index]
        text = text if len(text) <= 14 else text[:13] + "…"
        text += "" if weight is None else f"\n{weight:.2f}"
    else:
        spots = min(ACROSS, max(1, graph.num_entities, graph.num_actions))
        rows = _rows(graph.num_entities)
        width = 70 if kind == "event" else max(9, int(96 / max(spots, 4)) - (2 if rows > 1 else 0))
        text = wrap(graph.phrase(kind, index), width)
    box = {"boxstyle": "round,pad=0.4", "facecolor": COLOURS[kind], "edgecolor": EDGE_COLOUR, "linewidth": 0.8}
    size = 8 if kind == "word" else 9
    ax.text(*at, text, ha="center", va="center", fontsize=size, bbox=box, zorder=3, gid=f"{kind} {index}")


def _weights(attention: Attention | None, one: Node, other: Node) -> Sequence[float]:
    if attention is None:
        return ()
    return attention.get((one, other)) or attention.get((other, one)) or ()


def label_share(end: Node, weighted: bool) -> float:
    """How far along an edge its label stands: alternating, so that labels of neighbours do not meet; labels with
    numbers below them end well above the node."""
    if end[0] == "action":
        return 0.5
    return ((0.5, 0.36, 0.56) if weighted else (0.62, 0.5, 0.74))[end[1] % 3]


def _edge(
    ax: Any,
    begin: tuple[float, float],
    end: tuple[float, float],
    label: str,
    weights: Sequence[float],
    toward: float,
) -> None:
    width = 1.0 if not weights else 0.8 + 4.0 * sum(weights) / len(weights)
    colour = EDGE_COLOUR if not weights else "#222222"
    ax.plot([begin[0], end[0]], [begin[1], end[1]], color=colour, linewidth=width, zorder=1, solid_capstyle="round")
    x, y = (b + toward * (e - b) for b, e in zip(begin, end, strict=True))
    box = {"boxstyle": "round,pad=0.12", "facecolor": "white", "edgecolor": "none"}
    if label:
        ax.text(x, y, label, ha="center", va="bottom" if weights else "center", fontsize=7.5, bbox=box, zorder=2)
    for layer, weight in enumerate(weights):
        ax.annotate(
            f"{layer + 1}: {weight:.2f}", (x, y), (0, -7.5 - 9 * layer), textcoords="offset points", ha="center",
            va="center", fontsize=7, color=LAYER_COLOURS[layer % len(LAYER_COLOURS)], bbox=box, zorder=2,
        )  # fmt: skip
