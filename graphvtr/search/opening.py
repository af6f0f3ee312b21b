"""Indexes by their folder, whole or in shards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from graphvtr.search.index.index import Index
from graphvtr.search.index.manifest import read_manifest


def open_index(path: str | Path, *, parser: Any = None) -> Any:
    """The index at ``path``: an :class:`~graphvtr.search.Index`, or a :class:`~graphvtr.search.ShardedIndex`.

    Args:
        path: the folder.
        parser: of sentences, in place of the index's own.

    Raises:
        DataError: there is none, or a file is damaged.
        MissingExtraError: faiss is not installed; or Ray, for an index in shards.
    """
    if read_manifest(Path(path)).shards:
        from graphvtr.search.shards import ShardedIndex

        return ShardedIndex.open(path, parser=parser)
    return Index.open(path, parser=parser)


def describe_index(path: str | Path) -> dict[str, Any]:
    """What an index is: clips, model, features, segments, bytes on disk.

    Raises:
        DataError: there is none, or its manifest is damaged.
    """
    path = Path(path)
    manifest = read_manifest(path)
    shards = {name: describe_index(path / name) for name in manifest.shards}
    segments: list[dict[str, Any]] = [
        {"name": one.name, "clips": one.items, "captions": one.texts, "kind": one.kind, "deleted": len(one.deleted)}
        for one in manifest.segments
    ]
    parts = list(shards.values()) or segments
    return {
        "clips": sum(one["clips"] for one in shards.values()) if shards else manifest.clips,
        "captions": sum(one["captions"] for one in parts),
        "deleted": sum(one["deleted"] for one in parts),
        "bytes": sum(file.stat().st_size for file in path.rglob("*") if file.is_file()),
        "model": manifest.model,
        "model digest": manifest.model_digest,
        "levels": manifest.levels,
        "parser": manifest.parser,
        "provenance": manifest.provenance,
        "media": manifest.media,
        "kind": manifest.kind,
        "generation": manifest.generation,
        "created": manifest.created,
        "updated": manifest.updated,
        "graphvtr": manifest.version,
        "segments": segments,
        **({"shards": {name: one["clips"] for name, one in shards.items()}} if shards else {}),
    }
