"""Role graphs: what build makes, and what it refuses."""

from __future__ import annotations

import pytest
import torch

from graphvtr.errors import DataError
from graphvtr.graphs import ROLES, RoleGraph, role_id


def test_build(role_graphs: list[RoleGraph]) -> None:
    graph = role_graphs[0]
    assert graph.validate()
    assert (graph.num_actions, graph.num_entities) == (2, 2)
    assert graph.role_names() == ["ARG0", "ARG1"]
    assert graph.phrase("entity", 0) == "a white dog"
    assert graph.phrase("event", 0) == graph.caption
    assert graph["entity", "fills", "action"].edge_index.tolist() == [[0, 1, 0], [0, 0, 1]]
    assert [ROLES[role] for role in graph["entity", "fills", "action"].role] == ["ARG0", "ARG1", "ARG0"]
    assert graph["action", "of", "entity"].edge_index.tolist() == [[0, 0, 1], [0, 1, 0]]
    assert graph["event", "holds", "action"].edge_index.tolist() == [[0, 0], [0, 1]]


def test_repeated_fills_are_kept_once() -> None:
    graph = RoleGraph.build(["a", "b"], [[0]], [("ARG0", [1])], [(0, 0), (0, 0)])
    assert graph["entity", "fills", "action"].edge_index.tolist() == [[0], [0]]


def test_an_edge_may_name_its_own_role() -> None:
    graph = RoleGraph.build(["a", "b"], [[0]], [("ARG0", [1])], [(0, 0, "ARG1")])
    assert graph["entity", "fills", "action"].role.tolist() == [role_id("ARG1")]


@pytest.mark.parametrize(
    ("label", "role"), [("C-ARG1", "ARG1"), ("R-ARGM-LOC", "ARGM-LOC"), ("ARGM-CAU", "NOUN"), ("V", "V"), ("", "NOUN")]
)
def test_role_id(label: str, role: str) -> None:
    assert ROLES[role_id(label)] == role


def test_the_roles_are_the_sixteen_of_the_released_model() -> None:
    assert len(ROLES) == 16
    assert (ROLES[0], ROLES[1], ROLES[2], ROLES[15]) == ("V", "ARG1", "ARG0", "NOUN")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([], [], [], []), "the caption has no words"),
        ((["a"], [[1]], [], []), "word-in-action.*points outside the 1 word nodes"),
        ((["a"], [[]], [], []), "word-in-action.*leaves a node without words"),
        ((["a"], [], [("ARG0", [])], []), "word-in-entity.*leaves a node without words"),
        ((["a"], [[0]], [("V", [0])], []), "entity.role.*is V"),
        ((["a"], [[0]], [("ARG0", [0])], [(0, 1)]), "entity-fills-action.*points outside the 1 action nodes"),
        ((["a"], [[0]], [("ARG0", [0])], [(1, 0)]), "fills.*names entity 1 of 1"),
        ((["a"], [[0]], [(16, [0])], []), r"entity.role.*outside 0\.\.15"),
    ],
)
def test_build_names_the_field(arguments: tuple[list, list, list, list], message: str) -> None:
    with pytest.raises(DataError, match=message):
        RoleGraph.build(*arguments)


def test_validate_can_answer_instead_of_raise(role_graphs: list[RoleGraph]) -> None:
    graph = role_graphs[0]
    graph["entity"].role = torch.tensor([2, 99])
    assert graph.validate(raise_on_error=False) is False
    del graph["action", "in", "event"]
    with pytest.raises(DataError, match="action-in-event"):
        graph.validate()
