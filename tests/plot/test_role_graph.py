"""The drawn structure is the graph: one text a node, one label an edge, no two boxes on one spot."""

from __future__ import annotations

from collections.abc import Iterator

import matplotlib
import matplotlib.pyplot as plt
import pytest

from graphvtr.graphs import RoleGraph
from graphvtr.plot import plot_role_graph

matplotlib.use("Agg")


@pytest.fixture(autouse=True)
def _close_figures() -> Iterator[None]:
    yield
    plt.close("all")


def test_nodes_and_edge_labels() -> None:
    graph = RoleGraph.build(
        "a dog chases a cat and barks".split(),
        [[2], [6]],
        [("ARG0", [0, 1]), ("ARG1", [3, 4])],
        [(0, 0), (1, 0), (0, 1)],
    )
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
    assert len(ax.lines) == 2 + 3
    assert ax.get_title() == "a picture"


@pytest.mark.parametrize("entities", [0, 1, 20])
def test_levels_stand_above_each_other_and_nothing_overlaps(entities: int) -> None:
    words = [f"word{i}" for i in range(entities + 1)]
    graph = RoleGraph.build(
        words, [[0]], [("ARG1", [i + 1]) for i in range(entities)], [(i, 0) for i in range(entities)]
    )
    ax = plot_role_graph(graph)
    figure = ax.figure
    figure.canvas.draw()
    boxes = {t.get_gid(): t.get_window_extent() for t in ax.texts if t.get_gid()}
    assert len(boxes) == 2 + entities
    assert boxes["event 0"].y0 > boxes["action 0"].y1
    names = sorted(boxes)
    for position, first in enumerate(names):
        for second in names[position + 1 :]:
            assert not boxes[first].overlaps(boxes[second]), (first, second)


def test_a_long_caption_is_cut_to_three_lines() -> None:
    graph = RoleGraph.build([f"w{i}" for i in range(150)], [], [], [])
    (text,) = plot_role_graph(graph).texts
    assert len(text.get_text().splitlines()) == 3
    assert text.get_text().endswith("…")
