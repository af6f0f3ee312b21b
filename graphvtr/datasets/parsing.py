"""Captions of a dataset to role graphs, each parsed once and remembered on disk."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from graphvtr.datasets.source import DataSource
from graphvtr.graphs import GraphStore, RoleGraph
from graphvtr.text import RoleParser, get_parser
from graphvtr.text.cache import CachedParser
from graphvtr.text.parser import first_words

logger = logging.getLogger(__name__)

MANY = 2000  # captions from which on a progress bar is worth its line


def parse_captions(captions: Sequence[str], source: DataSource) -> GraphStore[RoleGraph]:
    """The role graphs of ``captions``, by ``source.parser`` (``"spacy"`` by default).

    Raises:
        DataError: unknown parser, or a caption that has no graph; it is named.
    """
    return parse_with(captions, source)[0]


def parse_with(
    captions: Sequence[str], source: DataSource, videos: Sequence[str] | None = None
) -> tuple[GraphStore[RoleGraph], dict[str, str]]:
    """:func:`parse_captions`, and name and version of the parser.

    A caption longer than the parser takes (a paragraph) is cut to its first words, and the log says so, with the name
    of its video if ``videos`` has one a caption: one paragraph in 20,000 captions does not stop a split.
    """
    base = get_parser(source.parser or "spacy")
    limit = getattr(base, "max_words", None) or getattr(getattr(base, "rules", None), "max_words", None)
    if limit is not None:
        cut = {place: short for place, text in enumerate(captions) if (short := first_words(text, limit)) != text}
        captions = [cut.get(place, text) for place, text in enumerate(captions)]
        if cut:
            first = next(iter(cut))
            where = f"caption {first}" if videos is None else f"one of video '{videos[first]}'"
            logger.warning(
                "%d captions are longer than %d words and are cut, the first is %s; --parser %s:max_words=N takes more",
                len(cut),
                limit,
                where,
                base.name,
            )
    parser = CachedParser(base, source.cache)
    return parser.parse_store(captions, progress=len(captions) >= MANY), parser_record(parser)


def parser_record(parser: RoleParser) -> dict[str, str]:
    """Name and version of a parser, as :class:`graphvtr.provenance.Provenance` keeps them."""
    return {"name": parser.name, "version": parser.version}
