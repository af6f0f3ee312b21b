"""Search: a sentence finds clips, and a model says what it sees in them."""

from graphvtr.search.engine import PhraseMatch, SearchEngine, SearchResult, format_results
from graphvtr.search.tags import ClipTagger, ConceptFilter, Tag, format_tags, tag_videos

__all__ = [
    "ClipTagger",
    "ConceptFilter",
    "PhraseMatch",
    "SearchEngine",
    "SearchResult",
    "Tag",
    "format_results",
    "format_tags",
    "tag_videos",
]
