"""A role graph as one HTML file: inline SVG, a little script, nothing loaded from elsewhere."""

from __future__ import annotations

import html
import json
from collections.abc import Sequence

from graphvtr.graphs import ROLES, RoleGraph
from graphvtr.plot.role_graph import COLOURS, Attention, Node, edge_roles, label_share, layout
from graphvtr.plot.style import wrap

WIDTH = 150  # pixels an entity or action
LINE = 15

STYLE = """
body{font:14px system-ui,sans-serif;margin:1.5em;color:#222}svg{max-width:100%;height:auto}
text{font-size:12px;pointer-events:none}.role{font-size:11px}.weight{font-size:11px;font-weight:bold}
.node{cursor:pointer}.node rect{stroke:#555;stroke-width:1}.node.on rect{stroke-width:3}
.edge line{stroke:#555}.dim{opacity:.12}button{margin-right:.5em;padding:.3em .8em}
button[aria-pressed=true]{background:#222;color:#fff}
"""
SCRIPT = """
const edges=[...document.querySelectorAll('.edge')],nodes=[...document.querySelectorAll('.node')];
const buttons=[...document.querySelectorAll('button')];let held=null;
function layer(k){buttons.forEach((b,i)=>b.setAttribute('aria-pressed',i===k));
 edges.forEach(e=>{const w=JSON.parse(e.dataset.weights),v=w.length?w[k]:null;
  e.querySelector('line').setAttribute('stroke-width',v===null?1:0.8+6*v);
  const t=e.querySelector('.weight');if(t)t.textContent=v===null?'':(k+1)+': '+v.toFixed(2);});}
function show(id){const near=new Set([id]);
 edges.forEach(e=>{const on=id===null||e.dataset.a===id||e.dataset.b===id;e.classList.toggle('dim',!on);
  if(on){near.add(e.dataset.a);near.add(e.dataset.b);}});
 nodes.forEach(n=>{n.classList.toggle('dim',id!==null&&!near.has(n.id));n.classList.toggle('on',n.id===id);});}
nodes.forEach(n=>{n.onmouseenter=()=>{if(!held)show(n.id)};n.onmouseleave=()=>{if(!held)show(null)};
 n.onclick=()=>{held=held===n.id?null:n.id;show(held)};n.onkeydown=e=>{if(e.key==='Enter')n.onclick()};});
buttons.forEach((b,i)=>b.onclick=()=>layer(i));if(buttons.length)layer(0);
"""


def role_graph_html(
    graph: RoleGraph,
    *,
    attention: Attention | None = None,
    words: bool = True,
    title: str | None = None,
) -> str:
    """A page that shows a role graph; nodes can be pointed at or clicked to see what belongs to them, and with
    ``attention`` there is a button a layer. It loads nothing, and every text in it is escaped.

    Args:
        graph: a single graph with its words.
        attention: see :func:`graphvtr.plot.plot_role_graph`.
        words: also show the words.
        title: of the page; the caption when not given.

    Example:
        >>> graph = RoleGraph.build(["<b>", "bark"], [[1]], [("ARG0", [0])], [(0, 0)])
        >>> page = role_graph_html(graph)
        >>> "&lt;b&gt;" in page, "<b>" in page
        (True, False)
    """
    place = layout(graph, words=words)
    across = max(graph.num_entities, graph.num_actions, (len(graph.words) + 1) // 2 if words else 0, 4)
    low = min(y for _, y in place.values())
    width, height = across * WIDTH, 90 + 360 * (1.0 - low)
    spot = {node: (x * width, 45 + 360 * (1.0 - y)) for node, (x, y) in place.items()}
    roles = edge_roles(graph)
    spans = {
        ((level, node), ("word", word)): ""
        for level, count in (("action", graph.num_actions), ("entity", graph.num_entities))
        for node in range(count)
        for word in graph.span(level, node)
    } if words else {}  # fmt: skip
    edges = [_edge(ends, role, spot, _weights(attention, ends)) for ends, role in {**roles, **spans}.items()]
    nodes = [_node(graph, node, at) for node, at in spot.items()]
    layers = max((len(_weights(attention, ends)) for ends in roles), default=0)
    buttons = "".join(f'<button type="button">attention, layer {i + 1}</button>' for i in range(layers))
    name = html.escape(title or str(graph.caption))
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{name}</title>'
        f"<style>{STYLE}</style></head><body><h3>{name}</h3><p>{buttons}</p>\n"
        f'<svg viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" role="img" aria-label="role graph">\n'
        + "\n".join([*edges, *nodes])
        + f"\n</svg><script>{SCRIPT}</script></body></html>\n"
    )


def _weights(attention: Attention | None, ends: tuple[Node, Node]) -> Sequence[float]:
    if attention is None:
        return ()
    return attention.get(ends) or attention.get((ends[1], ends[0])) or ()


def _edge(ends: tuple[Node, Node], role: str, spot: dict[Node, tuple[float, float]], weights: Sequence[float]) -> str:
    (x0, y0), (x1, y1) = spot[ends[0]], spot[ends[1]]
    a, b = (f"{kind}-{index}" for kind, index in ends)
    at = label_share(ends[1], bool(weights))
    x, y = x0 + at * (x1 - x0), y0 + at * (y1 - y0)
    dash = ' stroke-dasharray="2 3"' if ends[1][0] == "word" else ""
    numbers = html.escape(json.dumps([round(float(weight), 4) for weight in weights]), quote=True)
    halo = 'text-anchor="middle" paint-order="stroke" stroke="white" stroke-width="4"'
    label = f'<text class="role" x="{x:.0f}" y="{y - 2:.0f}" {halo}>{html.escape(role)}</text>' if role else ""
    value = f'<text class="weight" x="{x:.0f}" y="{y + 12:.0f}" {halo}></text>' if weights else ""
    return (
        f'<g class="edge" data-a="{a}" data-b="{b}" data-weights="{numbers}"><line x1="{x0:.0f}" y1="{y0:.0f}" '
        f'x2="{x1:.0f}" y2="{y1:.0f}" stroke-width="1"{dash}/>{label}{value}</g>'
    )


def _node(graph: RoleGraph, node: Node, at: tuple[float, float]) -> str:
    kind, index = node
    full = graph.words[index] if kind == "word" else graph.phrase(kind, index)
    lines = wrap(full, {"event": 64, "word": 12}.get(kind, 18), 3).split("\n")
    half = max(24.0, 3.7 * max(map(len, lines)) + 9)
    top = at[1] - LINE * len(lines) / 2 - 5
    text = "".join(
        f'<text x="{at[0]:.0f}" y="{top + 4 + LINE * (row + 0.75):.0f}" text-anchor="middle">{html.escape(line)}</text>'
        for row, line in enumerate(lines)
    )
    role = f" ({ROLES[int(graph['entity'].role[index])]})" if kind == "entity" else ""
    return (
        f'<g class="node" id="{kind}-{index}" tabindex="0"><title>{html.escape(full + role)}</title>'
        f'<rect x="{at[0] - half:.0f}" y="{top:.0f}" width="{2 * half:.0f}" height="{LINE * len(lines) + 10}" rx="7" '
        f'fill="{COLOURS[kind]}"/>{text}</g>'
    )
