"""Changing an index: clips come in and go, segments are merged; readers see the old state or the new one."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np
import torch
from tqdm import tqdm

from graphvtr.atomic import whole
from graphvtr.errors import DataError
from graphvtr.graphs import VideoGraph
from graphvtr.locks import output_lock
from graphvtr.nn import ConceptModel, LevelEmbeddings
from graphvtr.search.encode import Encoder
from graphvtr.search.index.arrays import Array
from graphvtr.search.index.manifest import SEGMENTS, Manifest, publish, read_manifest
from graphvtr.search.index.segment import Segment, SegmentInfo
from graphvtr.search.index.writing import SegmentWriter
from graphvtr.search.items import Item, items_of
from graphvtr.search.projection import Projection
from graphvtr.video import FeatureStore
from graphvtr.video.store import DiskGraphs

BATCH = 64
TEXT_BATCH = 256
PUBLISH_EVERY = 20_000
"""Clips after which what is embedded is published: an interrupted run goes on from there."""


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
    batch_size: int = BATCH,
    progress: bool = False,
) -> Change:
    """Embed clips of a store into the index at ``path``; those it has as they are are passed over. Without ``metadata``
    clips keep what is known about them.

    Every :data:`PUBLISH_EVERY` clips are published on their own and merged in the end.

    Raises:
        DataError: a clip that the store does not have; features that do not fit the model.
    """
    change = Change()
    with output_lock(path, folder=True):
        manifest = read_manifest(path)
        sweep(path, manifest)
        wanted = items_of(store, store.names if names is None else names, metadata)
        segments = open_segments(path, manifest)
        todo: list[Item] = []
        for item in wanted:
            found = _find(segments, item.name)
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
                    _embed(writer, encoder, store, part, batch_size, bar.update)

                info = write_segment(path, projection, "flat" if several else manifest.kind, fill)
                _mark(segments, manifest, (item.name for item in part))
                manifest.segments.append(info)
                publish(path, manifest)
        if len(manifest.segments) - before > 1:
            new = manifest.segments[before:]
            _merge(path, manifest, projection, new, progress)
    return change


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


def open_segments(path: Path, manifest: Manifest) -> list[Segment]:
    """The segments of an index."""
    return [Segment(path / SEGMENTS / info.name, info, manifest.levels) for info in manifest.segments]


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


def _find(segments: Sequence[Segment], name: str) -> tuple[int, int] | None:
    for number, segment in enumerate(segments):
        position = segment.find(name)
        if position is not None:
            return number, position
    return None


def _same(old: Item, new: Item) -> bool:
    return replace(old, duration=0.0) == replace(new, duration=0.0)


def _mark(segments: Sequence[Segment], manifest: Manifest, names: Iterable[str]) -> bool:
    """Note clips as deleted; whether there was one."""
    some = False
    for name in names:
        found = _find(segments, name)
        if found is not None:
            number, position = found
            manifest.segments[number].deleted.append(position)
            segments[number].alive[position] = False
            some = True
    return some


def _embed(
    writer: SegmentWriter, encoder: Encoder, store: FeatureStore, items: Sequence[Item], batch_size: int,
    done: Callable[[int], object],
) -> None:  # fmt: skip
    model = encoder.model
    store.require_sound(item.name for item in items)
    videos = DiskGraphs(store, [item.name for item in items])
    owners: list[tuple[int, int]] = []
    for chosen in torch.arange(len(items)).split(batch_size):
        with torch.inference_mode():
            batch = model.transform_video(videos.batch(chosen))
            embeddings = model.encode_video(batch)
            concepts = model.concept_probabilities(embeddings) if has_concepts(model) else {}
            regions = _regions(model, batch)
        frames: Any = batch["frame"]
        times = [time.numpy() for time in frames.time.split(frames.ptr.diff().tolist())]
        part = [
            # frames lie at the middle of equal parts of the clip
            replace(items[place], duration=round(float(time[0] + time[-1]), 3) if len(time) else 0.0)
            for place, time in zip(chosen.tolist(), times, strict=True)
        ]
        probabilities = {level: value.numpy() for level, value in concepts.items()}
        writer.add_videos(part, embeddings, times, probabilities, regions)
        owners += [(place, number) for place in chosen.tolist() for number in range(len(items[place].captions))]
        done(len(chosen))
    for begin in range(0, len(owners), TEXT_BATCH):
        some = owners[begin : begin + TEXT_BATCH]
        texts = encoder.texts(encoder.graphs([items[owner].captions[number] for owner, number in some]))
        writer.add_texts(np.array([owner for owner, _ in some]), np.array([number for _, number in some]), texts)


def has_concepts(model: object) -> TypeGuard[ConceptModel]:
    """Whether a model predicts concepts."""
    return isinstance(model, ConceptModel) and len(model.concepts) > 0


def _regions(model: Any, batch: VideoGraph) -> list[dict[str, Array]] | None:
    """Boxes of each clip, as heavy as the model's attention to them, or their detector's confidence."""
    if "region" not in batch.node_types:
        return None
    region = batch["region"]
    weight = region.score
    if hasattr(model, "attention_map"):
        with suppress(DataError):  # a model without its relation branch
            weight = model.attention_map(batch)
    frame = region.frame - batch["frame"].ptr[region.batch]
    counts = region.ptr.diff().tolist()
    parts = zip(*(value.split(counts) for value in (region.box, frame, weight)), strict=True)
    return [
        {
            "box": box.numpy().astype(np.float32),
            "frame": frames.numpy().astype(np.int32),
            "weight": weights.numpy().astype(np.float32),
        }
        for box, frames, weights in parts
    ]


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


def copy_clips(
    writer: SegmentWriter, segments: Sequence[Segment], done: Callable[[int], object],
    keep: Callable[[Item], bool] | None = None,
) -> None:  # fmt: skip
    """Write the clips of segments that are not deleted, embeddings and all.

    Args:
        writer: of the new segment.
        segments: to copy from.
        done: told of the number of clips, now and then.
        keep: which clips, all by default.
    """
    base = 0
    moved: list[Array] = []
    for segment in segments:
        chosen = np.flatnonzero(segment.alive)
        if keep is not None:
            chosen = np.array([place for place in chosen if keep(segment.item(int(place)))], dtype=np.int64)
        target = np.full(len(segment), -1, dtype=np.int64)
        target[chosen] = base + np.arange(len(chosen))
        moved.append(target)
        base += len(chosen)
        for part in _pieces(chosen, 1024):
            items = [segment.item(int(place)) for place in part]
            concepts = {level: np.asarray(values[part]) for level, values in segment.concepts.items()}
            times = [segment.times(int(place)) for place in part]
            writer.add_videos(items, segment.video.select(part), times, concepts, _copied_regions(segment, part))
            done(len(part))
    for segment, target in zip(segments, moved, strict=True):
        if segment.text is None:
            continue
        rows = np.flatnonzero(target[np.asarray(segment.owner)] >= 0)
        for part in _pieces(rows, 1024):
            owner, number = target[np.asarray(segment.owner[part])], np.asarray(segment.number[part])
            writer.add_texts(owner, number, segment.text.select(part))


def _copied_regions(segment: Segment, part: Array) -> list[dict[str, Array]] | None:
    if segment.regions is None:
        return None
    out = []
    for place in part.tolist():
        rows = slice(int(segment.regions["ptr"][place]), int(segment.regions["ptr"][place + 1]))
        out.append({key: np.asarray(segment.regions[key][rows]) for key in ("box", "frame", "weight")})
    return out


def _pieces(values: Array, size: int) -> Iterator[Array]:
    return (values[begin : begin + size] for begin in range(0, len(values), size))


def embeddings_of(segments: Sequence[Segment], places: Sequence[tuple[int, int]], side: str) -> LevelEmbeddings:
    """Embeddings of items of several segments, given as (segment, position), in that order."""
    by_segment: dict[int, list[int]] = {}
    for place, (number, _) in enumerate(places):
        by_segment.setdefault(number, []).append(place)
    parts, order = [], []
    for number, members in by_segment.items():
        found = segments[number].video if side == "video" else segments[number].text
        assert found is not None
        parts.append(found.select([places[place][1] for place in members]))
        order += members
    whole_set = LevelEmbeddings.cat(parts)
    if order == list(range(len(places))):
        return whole_set
    return whole_set.select(torch.from_numpy(np.argsort(np.array(order))))
