"""Queries and clips as a model sees them."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from graphvtr.errors import DataError
from graphvtr.graphs import GraphStore, RoleGraph, VideoGraph
from graphvtr.nn import LevelEmbeddings, RetrievalModel
from graphvtr.nn.feeding import BATCH, caption_store, parser_of
from graphvtr.recent import Recent
from graphvtr.search.plain import is_role_query
from graphvtr.search.roles import parse_roles
from graphvtr.text import UNK, RoleParser
from graphvtr.text.parser import get_parser, parser_from_file

KEPT = 1024
"""Sentences whose reading is remembered: who types is answered, and asks why, by the same one."""


@dataclass(frozen=True)
class Read:
    """A query as a model reads it.

    Args:
        graph: its role graph.
        seen: as the model sees it.
        text: its embedding.
        unknown: words that the model has never seen.
    """

    graph: RoleGraph
    seen: RoleGraph
    text: LevelEmbeddings
    unknown: list[str]


class Encoder:
    """A model with what it needs to read sentences.

    Args:
        model: a trained model with its vocabulary; it is put into evaluation mode.
        parser: of sentences; or its name; the one of the training by default. It is made when it is first needed.
        named_by: the file that names the parser, if one does: it may only name a registered one.

    Raises:
        DataError: there is no vocabulary.

    Attributes:
        make: what makes the parser of its name, :func:`graphvtr.text.get_parser` unless another is set.
    """

    def __init__(
        self, model: RetrievalModel, parser: RoleParser | str | None = None, named_by: Path | None = None
    ) -> None:
        self.model, self.vocabulary = model.eval(), model.require_vocabulary()
        self._parser, self._named_by = parser, named_by
        self.make: Callable[[str], RoleParser] = get_parser
        self._graphs: Recent[str, RoleGraph] = Recent(KEPT)
        self._known: Recent[str, Read] = Recent(KEPT)

    @property
    def parser(self) -> RoleParser:
        """Of sentences.

        Raises:
            DataError: a file names one that only the user may name.
        """
        if self._parser is None or isinstance(self._parser, str):
            if self._parser is not None and self._named_by is not None:
                parser_from_file(self._parser, self._named_by)
            self._parser = parser_of(self.model, self._parser, self.make)
        return self._parser

    def graphs(self, queries: Sequence[str | RoleGraph]) -> list[RoleGraph]:
        """Role graphs of sentences, of ``agent=dog action=chase`` (:mod:`graphvtr.search.roles`), or as given.

        A sentence that was parsed lately is not parsed again.

        Raises:
            DataError: a query is empty, too long for the parser, or names an unknown role.
        """
        out: list[RoleGraph | None] = [None] * len(queries)
        sentences: dict[int, str] = {}
        for place, query in enumerate(queries):
            if isinstance(query, RoleGraph):
                out[place] = query
            elif is_role_query(query):
                out[place] = parse_roles(query, self.vocabulary)
            else:
                sentences[place] = query
        known = {text: self._graphs[text] for text in sentences.values() if text in self._graphs}
        new = list(dict.fromkeys(text for text in sentences.values() if text not in known))
        if new:
            made = dict(zip(new, self.parser.parse(new), strict=True))
            known |= made
            for text, graph in made.items():
                self._graphs[text] = graph
        for place, text in sentences.items():
            out[place] = copy.copy(known[text])  # which is its receiver's
        return [graph for graph in out if graph is not None]

    def read(self, queries: Sequence[str | RoleGraph]) -> list[Read]:
        """Queries embedded; a sentence that was read lately is not read again.

        Raises:
            DataError: see :meth:`graphs`; or the model knows no word of a query.
        """
        found = {query: self._known[query] for query in queries if isinstance(query, str) and query in self._known}
        new = [query for query in queries if not (isinstance(query, str) and query in found)]
        graphs = self.graphs(new)
        unknown = [self.unknown(graph) for graph in graphs]
        for graph, words in zip(graphs, unknown, strict=True):
            if len(words) == len(graph.words):
                raise DataError(
                    f"query '{graph.caption}'", "has no word that the model knows", "use words of its training captions"
                )
        made: list[Read] = []
        if graphs:
            store = self.seen(graphs)
            texts = self.texts(store)
            for place, (graph, words) in enumerate(zip(graphs, unknown, strict=True)):
                made.append(Read(graph, store[place], texts.select([place]), words))
        for query, one in zip(new, made, strict=True):
            if isinstance(query, str):
                self._known[query] = one
        fresh = iter(made)
        out = [found[query] if isinstance(query, str) and query in found else next(fresh) for query in queries]
        return [replace(one, graph=copy.copy(one.graph)) for one in out]  # whose graph is its receiver's

    def seen(self, graphs: Sequence[RoleGraph]) -> GraphStore[RoleGraph]:
        """Role graphs as the model sees them: words encoded, long ones cut."""
        return caption_store(self.model, list(graphs))

    @torch.inference_mode()
    def texts(self, graphs: Sequence[RoleGraph] | GraphStore[RoleGraph]) -> LevelEmbeddings:
        """Embeddings of role graphs, or of a store of :meth:`seen`."""
        store = graphs if isinstance(graphs, GraphStore) else self.seen(graphs)
        parts = [self.model.encode_text(store.batch(part)) for part in torch.arange(len(store)).split(BATCH)]
        return LevelEmbeddings.cat(parts)

    @torch.inference_mode()
    def videos(self, clips: Sequence[VideoGraph] | Sequence[Path]) -> LevelEmbeddings:
        """Embeddings of clips, or of video files, described as in the training.

        Raises:
            DataError: a file that cannot be read, or whose features cannot be made; features of another width.
        """
        given: Any = clips
        return self.model.encode_video(given)

    def unknown(self, graph: RoleGraph) -> list[str]:
        """Words of a query that the model has never seen; none for models that read pieces of words."""
        if self.model.word_embedding is None:
            return []
        ids = self.vocabulary.ids(graph.words)
        return [word for word, number in zip(graph.words, ids, strict=True) if number == UNK]
