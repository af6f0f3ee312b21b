"""A role graph as a tree drawn in text."""

from __future__ import annotations

from collections.abc import Sequence

from graphvtr.graphs import ROLES, RoleGraph
from graphvtr.text.graph_lists import GraphLists

MEANINGS = {
    "V": "action",
    "ARG0": "agent",
    "ARG1": "patient",
    "ARG2": "recipient, place, attribute",
    "ARG3": "start",
    "ARG4": "end",
    "ARGM-LOC": "place",
    "ARGM-MNR": "manner",
    "ARGM-TMP": "time",
    "ARGM-DIR": "direction",
    "ARGM-ADV": "circumstance",
    "ARGM-PRP": "purpose",
    "ARGM-PRD": "state",
    "ARGM-COM": "company",
    "ARGM-MOD": "modal",
    "NOUN": "other",
}
"""A word for each role; what a numbered role means in full depends on the verb (PropBank's frame files)."""

DRAWN = ("├─ ", "└─ ", "│  ", "   ")
PLAIN = ("|- ", "`- ", "|  ", "   ")


def format_tree(graph: RoleGraph, *, plain: bool = False) -> str:
    """The graph as lines of text: the event, its actions, and below each the entities with their roles.

    An entity of several actions stands below each of them, with the others named. Nodes without edges hang on the
    event.

    Args:
        graph: one graph.
        plain: draw with ASCII signs only.

    Example:
        >>> graph = RoleGraph.build(
        ...     ["a", "dog", "chases", "a", "cat"], [[2]], [("ARG0", [0, 1]), ("ARG1", [3, 4])], [(0, 0), (1, 0)])
        >>> print(format_tree(graph))
        a dog chases a cat
        └─ chases
           ├─ ARG0 (agent)    a dog
           └─ ARG1 (patient)  a cat
    """
    lists = GraphLists.of(graph)
    actions = [_text(lists, span) for span in lists.actions]
    actions_of: dict[int, list[int]] = {}
    for entity, action, _ in lists.fills:
        actions_of.setdefault(entity, []).append(action)
    branches: list[tuple[str, list[str]]] = []
    for action, verb in enumerate(actions):
        rows = []
        for entity, owner, role in lists.fills:
            if owner == action:
                others = ", ".join(actions[other] for other in actions_of[entity] if other != action)
                rows.append(
                    (_role(role), _text(lists, lists.entities[entity][1]) + (f"  (also: {others})" if others else ""))
                )
        branches.append((verb, _columns(rows)))
    loose = [(_role(role), _text(lists, span)) for i, (role, span) in enumerate(lists.entities) if i not in actions_of]
    branches += [(row, []) for row in _columns(loose)]
    return "\n".join([" ".join(lists.words), *_draw(branches, PLAIN if plain else DRAWN)])


def _draw(branches: list[tuple[str, list[str]]], signs: tuple[str, str, str, str]) -> list[str]:
    fork, end, bar, blank = signs
    lines = []
    for index, (head, leaves) in enumerate(branches):
        last = index == len(branches) - 1
        lines.append((end if last else fork) + head)
        below = blank if last else bar
        lines += [below + (end if leaf is leaves[-1] else fork) + leaf for leaf in leaves]
    return lines


def _role(role: int) -> str:
    return f"{ROLES[role]} ({MEANINGS[ROLES[role]]})"


def _text(lists: GraphLists, span: Sequence[int]) -> str:
    return " ".join(lists.words[word] for word in span)


def _columns(rows: list[tuple[str, str]]) -> list[str]:
    width = max((len(role) for role, _ in rows), default=0)
    return [f"{role:<{width}}  {phrase}" for role, phrase in rows]
