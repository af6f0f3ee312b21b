"""Role graphs as json objects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from graphvtr.errors import DataError
from graphvtr.graphs.roles import ROLE_IDS, ROLES
from graphvtr.text.graph_lists import GraphLists
from graphvtr.text.parser import shorten

if TYPE_CHECKING:
    from graphvtr.graphs import RoleGraph


def graph_to_dict(graph: RoleGraph) -> dict[str, Any]:
    """The graph as plain values: word positions and, for readers, the text of each node.

    Example:
        >>> from graphvtr.graphs import RoleGraph
        >>> graph = RoleGraph.build(["dogs", "bark"], [[1]], [("ARG0", [0])], [(0, 0)])
        >>> graph_to_dict(graph)["entities"]
        [{'role': 'ARG0', 'words': [0], 'text': 'dogs'}]
    """
    return lists_to_readable(GraphLists.of(graph))


def lists_to_readable(lists: GraphLists) -> dict[str, Any]:
    """:func:`graph_to_dict` of a graph given as lists."""
    values = lists_to_dict(lists)
    for node in (*values["actions"], *values["entities"]):
        node["text"] = " ".join(values["words"][word] for word in node["words"])
    return values


def graph_from_dict(values: Mapping[str, Any], source: str = "graph") -> RoleGraph:
    """The graph that :func:`graph_to_dict` has written; ``source`` names it in errors.

    Raises:
        DataError: a field is missing or wrong; it is named.
    """
    return lists_from_dict(values, source).graph()


def lists_to_dict(lists: GraphLists) -> dict[str, Any]:
    """Plain values of a graph given as lists."""
    return {
        "caption": lists.caption,
        "words": list(lists.words),
        "actions": [{"words": list(span)} for span in lists.actions],
        "entities": [{"role": ROLES[role], "words": list(span)} for role, span in lists.entities],
        "fills": [{"entity": entity, "action": action, "role": ROLES[role]} for entity, action, role in lists.fills],
    }


def lists_from_dict(values: Mapping[str, Any], source: str = "graph") -> GraphLists:
    """The inverse of :func:`lists_to_dict`.

    Raises:
        DataError: a field is missing or wrong; it is named.
    """
    if (quick := _quick(values)) is not None:
        return quick
    if not isinstance(values, Mapping):
        raise DataError(source, f"is a {type(values).__name__}, not an object", "write it with graph_to_dict")
    where = f"{source} '{shorten(str(values.get('caption', '')))}'"
    words = values.get("words")
    if not isinstance(values.get("caption"), str):
        raise DataError(f"{where}: caption", "is not a string", "write it with graph_to_dict")
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise DataError(f"{where}: words", "is not a list of strings", "write it with graph_to_dict")
    actions = [_span(node, f"{where}: action {index}") for index, node in enumerate(_nodes(values, "actions", where))]
    entities = [
        (_role(node, f"{where}: entity {index}"), _span(node, f"{where}: entity {index}"))
        for index, node in enumerate(_nodes(values, "entities", where))
    ]
    fills = [
        (
            _end(edge, "entity", len(entities), f"{where}: fill {index}"),
            _end(edge, "action", len(actions), f"{where}: fill {index}"),
            _role(edge, f"{where}: fill {index}"),
        )
        for index, edge in enumerate(_nodes(values, "fills", where))
    ]
    return GraphLists(values["caption"], words, actions, entities, fills)


def _quick(values: Any) -> GraphLists | None:
    """The graph if all is right, without a name for every field that may be wrong: a cache has 180,000 of them."""
    try:
        caption, words = values["caption"], values["words"]
        nodes = values["actions"], values["entities"], values["fills"]
        actions = [node["words"] for node in nodes[0]]
        entities = [(ROLE_IDS[node["role"]], node["words"]) for node in nodes[1]]
        fills = [(edge["entity"], edge["action"], ROLE_IDS[edge["role"]]) for edge in nodes[2]]
    except (KeyError, TypeError):
        return None
    spans = [*actions, *(span for _, span in entities)]
    right = (
        type(caption) is str
        and all(type(one) is list for one in (words, *nodes, *spans))
        and all(type(word) is str for word in words)
        and all(span and all(type(word) is int for word in span) for span in spans)
        and all(
            type(entity) is type(action) is int and 0 <= entity < len(entities) and 0 <= action < len(actions)
            for entity, action, _ in fills
        )
    )
    if not right:
        return None
    places = [sorted(set(span)) for span in spans]
    roles = [role for role, _ in entities]
    return GraphLists(
        caption, words, places[: len(actions)], list(zip(roles, places[len(actions) :], strict=True)), fills
    )


def _nodes(values: Mapping[str, Any], key: str, where: str) -> list[Mapping[str, Any]]:
    nodes = values.get(key)
    if not isinstance(nodes, list) or not all(isinstance(node, Mapping) for node in nodes):
        raise DataError(f"{where}: {key}", "is not a list of objects", "write it with graph_to_dict")
    return nodes


def _span(node: Mapping[str, Any], name: str) -> list[int]:
    span = node.get("words")
    if not isinstance(span, list) or not span or not all(type(word) is int for word in span):
        raise DataError(f"{name}: words", f"is {span!r}, not a list of word positions", "count words from 0")
    return sorted(set(span))


def _end(edge: Mapping[str, Any], key: str, count: int, name: str) -> int:
    end = edge.get(key)
    if type(end) is not int or not 0 <= end < count:
        raise DataError(f"{name}: {key}", f"is {end!r}, not one of {count}", "count from 0")
    return end


def _role(node: Mapping[str, Any], name: str) -> int:
    role = node.get("role")
    if role not in ROLE_IDS:
        raise DataError(f"{name}: role", f"is {role!r}", f"use one of {', '.join(ROLES)}")
    return ROLE_IDS[role]
