"""Graphs as json objects and back."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from graphvtr.errors import DataError
from graphvtr.graphs import RoleGraph
from graphvtr.text import GraphLists, graph_from_dict, graph_to_dict

GRAPH = RoleGraph.build(
    ["a", "dog", "chases", "a", "cat"],
    [[2]],
    [("ARG0", [0, 1]), ("ARG1", [3, 4]), ("NOUN", [4])],
    [(0, 0), (1, 0, "ARG2")],
    caption="A dog chases a cat.",
)


def test_a_graph_goes_through_json() -> None:
    values = json.loads(json.dumps(graph_to_dict(GRAPH)))
    assert values == {
        "caption": "A dog chases a cat.",
        "words": ["a", "dog", "chases", "a", "cat"],
        "actions": [{"words": [2], "text": "chases"}],
        "entities": [
            {"role": "ARG0", "words": [0, 1], "text": "a dog"},
            {"role": "ARG1", "words": [3, 4], "text": "a cat"},
            {"role": "NOUN", "words": [4], "text": "cat"},
        ],
        "fills": [{"entity": 0, "action": 0, "role": "ARG0"}, {"entity": 1, "action": 0, "role": "ARG2"}],
    }
    assert GraphLists.of(graph_from_dict(values)) == GraphLists.of(GRAPH)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (["caption"], None, "caption: is not a string"),
        (["words"], "a dog", "words: is not a list of strings"),
        (["words"], [1], "words: is not a list of strings"),
        (["actions"], None, "actions: is not a list of objects"),
        (["actions", 0], [2], "actions: is not a list of objects"),
        (["actions", 0, "words"], [], r"action 0: words: is \[\]"),
        (["actions", 0, "words"], ["2"], "action 0: words"),
        (["actions", 0, "words"], [7], "node|points outside"),
        (["entities", 1, "role"], "AGENT", "entity 1: role: is 'AGENT'.*use one of V, ARG1"),
        (["entities", 1, "role"], None, "entity 1: role"),
        (["fills", 0, "entity"], 9, "fill 0: entity: is 9, not one of 3"),
        (["fills", 0, "action"], True, "fill 0: action: is True"),
        (["fills", 0, "role"], "x", "fill 0: role"),
    ],
)
def test_wrong_fields_are_named(path: list[Any], value: Any, message: str) -> None:
    values = copy.deepcopy(graph_to_dict(GRAPH))
    place: Any = values
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    with pytest.raises(DataError, match=message):
        graph_from_dict(values)


def test_another_type_is_named() -> None:
    with pytest.raises(DataError, match="line 3: is a list, not an object"):
        graph_from_dict([], source="line 3")  # type: ignore[arg-type]
