"""The page's structure is the graph; nothing in it can run or load what it should not."""

from __future__ import annotations

import json
import re
from xml.etree import ElementTree

import pytest

from graphvtr.graphs import RoleGraph
from graphvtr.plot import role_graph_html, role_layout
from graphvtr.plot.html import PIXELS

BAD = '<img src=x onerror="alert(1)">'
SVG = "{http://www.w3.org/2000/svg}"


def svg_of(page: str) -> ElementTree.Element:
    found = re.search(r"<svg .*?</svg>", page, re.DOTALL)
    assert found is not None
    return ElementTree.fromstring(found.group(0))


def graph() -> RoleGraph:
    words = ["a", BAD, "chases", "</script>", "&amp;", "barks"]
    return RoleGraph.build(
        words, [[2], [5]], [("ARG0", [0, 1]), ("ARG1", [3, 4])], [(0, 0), (1, 0), (0, 1)], caption=" ".join(words)
    )


def test_nodes_edges_and_positions() -> None:
    attention = {(("event", 0), ("action", 0)): [0.25, 0.5], (("entity", 0), ("action", 0)): [0.75, 0.5]}
    root = svg_of(role_graph_html(graph(), attention=attention))
    nodes = {g.get("id"): g for g in root.iter("g") if g.get("class") == "node"}
    assert set(nodes) == {"event-0", "action-0", "action-1", "entity-0", "entity-1", *(f"word-{i}" for i in range(6))}
    edges = {
        (g.get("data-a"), g.get("data-b")): json.loads(g.get("data-weights", ""))
        for g in root.iter("g")
        if g.get("class") == "edge"
    }
    assert edges["event-0", "action-0"] == [0.25, 0.5]
    assert edges["action-0", "entity-0"] == [0.75, 0.5]
    assert edges["action-1", "entity-0"] == []
    assert edges["entity-1", "word-3"] == []
    assert len(edges) == 2 + 3 + 2 + 4
    roles = [text.text for text in root.iter("text") if text.get("class") == "role"]
    assert sorted(roles) == ["ARG0", "ARG0", "ARG1"]
    notes = {(g.get("data-a"), g.get("data-b")) for g in root.iter("g") if g.get("class") == "note"}
    assert notes == {("event-0", "action-0"), *(ends for ends in edges if ends[1].startswith("entity"))}
    assert [g.get("class") for g in root.iter("g")] == sorted(  # boxes above labels above lines
        (g.get("class", "") for g in root.iter("g")), key=["edge", "note", "node"].index
    )
    height = float(root.get("height", ""))
    one_layer = {ends: weights[:1] for ends, weights in attention.items()}
    for (kind, index), box in role_layout(graph(), words=True, attention=one_layer).nodes(data=True):
        rect = nodes[f"{kind}-{index}"].find("rect")
        assert rect is not None
        x, y, wide, tall = (float(rect.get(key, "")) for key in ("x", "y", "width", "height"))
        assert (x + wide / 2) / PIXELS == pytest.approx(box["pos"][0], abs=0.01)
        assert (height - y - tall / 2) / PIXELS == pytest.approx(box["pos"][1], abs=0.01)


def test_a_button_a_layer() -> None:
    assert "<button" not in role_graph_html(graph())
    page = role_graph_html(graph(), attention={(("event", 0), ("action", 0)): [0.1, 0.2, 0.3]})
    assert page.count("<button") == 3


def test_texts_are_escaped_and_nothing_is_loaded() -> None:
    page = role_graph_html(graph(), title="</title><script>alert(1)</script>")
    assert BAD not in page
    assert page.count("<script>") == 1
    assert page.count("</script>") == 1
    assert "alert(1)</script>" not in page.replace("&lt;/script&gt;", "")
    assert "http" not in page
    assert "src=" not in page.replace("src=x", "")
    assert "onerror" not in re.sub(r"&lt;.*?&gt;", "", page)


def test_words_can_be_left_out_or_weighed() -> None:
    root = svg_of(role_graph_html(graph(), words=False))
    assert not [g for g in root.iter("g") if (g.get("id") or "").startswith("word")]
    root = svg_of(role_graph_html(graph(), words=False, word_weights=[0.5, 0.1, 0.1, 0.1, 0.1, 0.1]))
    words = [g for g in root.iter("g") if (g.get("id") or "").startswith("word")]
    assert [[text.text for text in g.iter("text")] for g in words][:1] == [["a", "0.50"]]
    fills = [g.find("rect").get("fill") for g in words]  # type: ignore[union-attr]
    assert fills[0] == "rgb(191, 191, 191)"
    assert len(set(fills)) == 2
