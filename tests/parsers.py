"""Parsers in files of their own, which do something at certain captions; and what a parser found, to compare."""

from __future__ import annotations

import textwrap
from pathlib import Path

from graphvtr.graphs import RoleGraph

SOURCE = """
import os, signal, time
from graphvtr.text import PARSERS, GraphLists, ListParser

@PARSERS.register("{name}")
class Parser(ListParser):
    name, version = "{name}", "1"

    def sentences(self, captions, batch_size):
        for caption in captions:
{each}
            yield GraphLists(caption, caption.split(), [[0]], [], [])
"""


def write_parser(path: Path, name: str, each: str) -> str:
    """Write a parser whose first word is the action.

    Args:
        path: of the file.
        name: that it is registered under.
        each: what it does before each ``caption``: statements.

    Returns:
        What ``--parser`` takes.
    """
    path.write_text(SOURCE.format(name=name, each=textwrap.indent(textwrap.dedent(each).strip(), " " * 12)))
    return f"{path}:{name}"


def canonical(graph: RoleGraph) -> tuple[object, ...]:
    """Words, action spans, and every (role, span, action span)."""
    actions = [tuple(graph.span("action", node)) for node in range(graph.num_actions)]
    entities = [(role, tuple(graph.span("entity", node))) for node, role in enumerate(graph.role_names())]
    pairs = graph["entity", "fills", "action"].edge_index.t().tolist()
    return graph.words, frozenset(actions), frozenset((entities[e], actions[a]) for e, a in pairs)
