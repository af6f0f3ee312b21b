"""A store, a model with random weights, and their index."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

from graphvtr.nn import HGR
from graphvtr.search import Index, build_index
from graphvtr.tasks.checkpoint import CheckpointInfo, save_checkpoint
from graphvtr.text import Vocabulary
from graphvtr.video import FeatureStore

QUERY = "a red dog chases a cat"
WIDTH = 6
SENTENCES = ("a red dog chases a cat", "a cat sleeps", "two dogs bark in the yard")


@dataclass
class Files:
    """What a test needs of an index and what it was made of."""

    folder: Path
    store: FeatureStore
    checkpoint: Path
    model: HGR
    vocabulary: Vocabulary
    metadata: dict[str, dict[str, Any]]

    @property
    def path(self) -> Path:
        """Of the index."""
        return self.folder / "index"

    def build(self, name: str = "index", **options: Any) -> Index:
        """An index of all clips."""
        options.setdefault("metadata", self.metadata)
        build_index(self.checkpoint, self.store, self.folder / name, **options)
        return Index.open(self.folder / name)

    def scores(self, caption_graph: Any) -> dict[str, float]:
        """Score of every clip, one pair at a time."""
        out = {}
        with torch.no_grad():
            for name in self.store.names:
                text = self.model.encode_text(self.vocabulary.encode(caption_graph))
                out[name] = float(self.model.similarity(self.model.encode_video(self.store.video_graph(name)), text))
        return out


def add_clips(store: FeatureStore, names: list[str]) -> None:
    """Clips of random features, of one to four frames."""
    for index, name in enumerate(names):
        frames = 1 + index % 4
        store.add(name, {"frame_x": torch.randn(frames, WIDTH), "frame_time": torch.arange(frames) + 0.5})


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """Seven clips, their captions, and a checkpoint."""
    store = FeatureStore.create(tmp_path / "store", {"frame_x": WIDTH}, {"frames": {"num_frames": 4}})
    add_clips(store, [f"clip {index}" for index in range(7)])
    metadata = {
        f"clip {index}": {
            "captions": [SENTENCES[index % 3]],
            "tags": ["even"] * (index % 2 == 0),
            "fields": {"year": index},
        }
        for index in range(6)
    }
    vocabulary = Vocabulary.from_captions([sentence.split() for sentence in SENTENCES])
    model = HGR(len(vocabulary), WIDTH, hidden=8, word_dim=4).eval()
    checkpoint = tmp_path / "model.ckpt"
    save_checkpoint(checkpoint, model, vocabulary, CheckpointInfo("hgr", video_dim=WIDTH))
    return Files(tmp_path, store, checkpoint, model, vocabulary, metadata)
