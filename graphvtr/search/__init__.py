"""Search: a sentence finds clips."""

from graphvtr.search.engine import PhraseMatch, SearchEngine, SearchResult, format_results

__all__ = ["PhraseMatch", "SearchEngine", "SearchResult", "format_results"]
