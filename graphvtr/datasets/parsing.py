"""Captions of a dataset to role graphs, each parsed once and remembered on disk."""

from __future__ import annotations

from collections.abc import Sequence

from graphvtr.datasets.source import DataSource
from graphvtr.graphs import GraphStore, RoleGraph
from graphvtr.text import RoleParser, get_parser
from graphvtr.text.cache import CachedParser

MANY = 2000  # captions from which on a progress bar is worth its line


def parse_captions(captions: Sequence[str], source: DataSource) -> GraphStore[RoleGraph]:
    """The role graphs of ``captions``, by ``source.parser`` (``"spacy"`` by default).

    Raises:
        DataError: unknown parser, or a caption that has no graph; it is named.
    """
    return parse_with(captions, source)[0]


def parse_with(captions: Sequence[str], source: DataSource) -> tuple[GraphStore[RoleGraph], dict[str, str]]:
    """:func:`parse_captions`, and name and version of the parser."""
    parser = CachedParser(get_parser(source.parser or "spacy"), source.cache)
    return parser.parse_store(captions, progress=len(captions) >= MANY), parser_record(parser)


def parser_record(parser: RoleParser) -> dict[str, str]:
    """Name and version of a parser, as :class:`graphvtr.provenance.Provenance` keeps them."""
    return {"name": parser.name, "version": parser.version}
