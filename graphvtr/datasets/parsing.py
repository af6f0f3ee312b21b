"""Captions of a dataset to role graphs, each parsed once and remembered on disk."""

from __future__ import annotations

from collections.abc import Sequence

from graphvtr.datasets.source import DataSource
from graphvtr.graphs import GraphStore, RoleGraph
from graphvtr.text import get_parser
from graphvtr.text.cache import CachedParser

MANY = 2000  # captions from which on a progress bar is worth its line


def parse_captions(captions: Sequence[str], source: DataSource) -> GraphStore[RoleGraph]:
    """The role graphs of ``captions``, by ``source.parser`` (``"spacy"`` by default).

    Raises:
        DataError: unknown parser, or a caption that has no graph; it is named.
    """
    parser = CachedParser(get_parser(source.parser or "spacy"), source.cache)
    return parser.parse_store(captions, progress=len(captions) >= MANY)
