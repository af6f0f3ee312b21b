"""The list of hostile files, and what they are made from."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

Reader = Callable[[], object]
CASES: dict[str, Callable[[Path], Reader]] = {}
DEEP = "[" * 200_000
WORDS = [["a", "dog", "runs"], ["a", "cat", "sleeps"]]


def case(name: str) -> Callable[[Callable[[Path], Reader]], Callable[[Path], Reader]]:
    """File a case under its name."""

    def add(make: Callable[[Path], Reader]) -> Callable[[Path], Reader]:
        CASES[name] = make
        return make

    return add


def small_model(**options: Any) -> Any:
    """An HGR with a vocabulary."""
    from graphvtr.nn.models import HGR
    from graphvtr.text import Vocabulary

    model = HGR(5 + 3, 4, hidden=8, word_dim=4, num_layers=1, **options)
    model.vocabulary = Vocabulary.from_captions(WORDS)
    return model


def model_folder(folder: Path, change: Callable[[dict[str, Any]], object]) -> Reader:
    """An exported model with another ``config.json``."""
    from graphvtr import load

    small_model().save_pretrained(folder)
    path = folder / "config.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    return lambda: load(folder)


def checkpoint(folder: Path, **info: Any) -> Path:
    """A checkpoint."""
    from graphvtr.tasks.checkpoint import CheckpointInfo, save_checkpoint

    model = small_model()
    save_checkpoint(folder / "m.ckpt", model, model.vocabulary, CheckpointInfo("hgr", video_dim=4, **info))
    return folder / "m.ckpt"


def store(folder: Path) -> Any:
    """A feature store of one clip."""
    from graphvtr.video.store import FeatureStore

    made = FeatureStore.create(folder / "s", {"frame_x": 4})
    made.add("clip", {"frame_x": torch.randn(3, 4), "frame_time": torch.arange(3.0)})
    return made


def index(folder: Path) -> Path:
    """An index of one clip."""
    from graphvtr.search import build_index

    build_index(small_model(), store(folder), folder / "index")
    return folder / "index"
