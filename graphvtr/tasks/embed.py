"""Embeddings of whole stores, batch by batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from tqdm import tqdm

from graphvtr.graphs import GraphStore, RoleGraph, VideoGraph
from graphvtr.nn.levels import LevelEmbeddings
from graphvtr.nn.models import RetrievalModel
from graphvtr.nn.shared_batch import batch_shares, gather, ranks


def encode_videos(
    model: RetrievalModel,
    graphs: GraphStore[VideoGraph],
    batch_size: int = 128,
    device: str | torch.device = "cpu",
    progress: bool = False,
) -> LevelEmbeddings:
    """Embeddings of all videos of a store, in order; the processes of a distributed run encode a share each."""
    return _encode(model.encode_video, graphs, batch_size, device, "videos", progress)


def encode_texts(
    model: RetrievalModel,
    graphs: GraphStore[RoleGraph],
    batch_size: int = 128,
    device: str | torch.device = "cpu",
    progress: bool = False,
) -> LevelEmbeddings:
    """Embeddings of all captions of a store (``word.id`` set), in order; the processes of a distributed run encode a
    share each."""
    return _encode(model.encode_text, graphs, batch_size, device, "captions", progress)


def _encode(
    encode: Callable[[Any], LevelEmbeddings],
    graphs: GraphStore[VideoGraph] | GraphStore[RoleGraph],
    batch_size: int,
    device: str | torch.device,
    what: str,
    progress: bool,
) -> LevelEmbeddings:
    rank, total = ranks()
    of_ranks = batch_shares(len(graphs), batch_size, total)
    own = of_ranks[rank] or [torch.zeros(min(len(graphs), 1), dtype=torch.long)]
    parts: list[LevelEmbeddings] = []
    with tqdm(total=sum(map(len, own)), desc=what, disable=not progress, leave=False) as bar:
        for part in own:
            parts.append(encode(graphs.batch(part).to(device)))
            bar.update(len(part))
    found = LevelEmbeddings.cat(parts)
    return found if total == 1 else gather(found, [sum(map(len, batches)) for batches in of_ranks])
