"""A tiny index for examples."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from graphvtr.datasets import DataSource, build_dataset
from graphvtr.nn import HGR, RetrievalModel
from graphvtr.search.index.build import build_index
from graphvtr.search.index.index import Index
from graphvtr.text import Vocabulary
from graphvtr.video import FeatureStore


def small_index(
    folder: str | Path | None = None,
    clips: int = 80,
    split: str = "val",
    make: Callable[[int, int], RetrievalModel] = lambda words, width: HGR(words, width, hidden=32, word_dim=16),
) -> Index:
    """Clips of MovingScenes and a model that has not been trained.

    Args:
        folder: where it is made, with the clips' features; a temporary one by default.
        clips: of the whole dataset; ``val`` has a thirteenth of them.
        split: of the dataset.
        make: the model, from the number of words and the width of a frame's features; a small HGR by default.
    """
    out = Path(tempfile.mkdtemp() if folder is None else folder)
    dataset = build_dataset("moving_scenes", split, DataSource(options={"num_clips": clips, "progress": False}))
    store = FeatureStore.create(out / "store", {"frame_x": dataset.video_dim})
    metadata: dict[str, dict[str, object]] = {}
    for position, name in enumerate(dataset.videos):
        graph = dataset.video_graphs[position]
        store.add(name, {"frame_x": graph["frame"].x, "frame_time": graph["frame"].time})
        own = (dataset.video_of_caption == position).nonzero().flatten().tolist()
        metadata[name] = {"captions": [dataset.captions[caption] for caption in own]}
    vocabulary = Vocabulary.from_captions(dataset.words())
    model = make(len(vocabulary), dataset.video_dim)
    model.vocabulary = vocabulary
    build_index(model, store, out / "index", metadata=metadata)
    return Index.open(out / "index")
