"""A role graph as one HTML file: inline SVG, a little script, nothing loaded from elsewhere."""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from typing import Any

from graphvtr.graphs import RoleGraph
from graphvtr.plot.label_spots import Point
from graphvtr.plot.role_graph import COLOURS
from graphvtr.plot.role_layout import PAD, Attention, Node, attention_of, edge_roles, role_layout
from graphvtr.plot.style import LAYER_COLOURS
from graphvtr.plot.text_size import LINE_HEIGHT
from graphvtr.terminal import strip_controls

PIXELS = 96  # an inch

STYLE = """
:root{color-scheme:light}body{font:14px system-ui,sans-serif;margin:1.5em;color:#222;background:#fff}
h1{font-size:17px;overflow-wrap:anywhere}.picture{overflow-x:auto;padding-bottom:.5em}
svg{display:block}svg text{text-anchor:middle;font-family:"DejaVu Sans",system-ui,sans-serif;pointer-events:none}
.hint{color:#555;font-size:13px}.ground{fill:#fff}
.node{cursor:pointer;outline:none}.node rect{stroke:#555;stroke-width:1}
.node:focus-visible rect,.node.on rect{stroke:#000;stroke-width:3}
.edge path{stroke:#555;fill:none}.dim{opacity:.12}button{margin:0 .5em .5em 0;padding:.3em .8em;font:inherit}
button[aria-pressed=true]{background:#222;color:#fff}
"""
SCRIPT = """
const colours=COLOURS,edges=[...document.querySelectorAll('.edge,.note')],nodes=[...document.querySelectorAll('.node')];
const buttons=[...document.querySelectorAll('button')];let held=null;
function layer(k){buttons.forEach((b,i)=>b.setAttribute('aria-pressed',i===k));
 edges.forEach(e=>{const w=JSON.parse(e.dataset.weights);if(k>=w.length)return;
  const p=e.querySelector('path'),t=e.querySelector('.weight'),c=colours[k%colours.length];
  if(p){p.style.strokeWidth=0.8+6*w[k];p.style.stroke=c;}
  if(t){t.textContent=(k+1)+': '+w[k].toFixed(2);t.style.fill=c;}});}
function show(id){const near=new Set([id]);
 edges.forEach(e=>{const on=id===null||e.dataset.a===id||e.dataset.b===id;e.classList.toggle('dim',!on);
  if(on){near.add(e.dataset.a);near.add(e.dataset.b);}});
 nodes.forEach(n=>{n.classList.toggle('dim',id!==null&&!near.has(n.id));n.classList.toggle('on',n.id===id);});}
function hold(id){held=held===id?null:id;show(held);
 nodes.forEach(n=>n.setAttribute('aria-pressed',n.id===held));}
nodes.forEach(n=>{n.onmouseenter=n.onfocus=()=>{if(!held)show(n.id)};
 n.onmouseleave=n.onblur=()=>{if(!held)show(null)};n.onclick=()=>hold(n.id);
 n.onkeydown=e=>{if(e.key==='Enter'||e.key===' '){e.preventDefault();hold(n.id)}};});
document.onkeydown=e=>{if(e.key==='Escape'&&held)hold(held)};
buttons.forEach((b,i)=>b.onclick=()=>layer(i));if(buttons.length)layer(0);
"""


def role_graph_html(
    graph: RoleGraph,
    *,
    attention: Attention | None = None,
    words: bool = True,
    word_weights: Sequence[float] | None = None,
    title: str | None = None,
) -> str:
    """A page that shows a role graph; nodes can be pointed at or clicked to see what belongs to them, and with
    ``attention`` there is a button a layer. It loads nothing, and every text in it is escaped.

    Args:
        graph: a single graph with its words.
        attention: see :func:`graphvtr.plot.plot_role_graph`.
        words: also show the words.
        word_weights: a number a word, below it; implies ``words``.
        title: of the page; the caption when not given.

    Example:
        >>> graph = RoleGraph.build(["<b>", "bark"], [[1]], [("ARG0", [0])], [(0, 0)])
        >>> page = role_graph_html(graph)
        >>> "&lt;b&gt;" in page, "<b>" in page
        (True, False)
    """
    layers = max((len(attention_of(attention, *ends)) for ends in edge_roles(graph)), default=0)
    svg = role_graph_svg(graph, attention=attention, words=words, word_weights=word_weights)
    buttons = "".join(f'<button type="button">attention, layer {i + 1}</button>' for i in range(layers))
    name = escaped(title or str(graph.caption))
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width"><title>{name}</title>'
        f'<style>{_in_a_line(STYLE)}</style></head><body><h1 dir="auto">{name}</h1><div>{buttons}</div>\n'
        '<p class="hint">Point at a box to see what belongs to it; a click holds it, a second click or Esc lets go.'
        f'</p>\n<div class="picture">{svg}</div>'
        f"<script>{_in_a_line(SCRIPT.replace('COLOURS', json.dumps(LAYER_COLOURS), 1))}</script>"
        "</body></html>\n"
    )


def role_graph_svg(
    graph: RoleGraph,
    *,
    attention: Attention | None = None,
    words: bool = True,
    word_weights: Sequence[float] | None = None,
) -> str:
    """The picture of :func:`role_graph_html` alone, as an ``<svg>`` element; how it looks is up to the page.

    Args:
        graph, attention, words, word_weights: see there.
    """
    shown = None if attention is None else {ends: weights[:1] for ends, weights in attention.items()}  # room for one
    picture = role_layout(graph, attention=shown, words=words, word_weights=word_weights)
    width, height = picture.graph["width"] * PIXELS, picture.graph["height"] * PIXELS
    largest = max(word_weights, default=0.0) if word_weights is not None else 0.0
    edges: list[str] = []
    notes: list[str] = []  # above all edges
    for upper, lower, edge in sorted(picture.edges(data=True), key=lambda edge: edge[1][0] != "word"):
        weights = attention_of(attention, upper, lower)
        edges.append(_group("edge", (upper, lower), weights, _path(lower, edge, height)))
        if edge.get("label") is not None:
            notes.append(_group("note", (upper, lower), weights, _label(edge, weights, height)))
    nodes = [_node(node, box, largest, height) for node, box in picture.nodes(data=True)]
    return (
        f'<svg viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" height="{height:.0f}" role="group" '
        'aria-label="role graph">\n' + "\n".join([*edges, *notes, *nodes]) + "\n</svg>"
    )


def escaped(text: str, quote: bool = True) -> str:
    """Text of others as text in a page: no tags, and no control characters, which pages cannot hold."""
    return html.escape(strip_controls(text), quote)


def _in_a_line(code: str) -> str:
    return "".join(line.strip() for line in code.splitlines())


def _at(point: Point, height: float) -> tuple[float, float]:
    """Pixels from the upper left corner."""
    return point[0] * PIXELS, height - point[1] * PIXELS


def _group(kind: str, ends: tuple[Node, Node], weights: Sequence[float], content: str) -> str:
    a, b = (f"{kind}-{index}" for kind, index in ends)
    numbers = escaped(json.dumps([round(float(weight), 4) for weight in weights]), quote=True)
    return f'<g class="{kind}" data-a="{a}" data-b="{b}" data-weights="{numbers}">{content}</g>'


def _path(lower: Node, edge: dict[str, Any], height: float) -> str:
    steps = " L".join(f"{x:.1f} {y:.1f}" for x, y in (_at(point, height) for point in edge["path"]))
    dash = ' stroke-dasharray="2 3"' if lower[0] == "word" else ""
    return f'<path d="M{steps}" stroke-width="1"{dash}/>'


def _label(edge: dict[str, Any], weights: Sequence[float], height: float) -> str:
    x, y = _at(edge["label"], height)
    wide, tall = (side * PIXELS for side in edge["label_size"])
    lines = [("role", edge["role"])] * bool(edge["role"]) + [("weight", "")] * bool(weights)
    texts = ""
    for row, (kind, text) in enumerate(lines):
        base = y + tall * ((row + 0.5) / len(lines) - 0.5) + 3.5
        texts += f'<text class="{kind}" font-size="10" x="{x:.1f}" y="{base:.1f}">{escaped(text)}</text>'
    ground = f'x="{x - wide / 2:.1f}" y="{y - tall / 2:.1f}" width="{wide:.1f}" height="{tall:.1f}"'
    return f'<rect class="ground" {ground}/>{texts}'


def _node(node: Node, box: dict[str, Any], largest: float, height: float) -> str:
    kind, index = node
    (x, y), (wide, tall) = _at(box["pos"], height), (side * PIXELS for side in box["size"])
    size = 10.7 if kind == "word" else 12
    step, top = size * LINE_HEIGHT, y - tall / 2
    text = "".join(
        f'<text font-size="{size}" x="{x:.1f}" y="{top + PAD * PIXELS + step * (row + 0.5) + 0.36 * size:.1f}">'
        f"{escaped(line)}</text>"
        for row, line in enumerate(box["lines"])
    )
    role = f" ({box['role']})" if "role" in box else ""
    fill = COLOURS[kind]
    if box.get("weight") is not None and largest > 0:
        fill = f"rgb({', '.join([str(round(255 * (1 - 0.25 * box['weight'] / largest)))] * 3)})"
    return (
        f'<g class="node" id="{kind}-{index}" tabindex="0" role="button" aria-pressed="false">'
        f'<title>{escaped(box["text"] + role)}</title><rect x="{x - wide / 2:.1f}" y="{top:.1f}" '
        f'width="{wide:.1f}" height="{tall:.1f}" rx="7" fill="{fill}"/>{text}</g>'
    )
