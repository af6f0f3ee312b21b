"""The drawn structure is the graph: one text a node, one label an edge; and nothing covers anything or is cut off."""

from __future__ import annotations

import itertools
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest

from graphvtr.graphs import RoleGraph
from graphvtr.plot import plot_role_graph, role_layout
from graphvtr.plot.role_graph import THIN, WIDE, beside
from graphvtr.plot.role_layout import edge_roles

ROLES = ("ARG0", "ARG1", "ARGM-LOC", "ARGM-TMP")
LONG = (
    "in a large kitchen with white cupboards a young woman wearing a blue apron slowly peels three big potatoes with a "
    "small sharp knife while an old man behind her washes green vegetables in the sink and a little boy eats an apple"
).split()


def dog_and_cat() -> RoleGraph:
    return RoleGraph.build(
        "a dog chases a cat and barks".split(),
        [[2], [6]],
        [("ARG0", [0, 1]), ("ARG1", [3, 4])],
        [(0, 0), (1, 0), (0, 1)],
    )


def large(actions: int, entities: int, twice: bool = False) -> RoleGraph:
    """Long words, and entities that belong to one or two actions."""
    words = ["photographing"] * actions + [f"{kind}{i}" for i in range(entities) for kind in ("brown", "elephant")]
    fills = [(i, i % actions) for i in range(entities)]
    fills += [(i, (i + 2) % actions) for i in range(entities)] if twice else []
    spans = [(ROLES[i % 4], [actions + 2 * i, actions + 2 * i + 1]) for i in range(entities)]
    return RoleGraph.build(words, [[i] for i in range(actions)], spans, fills)


def long_caption() -> RoleGraph:
    at = LONG.index
    spans = [("ARGM-LOC", range(6)), ("ARG0", range(6, 12)), ("ARG1", range(at("three"), at("three") + 3))]
    spans += [("ARGM-TMP", range(at("while"), at("sink"))), ("ARG0", range(at("little") - 1, at("boy") + 1))]
    actions = [[at("wearing")], [at("peels")], [at("washes")], [at("eats")]]
    return RoleGraph.build(
        LONG, actions, [(role, list(span)) for role, span in spans], [(0, 1), (1, 0), (1, 1), (2, 1), (3, 1), (4, 3)]
    )


def attention_of(graph: RoleGraph, layers: int) -> dict[Any, list[float]]:
    return {ends: [0.25 * (1 + layer) for layer in range(layers)] for ends in edge_roles(graph)}


def boxes_of(ax: Any) -> dict[str, Any]:
    """Name -> pixels of each node's box, and of each line of each label, as the renderer draws them."""
    ax.figure.canvas.draw()
    boxes = {text.get_gid(): text.get_bbox_patch().get_window_extent() for text in ax.texts if text.get_gid()}
    labels = [text for text in ax.texts if not text.get_gid()]
    return boxes | {f"label {i} {text.get_text()}": text.get_window_extent() for i, text in enumerate(labels)}


def assert_apart_and_inside(ax: Any, slack: float = 1.0) -> None:
    boxes, whole = boxes_of(ax), ax.figure.bbox
    for (one, a), (other, b) in itertools.combinations(boxes.items(), 2):
        common = min(a.x1, b.x1) - max(a.x0, b.x0), min(a.y1, b.y1) - max(a.y0, b.y0)
        assert min(common) <= (3.5 if one.startswith("label") and other.startswith("label") else slack), (one, other)
    for name, box in boxes.items():
        assert box.x0 >= 0, name
        assert box.y0 >= 0, name
        assert box.x1 <= whole.width, name
        assert box.y1 <= whole.height, name


def test_nodes_and_edge_labels() -> None:
    graph = dog_and_cat()
    ax = plot_role_graph(graph, title="a picture")
    nodes = {text.get_gid(): text.get_text() for text in ax.texts if text.get_gid()}
    assert nodes == {
        "event 0": graph.caption,
        "action 0": "chases",
        "action 1": "barks",
        "entity 0": "a dog",
        "entity 1": "a cat",
    }
    labels = sorted(text.get_text() for text in ax.texts if not text.get_gid())
    assert labels == ["ARG0", "ARG0", "ARG1"]
    assert sorted(line.get_gid() for line in ax.lines) == [
        "action 0 > entity 0",
        "action 0 > entity 1",
        "action 1 > entity 0",
        "event 0 > action 0",
        "event 0 > action 1",
    ]
    assert ax.get_title() == "a picture"


def test_a_line_and_a_number_a_layer() -> None:
    ends = ("action", 0), ("entity", 1)
    ax = plot_role_graph(dog_and_cat(), attention={(ends[1], ends[0]): [0.25, 0.75]})
    lines = [line for line in ax.lines if line.get_gid() == "action 0 > entity 1"]
    assert [line.get_linewidth() for line in lines] == [THIN + WIDE * 0.25, THIN + WIDE * 0.75]
    assert lines[0].get_color() != lines[1].get_color()
    assert lines[0].get_linestyle() != lines[1].get_linestyle()  # told apart in grey too
    numbers = {text.get_text(): text.get_color() for text in ax.texts if text.get_text()[:2] in ("1:", "2:")}
    assert numbers == {"1: 0.25": lines[0].get_color(), "2: 0.75": lines[1].get_color()}
    gap = np.array(lines[0].get_data()) - np.array(lines[1].get_data())
    beside_each_other = (lines[0].get_linewidth() + lines[1].get_linewidth()) / 2 / 72
    assert np.hypot(*gap)[0] >= beside_each_other
    assert len([line for line in ax.lines if line.get_gid() == "action 0 > entity 0"]) == 1  # not in it: thin


@pytest.mark.parametrize(("words", "layers"), [(False, 0), (True, 2)])
@pytest.mark.parametrize(
    "graph",
    [
        dog_and_cat(),
        large(1, 0),
        large(1, 1),
        large(1, 19),
        large(4, 15),
        large(5, 15, twice=True),
        large(9, 11),
        long_caption(),
    ],
    ids=["dog", "no entity", "one", "19 of one action", "20 nodes", "20 nodes, 30 roles", "9 actions", "46 words"],
)
def test_nothing_covers_anything_or_is_cut_off(graph: RoleGraph, words: bool, layers: int) -> None:
    weights = [i / len(graph.words) for i in range(len(graph.words))] if words else None
    ax = plot_role_graph(graph, attention=attention_of(graph, layers), word_weights=weights, title="a long title " * 30)
    assert_apart_and_inside(ax)
    boxes = boxes_of(ax)
    assert boxes["event 0"].y0 > boxes["action 0"].y1
    assert all(boxes["action 0"].y0 > box.y1 for name, box in boxes.items() if name.startswith("entity"))
    lowest = min(box.y0 for name, box in boxes.items() if not name.startswith("word"))
    assert all(lowest > box.y1 for name, box in boxes.items() if name.startswith("word"))
    title = ax.title.get_window_extent()
    assert boxes["event 0"].y1 < title.y0 < title.y1 <= ax.figure.bbox.height


def test_no_edge_runs_behind_an_entity() -> None:
    picture = role_layout(large(5, 15, twice=True))
    for _, lower, edge in picture.edges(data=True):
        for node, box in picture.nodes(data=True):
            if lower[0] != "entity" or node[0] != "entity" or node == lower:
                continue
            (x, y), (width, height) = box["pos"], box["size"]
            (_, (x1, y1), (x2, y2)) = edge["path"][1:] if len(edge["path"]) == 4 else edge["path"]
            assert x1 == x2  # the last part comes straight down
            assert abs(x1 - x) > width / 2 or y1 < y - height / 2 or y2 > y + height / 2


def test_it_fits_into_axes_of_any_size() -> None:
    _, axes = plt.subplots(1, 2, figsize=(9, 3))
    plot_role_graph(large(4, 15), axes[0])
    plot_role_graph(dog_and_cat(), axes[1], attention=attention_of(dog_and_cat(), 2))
    for ax in axes:
        assert_apart_and_inside(ax, slack=1.5)
        room = ax.get_window_extent()
        assert all(box.x0 > room.x0 - 1 and box.x1 < room.x1 + 1 for box in boxes_of(ax).values())
    sizes = [{text.get_fontsize() for text in ax.texts if text.get_gid()}.pop() for ax in axes]
    assert sizes[0] < sizes[1]


def test_long_captions_are_shown_and_endless_ones_cut() -> None:
    event = next(text for text in plot_role_graph(long_caption()).texts if text.get_gid() == "event 0")
    assert event.get_text().split() == LONG
    (text,) = plot_role_graph(RoleGraph.build([f"w{i}" for i in range(400)], [], [], [])).texts
    assert len(text.get_text().splitlines()) == 6
    assert text.get_text().endswith("…")


@pytest.mark.filterwarnings("ignore:Glyph .* missing")
def test_signs_are_signs() -> None:
    words = ["$x_1", "costs", "$5^{2}", "\\frac{a}", "שלום", "مرحبا", "你好", "🐶", "<b>", "é\u0301"]
    graph = RoleGraph.build(words, [[1]], [("ARG0", [0]), ("ARG1", list(range(2, 10)))], [(0, 0), (1, 0)])
    ax = plot_role_graph(graph, title=" ".join(words), words=True)
    texts = [text.get_text() for text in ax.texts]
    assert set(words) <= set(texts)
    assert not any(text.get_parse_math() for text in [*ax.texts, ax.title])
    assert_apart_and_inside(ax, slack=4)  # letters that no font has are as wide as their boxes


def test_beside() -> None:
    assert beside([(0, 0), (0, 0)], 1) == [(0, 0)]
    assert beside([(0, 0), (0, 0), (2, 0)], 1) == [(0, 1), (2, 1)]
    there = np.array(beside([(0, 3), (1, 1), (1, 0)], 0.5))
    assert np.allclose(there[-1], (1.5, 0))
    assert np.allclose(there[1][0], 1.5)  # the corner keeps both distances
