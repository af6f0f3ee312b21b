"""Search: a sentence finds clips, and a model says what it sees in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphvtr.lazy_names import lazy_names

if TYPE_CHECKING:
    from graphvtr.search.encode import Encoder
    from graphvtr.search.filters import Where
    from graphvtr.search.index import Change, Index, Manifest, build_index, verify, zero_shot
    from graphvtr.search.items import Item, read_metadata
    from graphvtr.search.of_run import index_of
    from graphvtr.search.opening import describe_index, open_index
    from graphvtr.search.projection import Projection
    from graphvtr.search.results import PhraseMatch, SearchResult, SearchResults, format_results
    from graphvtr.search.roles import parse_roles
    from graphvtr.search.shards import ShardedIndex
    from graphvtr.search.tags import ClipTagger, ConceptFilter, Tag, format_tags, tag_videos

__all__ = [
    "Change",
    "ClipTagger",
    "ConceptFilter",
    "Encoder",
    "Index",
    "Item",
    "Manifest",
    "PhraseMatch",
    "Projection",
    "SearchResult",
    "SearchResults",
    "ShardedIndex",
    "Tag",
    "Where",
    "build_index",
    "describe_index",
    "format_results",
    "format_tags",
    "index_of",
    "open_index",
    "parse_roles",
    "read_metadata",
    "tag_videos",
    "verify",
    "zero_shot",
]

_HOMES = {
    "encode": ("Encoder",),
    "filters": ("Where",),
    "index": ("Change", "Index", "Manifest", "build_index", "verify", "zero_shot"),
    "items": ("Item", "read_metadata"),
    "of_run": ("index_of",),
    "opening": ("describe_index", "open_index"),
    "projection": ("Projection",),
    "results": ("PhraseMatch", "SearchResult", "SearchResults", "format_results"),
    "roles": ("parse_roles",),
    "shards": ("ShardedIndex",),
    "tags": ("ClipTagger", "ConceptFilter", "Tag", "format_tags", "tag_videos"),
}
# who asks a running server needs none of them, nor torch
__getattr__, __dir__ = lazy_names(__name__, _HOMES)
