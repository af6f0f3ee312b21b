"""Clips of a store to rows of a segment: embeddings, frame times, concepts, regions, captions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, TypeGuard

import numpy as np
import torch

from graphvtr.errors import DataError
from graphvtr.graphs import VideoGraph
from graphvtr.nn import ConceptModel
from graphvtr.search.encode import Encoder
from graphvtr.search.index.arrays import Array
from graphvtr.search.index.writing import SegmentWriter
from graphvtr.search.items import Item
from graphvtr.video import FeatureStore
from graphvtr.video.store import DiskGraphs

TEXT_BATCH = 256


def embed_clips(
    writer: SegmentWriter,
    encoder: Encoder,
    store: FeatureStore,
    items: Sequence[Item],
    batch_size: int,
    done: Callable[[int], object],
) -> None:
    """Embed clips of a store, and the captions among what is known about them.

    Args:
        writer: of the new segment.
        encoder: the model, and what reads sentences.
        store: of the clips' features.
        items: the clips.
        batch_size: clips that are embedded at once.
        done: told of the number of clips, now and then.

    Raises:
        DataError: a clip that the store does not have, or that is damaged; features that do not fit the model.
    """
    model = encoder.model
    store.require_sound(item.name for item in items)
    videos = DiskGraphs(store, [item.name for item in items])
    if "region" in videos.nodes and not model.reads_regions:
        videos = videos.without_features("region")  # boxes alone, which the page shows
    owners: list[tuple[int, int]] = []
    for chosen in torch.arange(len(items)).split(batch_size):
        with torch.inference_mode():
            batch = model.transform_video(videos.batch(chosen))
            embeddings = model.encode_video(batch)
            concepts = model.concept_probabilities(embeddings) if _has_concepts(model) else {}
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


def _has_concepts(model: object) -> TypeGuard[ConceptModel]:
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
