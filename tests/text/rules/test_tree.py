"""The tree of plain lists: children, spans, and the mended heads."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphvtr.text.rules.tree import Tree


def make(*rows: tuple[str, str, str, int]) -> Tree:
    words, tags, deps, heads = zip(*rows, strict=True)
    return Tree(words, tags, deps, heads)


QUOTED = make(
    ("the", "DT", "det", 1),
    ("word", "NN", "nsubj", 5),
    ('"', "``", "punct", 3),
    ("dog", "NN", "appos", 1),
    ('"', "''", "punct", 1),
    ("is", "VBZ", "ROOT", 5),
    ("short", "JJ", "acomp", 5),
    (".", ".", "punct", 5),
)


@st.composite
def trees(draw: st.DrawFn) -> list[int]:
    """Heads of a random tree."""
    size = draw(st.integers(1, 9))
    order = draw(st.permutations(range(size)))
    heads = [order[0]] * size
    for position in range(1, size):
        heads[order[position]] = order[draw(st.integers(0, position - 1))]
    return heads


@given(trees())
def test_edges_of_subtrees_equal_a_plain_search(heads: list[int]) -> None:
    size = len(heads)
    tree = Tree(["w"] * size, ["NN"] * size, ["dep"] * size, heads)
    for token in range(size):
        below = [other for other in range(size) if token in path_up(heads, other)]
        assert tree.subtree(token) == below
        assert (tree.left[token], tree.right[token]) == (below[0], below[-1])
        assert tree.children[token] == [other for other in below if heads[other] == token and other != token]


def path_up(heads: list[int], token: int) -> list[int]:
    path = [token]
    while heads[path[-1]] != path[-1]:
        path.append(heads[path[-1]])
    return path


def test_spans_leave_out_outer_punctuation_but_keep_closed_quotes() -> None:
    assert QUOTED.span(1) == (0, 4)
    assert QUOTED.span(5) == (0, 6)
    assert QUOTED.span(3) == (3, 3)


def test_spans_without_a_child_are_the_unbroken_run_around_the_head() -> None:
    assert QUOTED.span(1, [3]) == (0, 1)
    assert QUOTED.span(5, [6]) == (0, 5)
    assert QUOTED.span(6, []) == (6, 6)


def test_a_closing_conjunction_is_left_out() -> None:
    tree = make(("red", "JJ", "amod", 1), ("cars", "NNS", "dobj", 3), ("and", "CC", "cc", 1), ("see", "VB", "ROOT", 3))
    assert tree.span(1) == (0, 1)


def test_what_hangs_on_an_auxiliary_moves_to_its_verb() -> None:
    tree = make(("dogs", "NNS", "nsubj", 1), ("are", "VBP", "aux", 2), ("running", "VBG", "ROOT", 2))
    assert tree.children == [[], [], [0, 1]]


def test_then_before_a_subject_belongs_to_the_verb() -> None:
    tree = make(("then", "RB", "advmod", 1), ("dogs", "NNS", "nsubj", 2), ("run", "VBP", "ROOT", 2))
    assert tree.children == [[], [], [0, 1]]
    assert tree.span(1) == (1, 1)


@pytest.mark.parametrize(("deps", "found"), [(("det",), 0), (("punct", "appos"), 3), (("relcl",), None)])
def test_first_child_with_a_label(deps: tuple[str, ...], found: int | None) -> None:
    assert QUOTED.child(1, *deps) == found


def test_all_children_with_a_label() -> None:
    assert QUOTED.all_children(5, "nsubj", "punct") == [1, 7]
    assert len(QUOTED) == 8
