"""Queries and results as text. Nothing here needs torch, so that a running server can be asked at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from graphvtr.errors import DataError
from graphvtr.reading import DATA, read_json

MANIFEST = "manifest.json"
"""File of an index that says what it is."""
FIX = "build it with graphvtr index CHECKPOINT STORE --out INDEX, or name a run of graphvtr train on a feature store"
_QUERY = re.compile(r"\s*[A-Za-z][A-Za-z0-9-]*=")


def is_role_query(query: str) -> bool:
    """Whether a query names roles.

    Example:
        >>> is_role_query("agent=dog action=chase"), is_role_query("a dog chases")
        (True, False)
    """
    return _QUERY.match(query) is not None


def manifest_of(index: Path) -> dict[str, Any]:
    """What the manifest of an index says, unchecked; nothing where there is none."""
    try:
        told = read_json(index / MANIFEST, limit=DATA)
    except DataError:  # opening the index says what is wrong with it
        return {}
    return told if isinstance(told, dict) else {}


def media_folder(index: Path) -> str:
    """Where the video files of an index lie; nothing where that is not known, or there is no index."""
    return str(manifest_of(index).get("media") or "")


def format_plain(results: Iterable[Mapping[str, Any]], bold: Callable[[str], str] = str) -> str:
    """Results as text: a line a clip with its scores, and under it where each phrase was found.

    Args:
        results: of :meth:`graphvtr.search.SearchResult.to_dict`; a field ``file`` goes before its ``path``.
        bold: what is done to names.
    """
    lines: list[str] = []
    for rank, result in enumerate(results, start=1):
        levels = "  ".join(f"{level} {score:.3f}" for level, score in result["levels"].items())
        lines.append(f"{rank:>2}. {bold(result['name'])}  {result['score']:.3f}   ({levels})")
        if result.get("file") or result.get("path"):
            lines.append(f"      {result.get('file') or result['path']}")
        if result["caption"]:
            lines.append(f"      {result['caption']}")
        width = max((len(match["phrase"]) for match in result["phrases"]), default=0)
        for match in result["phrases"]:
            share = f"{match['weight']:.0%} of its attention"
            lines.append(f"      {match['role']:<8} {match['phrase']:<{width}}  at {match['time']:6.2f} s  ({share})")
    return "\n".join(lines)
