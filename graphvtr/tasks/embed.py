"""Embeddings of whole stores, batch by batch."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from tqdm import tqdm

from graphvtr.graphs import GraphStore, RoleGraph, VideoGraph
from graphvtr.nn.levels import LevelEmbeddings
from graphvtr.nn.models import RetrievalModel


def encode_videos(
    model: RetrievalModel,
    graphs: GraphStore[VideoGraph],
    batch_size: int = 128,
    device: str | torch.device = "cpu",
    progress: bool = False,
) -> LevelEmbeddings:
    """Embeddings of all videos of a store, in order."""
    batches = _batches(graphs, batch_size, device, "videos", progress)
    return LevelEmbeddings.cat([model.encode_video(batch) for batch in batches])


def encode_texts(
    model: RetrievalModel,
    graphs: GraphStore[RoleGraph],
    batch_size: int = 128,
    device: str | torch.device = "cpu",
    progress: bool = False,
) -> LevelEmbeddings:
    """Embeddings of all captions of a store (``word.id`` set), in order."""
    batches = _batches(graphs, batch_size, device, "captions", progress)
    return LevelEmbeddings.cat([model.encode_text(batch) for batch in batches])


def _batches(
    graphs: GraphStore[VideoGraph] | GraphStore[RoleGraph],
    batch_size: int,
    device: str | torch.device,
    what: str,
    progress: bool,
) -> Iterator[VideoGraph | RoleGraph]:
    with tqdm(total=len(graphs), desc=what, disable=not progress, leave=False) as bar:
        for part in torch.arange(len(graphs)).split(batch_size):
            yield graphs.batch(part).to(device)
            bar.update(len(part))
