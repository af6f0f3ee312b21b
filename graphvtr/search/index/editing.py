"""Changing an index: clips come in and go, segments are merged; readers see the old state or the new one."""

from __future__ import annotations

import logging
import os
import secrets
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tqdm import tqdm

from graphvtr.atomic import whole
from graphvtr.errors import DataError
from graphvtr.locks import output_lock
from graphvtr.search.encode import Encoder
from graphvtr.search.index.copying import copy_clips
from graphvtr.search.index.embedding import embed_clips
from graphvtr.search.index.manifest import SEGMENTS, Manifest, open_segments, publish, read_manifest
from graphvtr.search.index.segment import Segment, SegmentInfo, find_clip
from graphvtr.search.index.writing import SegmentWriter
from graphvtr.search.items import Item, items_of
from graphvtr.search.projection import Projection
from graphvtr.video import FeatureStore

BATCH = 64
PUBLISH_EVERY = 20_000
"""Clips after which what is embedded is published: an interrupted run goes on from there."""

logger = logging.getLogger(__name__)


@dataclass
class Change:
    """What was done to an index.

    Attributes:
        added, replaced, skipped, deleted: names of clips.
        missing: names that were to be deleted and are not there.
    """

    added: list[str] = field(default_factory=list)
    replaced: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


def add_clips(
    path: Path,
    encoder: Encoder,
    store: FeatureStore,
    names: Iterable[str] | None = None,
    metadata: Mapping[str, Mapping[str, Any]] | None = None,
    *,
    below: str = "",
    batch_size: int = BATCH,
    progress: bool = False,
) -> Change:
    """Embed clips of a store into the index at ``path``; those it has as they are are passed over. Without ``metadata``
    clips keep what is known about them. ``below`` leads from the index's media folder to the one of the store's files.

    Every :data:`PUBLISH_EVERY` clips are published on their own and merged in the end.

    Raises:
        DataError: a clip that the store does not have; features that do not fit the model.
    """
    change = Change()
    with output_lock(path, folder=True):
        manifest = read_manifest(path)
        sweep(path, manifest)
        wanted = items_of(store, store.names if names is None else names, metadata, below)
        segments = open_segments(path, manifest)
        todo: list[Item] = []
        for item in wanted:
            found = find_clip(segments, item.name)
            if found is not None and metadata is None:  # what was known about a clip stays known
                old = segments[found[0]].item(found[1])
                item = replace(old, path=item.path, digest=item.digest)
            if found is None:
                change.added.append(item.name)
            elif _same(segments[found[0]].item(found[1]), item):
                change.skipped.append(item.name)
                continue
            else:
                change.replaced.append(item.name)
            todo.append(item)
        before = len(manifest.segments)
        projection = Projection(encoder.model)
        with tqdm(total=len(todo), desc="index", unit="clip", disable=not progress) as bar:
            for begin in range(0, len(todo), PUBLISH_EVERY):
                part = todo[begin : begin + PUBLISH_EVERY]
                several = len(todo) > PUBLISH_EVERY

                def fill(writer: SegmentWriter, part: Sequence[Item] = part) -> None:
                    embed_clips(writer, encoder, store, part, batch_size, bar.update)

                info = write_segment(path, projection, "flat" if several else manifest.kind, fill)
                _mark(segments, manifest, (item.name for item in part))
                manifest.segments.append(info)
                publish(path, manifest)
        if len(manifest.segments) - before > 1:
            new = manifest.segments[before:]
            _merge(path, manifest, projection, new, progress)
    return change


def settle(path: Path, *, media: str = "", parser: str = "", kind: str = "auto") -> None:
    """Write down what an index is told anew: folder of the video files, parser, kind of the segments to come. What is
    not told stays."""
    told = {"media": media, "parser": parser, "kind": "" if kind == "auto" else kind}
    with output_lock(path, folder=True):
        manifest = read_manifest(path)
        changed = {name: value for name, value in told.items() if value and value != getattr(manifest, name)}
        if changed:
            vars(manifest).update(changed)
            publish(path, manifest)
    for name in manifest.shards:
        settle(path / name, media=media, parser=parser, kind=kind)


def media_folder(media: str | Path | None) -> str:
    """The folder of the video files as an index knows it; empty for None.

    Raises:
        DataError: it is not a folder.
    """
    if media is None:
        return ""
    if not Path(media).is_dir():
        raise DataError(media, "is not a folder", "give the folder of the video files")
    return str(Path(media).resolve())


def opened_store(store: FeatureStore | str | Path) -> FeatureStore:
    """A store, or the one that lies at a path."""
    return store if isinstance(store, FeatureStore) else FeatureStore.open(store)


def media_below(path: Path, folder: str) -> str:
    """How to come from the media folder of the index at ``path`` to another one, which need not be there yet; an index
    that has none has this one from now on.

    Args:
        path: the index.
        folder: resolved, as of :func:`media_folder`; empty for the index's own.
    """
    if not folder:
        return ""
    known = read_manifest(path).media
    if not known:
        settle(path, media=folder)
        return ""
    if not Path(folder).is_relative_to(known):
        logger.warning("%s is not in %s, whose clips the index shows: these are only found", folder, known)
    below = Path(os.path.relpath(folder, known)).as_posix()
    return "" if below == "." else below


def delete_clips(path: Path, names: Iterable[str]) -> Change:
    """Take clips out of the index at ``path``; their bytes go with the next :func:`compact`."""
    change = Change()
    with output_lock(path, folder=True):
        manifest = read_manifest(path)
        segments = open_segments(path, manifest)
        for name in dict.fromkeys(names):
            (change.deleted if _mark(segments, manifest, [name]) else change.missing).append(name)
        if change.deleted:
            publish(path, manifest)
    return change


def compact(path: Path, projection: Projection, *, kind: str | None = None, progress: bool = False) -> None:
    """Merge all segments into one without the deleted clips, and build its approximate index anew.

    Args:
        path: the index.
        projection: of its model.
        kind: of the approximate index from now on; as before if None.
        progress: show a bar.
    """
    with output_lock(path, folder=True):
        manifest = read_manifest(path)
        manifest.kind = kind or manifest.kind
        _merge(path, manifest, projection, list(manifest.segments), progress)


def sweep(path: Path, manifest: Manifest) -> None:
    """Remove what no manifest names: what killed processes left, and what was merged. Only under the lock."""
    kept = {info.name for info in manifest.segments}
    for folder in (path / SEGMENTS).glob("*"):
        if folder.name not in kept:
            with suppress(OSError):
                shutil.rmtree(folder)


def write_segment(path: Path, projection: Projection, kind: str, fill: Callable[[SegmentWriter], None]) -> SegmentInfo:
    """A new segment of the index at ``path``, whole or not at all; nobody sees it before it is published.

    Args:
        path: the index.
        projection: makes the keys.
        kind: of its approximate index.
        fill: gives the writer its clips.
    """
    name = f"s-{secrets.token_hex(6)}"
    with whole(path / SEGMENTS / name) as partial:
        writer = SegmentWriter(partial, projection, kind)
        try:
            fill(writer)
            return writer.finish(name)
        finally:
            writer.close()


def _same(old: Item, new: Item) -> bool:
    return replace(old, duration=0.0) == replace(new, duration=0.0)


def _mark(segments: Sequence[Segment], manifest: Manifest, names: Iterable[str]) -> bool:
    """Note clips as deleted; whether there was one."""
    some = False
    for name in names:
        found = find_clip(segments, name)
        if found is not None:
            number, position = found
            manifest.segments[number].deleted.append(position)
            segments[number].alive[position] = False
            some = True
    return some


def _merge(
    path: Path, manifest: Manifest, projection: Projection, infos: Sequence[SegmentInfo], progress: bool
) -> None:
    """Put some segments of a manifest into one, and publish."""
    names = [info.name for info in infos]
    segments = [Segment(path / SEGMENTS / info.name, info, manifest.levels) for info in infos]
    with tqdm(total=sum(int(s.alive.sum()) for s in segments), desc="merge", unit="clip", disable=not progress) as bar:

        def fill(writer: SegmentWriter) -> None:
            copy_clips(writer, segments, bar.update)

        rest = [info for info in manifest.segments if info.name not in names]
        if any(segment.alive.any() for segment in segments):
            place = next((i for i, info in enumerate(manifest.segments) if info.name in names), 0)
            rest.insert(place, write_segment(path, projection, manifest.kind, fill))
    manifest.segments = rest
    publish(path, manifest)
    sweep(path, manifest)
