"""Drawn trees."""

from __future__ import annotations

from graphvtr.graphs import ROLES, RoleGraph
from graphvtr.text import format_tree
from graphvtr.text.printing import MEANINGS

WORDS = ["a", "man", "sings", "and", "plays", "a", "guitar", "well"]
GRAPH = RoleGraph.build(
    WORDS,
    [[2], [4]],
    [("ARG0", [0, 1]), ("ARG2", [5, 6]), ("ARGM-MNR", [7]), ("NOUN", [6])],
    [(0, 0), (0, 1), (1, 1), (2, 1)],
)


def test_every_node_and_role_is_drawn() -> None:
    assert format_tree(GRAPH).splitlines() == [
        "a man sings and plays a guitar well",
        "├─ sings",
        "│  └─ ARG0 (agent)  a man  (also: plays)",
        "├─ plays",
        "│  ├─ ARG0 (agent)                        a man  (also: sings)",
        "│  ├─ ARG2 (recipient, place, attribute)  a guitar",
        "│  └─ ARGM-MNR (manner)                   well",
        "└─ NOUN (other)  guitar",
    ]


def test_plain_signs() -> None:
    drawn = format_tree(GRAPH, plain=True)
    assert drawn.isascii()
    assert drawn.splitlines()[1:3] == ["|- sings", "|  `- ARG0 (agent)  a man  (also: plays)"]


def test_two_leaves_of_the_same_text_are_both_drawn_right() -> None:
    graph = RoleGraph.build(["dogs", "bark"], [[1]], [("ARG0", [0]), ("ARG0", [0])], [(0, 0), (1, 0)])
    assert format_tree(graph).splitlines()[2:] == ["   ├─ ARG0 (agent)  dogs", "   └─ ARG0 (agent)  dogs"]


def test_graphs_without_edges_or_nodes() -> None:
    assert format_tree(RoleGraph.build(["run"], [[0]], [], [])) == "run\n└─ run"
    assert format_tree(RoleGraph.build(["a", "cat"], [], [("NOUN", [0, 1])], [])) == "a cat\n└─ NOUN (other)  a cat"
    assert format_tree(RoleGraph.build(["hm"], [], [], [])) == "hm"


def test_the_edge_has_the_role_that_is_drawn() -> None:
    graph = RoleGraph.build(["dogs", "bark"], [[1]], [("ARG0", [0])], [(0, 0, "ARG1")])
    assert "ARG1 (patient)  dogs" in format_tree(graph)


def test_every_role_has_a_word() -> None:
    assert tuple(MEANINGS) != ()
    assert set(MEANINGS) == set(ROLES)
