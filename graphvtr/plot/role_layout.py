"""Where everything of a role graph's picture stands, in inches: the same for figures and for web pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import networkx

from graphvtr.graphs import ROLES, RoleGraph
from graphvtr.plot.label_spots import Point, label_spots
from graphvtr.plot.style import wrap
from graphvtr.plot.text_size import text_size

Node = tuple[str, int]
Attention = Mapping[tuple[Node, Node], Sequence[float]]
"""(source, destination) -> how much the destination listens to the source, a number a layer."""

NODE_POINTS, WORD_POINTS, LABEL_POINTS = 9.0, 8.0, 7.5  # font sizes
PAD = 0.06  # inches from a text to the border of its box
GAP = 0.14  # between boxes
MARGIN = 0.15  # around the picture
DROP = 0.17  # between edges that end in one entity
ENTITIES_ACROSS, WORDS_ACROSS = 9.0, 9.0  # inches of boxes in a row; more stand in several rows, staggered


def role_layout(
    graph: RoleGraph,
    *,
    attention: Attention | None = None,
    words: bool = False,
    word_weights: Sequence[float] | None = None,
) -> Any:
    """A role graph as a networkx graph that knows where its boxes, edges and labels stand; nothing covers another.

    Levels stand one above the other: event, actions, entities, words. Entities and words that do not fit a row are
    staggered over several; an edge to a lower row comes down between the boxes of the upper one.

    Args:
        graph: a single graph with its words.
        attention: numbers that edges carry, see :func:`graphvtr.plot.plot_role_graph`.
        words: with the words, each joined to the nodes that span it.
        word_weights: a number a word, below it; implies ``words``.

    Returns:
        ``networkx.DiGraph`` of nodes ``(kind, index)`` with ``text``, ``lines``, ``pos`` and ``size`` (inches from the
        lower left corner), and of edges downwards with ``role``, ``weights``, ``path`` (points) and, where they have
        something to say, ``label`` (its middle), ``label_lines`` and ``label_size``. Its ``graph`` has ``width`` and
        ``height``.

    Example:
        >>> graph = RoleGraph.build("a dog barks".split(), [[2]], [("ARG0", [0, 1])], [(0, 0)])
        >>> picture = role_layout(graph)
        >>> sorted(picture)
        [('action', 0), ('entity', 0), ('event', 0)]
        >>> picture.edges[("action", 0), ("entity", 0)]["role"]
        'ARG0'
    """
    words = words or word_weights is not None
    picture = networkx.DiGraph()
    entities = _order(graph)
    _add_boxes(picture, graph, "action", range(graph.num_actions), 18)
    _add_boxes(picture, graph, "entity", entities, 16)
    if words:
        _add_words(picture, graph, word_weights)
    _add_edges(picture, graph, attention, words)
    width = _place_across(picture)
    lines = wrap(graph.phrase("event", 0), max(40, min(120, int(width / 0.085))), 6).split("\n")
    _add(picture, ("event", 0), str(graph.caption), lines, NODE_POINTS)
    picture.graph["width"] = width = max(width, picture.nodes["event", 0]["size"][0])
    _spread(picture, width)
    _place_down(picture)
    _shift(picture)
    return picture


def edge_roles(graph: RoleGraph) -> dict[tuple[Node, Node], str]:
    """Upper node, lower node -> the role of the edge; the event's edges have none."""
    out: dict[tuple[Node, Node], str] = {(("event", 0), ("action", action)): "" for action in range(graph.num_actions)}
    edge_index, role = graph["entity", "fills", "action"].edge_index, graph["entity", "fills", "action"].role
    for (entity, action), label in zip(edge_index.t().tolist(), role.tolist(), strict=True):
        out[("action", action), ("entity", entity)] = ROLES[label]
    return out


def _order(graph: RoleGraph) -> list[int]:
    """Entities near their actions, in the order of the sentence."""
    fills = graph["entity", "fills", "action"].edge_index.t().tolist()
    actions = {entity: [a for e, a in fills if e == entity] for entity in range(graph.num_entities)}

    def key(entity: int) -> tuple[float, int]:
        mine = actions[entity]
        return (sum(mine) / len(mine) if mine else float("inf"), graph.span("entity", entity)[0])

    return sorted(range(graph.num_entities), key=key)


def _add(picture: Any, node: Node, text: str, lines: Sequence[str], points: float) -> None:
    width, height = text_size(lines, points)
    picture.add_node(node, text=text, lines=list(lines), size=(width + 2 * PAD, height + 2 * PAD), row=0)


def _add_boxes(picture: Any, graph: RoleGraph, kind: str, order: Sequence[int], across: int) -> None:
    for index in order:
        text = graph.phrase(kind, index)
        _add(picture, (kind, index), text, wrap(text, across).split("\n"), NODE_POINTS)
        if kind == "entity":
            picture.nodes[kind, index]["role"] = ROLES[int(graph["entity"].role[index])]


def _add_words(picture: Any, graph: RoleGraph, weights: Sequence[float] | None) -> None:
    for index, word in enumerate(graph.words):
        lines = [word if len(word) <= 16 else word[:15] + "…"]
        if weights is not None:
            lines.append(f"{weights[index]:.2f}")
        _add(picture, ("word", index), word, lines, WORD_POINTS)
        picture.nodes["word", index]["weight"] = None if weights is None else float(weights[index])


def _add_edges(picture: Any, graph: RoleGraph, attention: Attention | None, words: bool) -> None:
    for (upper, lower), role in edge_roles(graph).items():
        weights = attention_of(attention, upper, lower)
        lines = [role] * bool(role) + [f"{layer + 1}: {weight:.2f}" for layer, weight in enumerate(weights)]
        picture.add_edge(upper, lower, role=role, weights=weights, label_lines=lines)
        width, height = text_size(lines, LABEL_POINTS)
        picture.edges[upper, lower]["label_size"] = (width + 0.06, height + 0.02)
    if words:
        for level, count in (("action", graph.num_actions), ("entity", graph.num_entities)):
            for node in range(count):
                for word in graph.span(level, node):
                    picture.add_edge((level, node), ("word", word), role="", weights=(), label_lines=[])


def attention_of(attention: Attention | None, one: Node, other: Node) -> Sequence[float]:
    """The numbers between two nodes, whichever listens; none where there are none."""
    if attention is None:
        return ()
    return attention.get((one, other)) or attention.get((other, one)) or ()


def nodes_of(picture: Any, kind: str) -> list[Node]:
    """Nodes of a kind, from left to right."""
    return [node for node in picture if node[0] == kind and "size" in picture.nodes[node]]


def _place_across(picture: Any) -> float:
    """``x`` of all but the event, packed to the left; the width that is needed."""
    entities = nodes_of(picture, "entity")
    spread = {node: DROP * max(0, picture.in_degree(node) - 1) for node in entities}
    widths = [
        _stagger(picture, nodes_of(picture, "action"), 1, None),
        _stagger(picture, entities, 2 if _total(picture, entities) > ENTITIES_ACROSS else 1, spread),
    ]
    words = nodes_of(picture, "word")
    widths.append(_stagger(picture, words, max(1, round(0.5 + _total(picture, words) / WORDS_ACROSS)), None))
    return max(4.0, *widths)


def _total(picture: Any, nodes: Sequence[Node]) -> float:
    return sum(picture.nodes[node]["size"][0] + GAP for node in nodes)


def _stagger(picture: Any, nodes: Sequence[Node], rows: int, spread: Mapping[Node, float] | None) -> float:
    """``x`` and ``row`` of nodes from left to right; with ``spread``, room for edges that come down beside boxes."""
    right = 0.0
    for position, node in enumerate(nodes):
        width, row = picture.nodes[node]["size"][0], position % rows
        x = width / 2
        for other in nodes[:position]:
            beside = picture.nodes[other]
            if beside["row"] == row:
                need = (beside["size"][0] + width) / 2 + GAP
            elif spread is None:
                need = 0.2
            elif beside["row"] < row:
                need = (beside["size"][0] + spread[node] + GAP) / 2
            else:
                need = (spread[other] + width + GAP) / 2
            x = max(x, beside["x"] + need)
        picture.nodes[node].update(x=x, row=row)
        right = max(right, x + width / 2)
    return right


def _spread(picture: Any, width: float) -> None:
    """Stretch every level to the width of the picture, but no level to more than about twice its own."""
    for kind in ("action", "entity", "word"):
        nodes = nodes_of(picture, kind)
        if not nodes:
            continue
        right = max(picture.nodes[node]["x"] + picture.nodes[node]["size"][0] / 2 for node in nodes)
        factor = min(width / right, 2.4)
        for node in nodes:
            picture.nodes[node]["x"] = picture.nodes[node]["x"] * factor + (width - right * factor) / 2
    picture.nodes["event", 0]["x"] = width / 2
    _above_their_entities(picture, width)


def _above_their_entities(picture: Any, width: float) -> None:
    """Move actions above the middle of their entities, where that keeps their order and leaves them apart."""
    actions = nodes_of(picture, "action")
    wanted, right = [], -GAP
    for action in actions:
        below = [picture.nodes[lower]["x"] for lower in picture.successors(action) if lower[0] == "entity"]
        x, half = sum(below) / len(below) if below else picture.nodes[action]["x"], picture.nodes[action]["size"][0] / 2
        if x - half < right + GAP:
            return
        wanted.append(x)
        right = x + half
    if right <= width:
        for action, x in zip(actions, wanted, strict=True):
            picture.nodes[action]["x"] = x


def _place_down(picture: Any) -> None:
    """``pos`` of all nodes, ``path`` and ``label`` of all edges; y is 0 at the top and falls."""
    low = _row(picture, nodes_of(picture, "event"), 0.0, bottom=True)
    low = _labelled(picture, "event", "action", low)
    low = _row(picture, nodes_of(picture, "action"), low, bottom=True)
    begin = low = _labelled(picture, "action", "entity", low)
    entities = nodes_of(picture, "entity")
    for row in range(1 + max((picture.nodes[node]["row"] for node in entities), default=0)):
        low = _row(picture, [node for node in entities if picture.nodes[node]["row"] == row], low, bottom=False) - GAP
    for _, lower, edge in picture.edges(data=True):
        if lower[0] in ("action", "entity"):  # the last part goes straight down to its box
            edge["path"].append((edge["path"][-1][0], picture.nodes[lower]["pos"][1]))
    words = nodes_of(picture, "word")
    low -= 0.5 if words else -GAP
    for row in range(1 + max((picture.nodes[node]["row"] for node in words), default=-1)):
        low = _row(picture, [node for node in words if picture.nodes[node]["row"] == row], low, bottom=False) - 0.06
    for upper, lower, edge in picture.edges(data=True):
        if lower[0] == "word":
            edge["path"] = [picture.nodes[upper]["pos"], picture.nodes[lower]["pos"]]
    picture.graph["height"] = -min(low, begin)


def _row(picture: Any, nodes: Sequence[Node], top: float, *, bottom: bool) -> float:
    """Place a row below ``top``, its boxes aligned at the bottom or at the top; where it ends."""
    height = max((picture.nodes[node]["size"][1] for node in nodes), default=0.0)
    for node in nodes:
        own = picture.nodes[node]["size"][1] / 2
        picture.nodes[node]["pos"] = (picture.nodes[node]["x"], top - (height - own if bottom else own))
    return top - height


def _labelled(picture: Any, upper: str, lower: str, top: float) -> float:
    """Lay the edges between two levels in as high a strip as their labels need; where it ends."""
    edges = [edge for edge in picture.edges if (edge[0][0], edge[1][0]) == (upper, lower)]
    if not edges:
        return top - 0.3
    ends: dict[tuple[Node, Node], tuple[float, float]] = {}
    for node in {edge[1] for edge in edges}:
        mine = sorted((edge for edge in edges if edge[1] == node), key=lambda edge: picture.nodes[edge[0]]["x"])
        for place, edge in enumerate(mine):
            x = picture.nodes[node]["x"] + DROP * (place - (len(mine) - 1) / 2)
            ends[edge] = (picture.nodes[edge[0]]["x"], x)
    sizes = {edge: picture.edges[edge]["label_size"] for edge in edges if picture.edges[edge]["label_lines"]}
    height = 0.45 + 1.6 * max((size[1] for size in sizes.values()), default=0.1)
    while True:
        segments = {edge: ((x0, top), (x1, top - height)) for edge, (x0, x1) in ends.items()}
        spots, free = label_spots(segments, sizes)
        if free or height > 6:
            break
        height += 0.2
    for edge, (begin, end) in segments.items():
        start = picture.nodes[edge[0]]["pos"]
        picture.edges[edge].update(path=[start, begin, end], label=spots.get(edge))
    return top - height


def _shift(picture: Any) -> None:
    """From y falling below 0 to inches from the lower left corner, with a margin."""

    def move(point: Point) -> Point:
        return point[0] + MARGIN, point[1] + height - MARGIN

    picture.graph["width"] += 2 * MARGIN
    picture.graph["height"] += 2 * MARGIN
    height = picture.graph["height"]
    for _, node in picture.nodes(data=True):
        node["pos"] = move(node["pos"])
    for *_, edge in picture.edges(data=True):
        edge["path"] = [move(point) for point in edge["path"]]
        if edge.get("label") is not None:
            edge["label"] = move(edge["label"])
