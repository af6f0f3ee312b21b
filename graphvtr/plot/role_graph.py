"""Picture of a role graph: the event on top, its actions below, their entities at the bottom, then the words."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

from graphvtr.graphs import RoleGraph
from graphvtr.plot.label_spots import Point
from graphvtr.plot.role_layout import LABEL_POINTS, NODE_POINTS, WORD_POINTS, Attention, Node, role_layout
from graphvtr.plot.style import (
    ACTION_COLOUR,
    EDGE_COLOUR,
    ENTITY_COLOUR,
    EVENT_COLOUR,
    LAYER_COLOURS,
    LAYER_STYLES,
    WORD_COLOUR,
    plain,
    pyplot,
    wrap,
)

COLOURS = {"event": EVENT_COLOUR, "action": ACTION_COLOUR, "entity": ENTITY_COLOUR, "word": WORD_COLOUR}
THIN, WIDE = 0.6, 4.5  # points: an edge of attention 0, and what attention 1 adds
TITLE = 0.22  # inches a line


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
        ax: a matplotlib Axes, into which the picture is fitted, letters included; a new figure, as large as the graph
            needs, when not given.
        title: a line above the picture; none by default, as the event shows the caption.
        attention: a line a layer on each edge, as wide as the attention in that layer, and its number, ``1: 0.42`` for
            the first (HGR, Figure 3); :func:`graphvtr.plot.role_attention` gives it. Edges of the structure that are
            not in it stay thin.
        words: also draw the words, each joined to the nodes that span it.
        word_weights: a number a word (the event's attention over words), written below it, darker where it is larger;
            implies ``words``.

    Returns:
        The Axes. Texts of nodes carry the node as ``gid`` (``"entity 0"``), lines of edges both (``"action 0 > entity
        0"``), so that the structure can be read back.
    """
    picture = role_layout(graph, attention=attention, words=words, word_weights=word_weights)
    width, height = picture.graph["width"], picture.graph["height"]
    heading = "" if not title else wrap(title, max(30, int(width / 0.09)), 3)
    scale = 1.0
    if ax is None:
        above = TITLE * (heading.count("\n") + 1) + 0.1 if heading else 0.0
        figure = pyplot().figure(figsize=(width, height + above))
        ax = figure.add_axes((0, 0, 1, height / (height + above)))
    else:
        room = ax.get_window_extent()
        scale = min(room.width / width, room.height / height) / ax.figure.dpi
    ax.set_axis_off()
    ax.set_xlim(0, width)
    ax.set_ylim(0, height)
    ax.set_aspect("equal")
    for upper, lower, edge in picture.edges(data=True):
        _edge(ax, upper, lower, edge, scale)
    largest = max(word_weights, default=0.0) if word_weights is not None else 0.0
    for node, box in picture.nodes(data=True):
        _box(ax, node, box, largest, scale)
    if heading:
        ax.set_title(heading, fontsize=10, **plain())
    return ax


def _box(ax: Any, node: Node, box: dict[str, Any], largest: float, scale: float) -> None:
    kind, index = node
    size = scale * (WORD_POINTS if kind == "word" else NODE_POINTS)
    colour: Any = COLOURS[kind]
    if box.get("weight") is not None and largest > 0:
        colour = (1 - 0.25 * box["weight"] / largest,) * 3
    frame = {"boxstyle": "round,pad=0.4", "facecolor": colour, "edgecolor": EDGE_COLOUR, "linewidth": 0.8 * scale}
    ax.text(
        *box["pos"],
        "\n".join(box["lines"]),
        ha="center",
        va="center",
        fontsize=size,
        bbox=frame,
        zorder=4,
        gid=f"{kind} {index}",
        **plain(),
    )


def _edge(ax: Any, upper: Node, lower: Node, edge: dict[str, Any], scale: float) -> None:
    name = f"{upper[0]} {upper[1]} > {lower[0]} {lower[1]}"
    if lower[0] == "word":
        ax.plot(
            *zip(*edge["path"], strict=True),
            color=EDGE_COLOUR,
            linewidth=0.5 * scale,
            linestyle=":",
            zorder=0,
            gid=name,
        )
        return
    widths = [THIN + WIDE * weight for weight in edge["weights"]] or [1.0]
    inches = [width / 72 for width in widths]
    left = -(sum(inches) + 0.012 * (len(inches) - 1)) / 2
    for layer, width in enumerate(widths):
        path = beside(edge["path"], left + inches[layer] / 2)
        left += inches[layer] + 0.012
        colour = LAYER_COLOURS[layer % len(LAYER_COLOURS)] if edge["weights"] else EDGE_COLOUR
        style = LAYER_STYLES[layer % len(LAYER_STYLES)] if edge["weights"] else "-"
        ax.plot(
            *zip(*path, strict=True),
            color=colour,
            linewidth=width * scale,
            linestyle=style,
            zorder=1,
            gid=name,
            solid_capstyle="butt",
            dash_capstyle="butt",
        )
    if edge["label_lines"]:
        _label(ax, edge, scale)


def _label(ax: Any, edge: dict[str, Any], scale: float) -> None:
    """The role and, below it, the numbers in the colours of their layers, on a white ground."""
    (x, y), (width, height) = edge["label"], edge["label_size"]
    ground = pyplot().Rectangle((x - width / 2, y - height / 2), width, height, color="white", linewidth=0, zorder=2)
    ax.add_patch(ground)
    lines = edge["label_lines"]
    first = len(lines) - len(edge["weights"])
    for row, line in enumerate(lines):
        colour = "black" if row < first else LAYER_COLOURS[(row - first) % len(LAYER_COLOURS)]
        ax.text(
            x,
            y + height * (0.5 - (row + 0.5) / len(lines)),
            line,
            ha="center",
            va="center_baseline",
            color=colour,
            fontsize=LABEL_POINTS * scale,
            zorder=3,
            **plain(),
        )


def beside(path: Sequence[Point], distance: float) -> list[Point]:
    """A path of straight parts, moved to its left by ``distance``.

    Example:
        >>> beside([(0.0, 0.0), (0.0, 1.0), (2.0, 1.0)], -0.5)
        [(0.5, 0.0), (0.5, 0.5), (2.0, 0.5)]
    """
    path = [path[0], *(point for before, point in itertools.pairwise(path) if point != before)]
    if len(path) < 2:
        return list(path)
    normals = []
    for (x0, y0), (x1, y1) in itertools.pairwise(path):
        length = math.hypot(x1 - x0, y1 - y0)
        normals.append(((y0 - y1) / length, (x1 - x0) / length))
    out = []
    for point, one, other in zip(path, [normals[0], *normals], [*normals, normals[-1]], strict=True):
        share = distance / max(0.25, 1 + one[0] * other[0] + one[1] * other[1])  # a sharp corner does not stick out
        out.append((point[0] + share * (one[0] + other[0]), point[1] + share * (one[1] + other[1])))
    return out
