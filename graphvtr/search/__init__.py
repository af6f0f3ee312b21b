"""Search: a sentence finds clips, and a model says what it sees in them."""

from graphvtr.search.encode import Encoder
from graphvtr.search.filters import Where
from graphvtr.search.index import Change, Index, Manifest, build_index, verify
from graphvtr.search.items import Item, read_metadata
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
    "open_index",
    "parse_roles",
    "read_metadata",
    "tag_videos",
    "verify",
]
