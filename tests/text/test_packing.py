"""Packing of lists against building each graph and packing those."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphvtr.errors import DataError
from graphvtr.graphs import ROLES, GraphStore, RoleGraph
from graphvtr.text import GraphLists, pack


@st.composite
def graph_lists(draw: st.DrawFn) -> GraphLists:
    words = draw(st.lists(st.text(min_size=1, max_size=3), min_size=1, max_size=6))
    span = st.sets(st.integers(0, len(words) - 1), min_size=1).map(sorted)
    role = st.integers(1, len(ROLES) - 1)
    actions = draw(st.lists(span, max_size=3))
    entities = draw(st.lists(st.tuples(role, span), max_size=4))
    pairs = [(entity, action) for entity in range(len(entities)) for action in range(len(actions))]
    chosen = draw(st.lists(st.sampled_from(pairs), unique=True)) if pairs else []
    fills = [(*pair, draw(role)) for pair in chosen]
    return GraphLists(draw(st.text(max_size=5)), words, actions, entities, fills)


def assert_same_store(one: GraphStore[RoleGraph], two: GraphStore[RoleGraph]) -> None:
    assert one.strings == two.strings
    assert [key for key, _ in one.types()] == [key for key, _ in two.types()]
    for (key, left), (_, right) in zip(one.types(), two.types(), strict=True):
        assert torch.equal(left.ptr, right.ptr), key
        assert left.strings == right.strings, key
        assert left.tensors.keys() == right.tensors.keys(), key
        for name, tensor in left.tensors.items():
            assert tensor.dtype == right.tensors[name].dtype, (key, name)
            assert torch.equal(tensor, right.tensors[name]), (key, name)


@settings(max_examples=60, deadline=None)
@given(st.lists(graph_lists(), min_size=1, max_size=5))
def test_packing_equals_building_and_packing(sentences: list[GraphLists]) -> None:
    packed = pack(sentences)
    assert_same_store(packed, GraphStore.from_graphs([sentence.graph() for sentence in sentences]))
    assert packed.batch(range(len(sentences))).validate()
    for index, sentence in enumerate(sentences):
        assert GraphLists.of(packed[index]) == sentence
        assert packed[index].validate()


def test_nothing_to_pack() -> None:
    with pytest.raises(DataError, match="captions: there are none"):
        pack([])


@pytest.mark.parametrize(
    "wrong",
    [
        GraphLists("no words", [], [], [], []),
        GraphLists("empty span", ["a"], [[]], [], []),
        GraphLists("beyond", ["a"], [[1]], [], []),
        GraphLists("negative", ["a"], [], [(1, [-1])], []),
        GraphLists("no such action", ["a"], [], [(1, [0])], [(0, 0, 1)]),
        GraphLists("no such entity", ["a"], [[0]], [], [(0, 0, 1)]),
    ],
    ids=lambda lists: lists.caption,
)
def test_a_wrong_sentence_is_named(wrong: GraphLists) -> None:
    good = GraphLists("good", ["a"], [[0]], [], [])
    with pytest.raises(DataError, match=wrong.caption):
        pack([good, wrong])
