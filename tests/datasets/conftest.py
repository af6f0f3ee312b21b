"""Small feature stores and a parser that costs nothing, for datasets of captioned videos."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

import graphvtr.datasets.captioned as captioned
from graphvtr.datasets import DataSource
from graphvtr.graphs import GraphStore, RoleGraph
from graphvtr.video import FeatureStore

MakeStore = Callable[[Iterable[str]], Path]


@pytest.fixture
def make_store(tmp_path: Path) -> MakeStore:
    """A store of two frames (one of which is 1 s later) for every name."""

    def make(names: Iterable[str]) -> Path:
        store = FeatureStore.create(tmp_path / "store", {"frame_x": 3})
        for position, name in enumerate(names):
            x = torch.full((2, 3), float(position))
            store.add(name, {"frame_x": x, "frame_time": torch.tensor([0.5, 1.5])})
        store.pack()
        return store.path

    return make


@pytest.fixture
def no_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    """Captions become graphs without nodes but their words."""

    def parse(
        captions: Sequence[str], source: DataSource, videos: Sequence[str] | None = None
    ) -> tuple[GraphStore[RoleGraph], dict[str, str]]:
        return GraphStore.from_graphs(RoleGraph.build(caption.split(), [], [], []) for caption in captions), {}

    monkeypatch.setattr(captioned, "parse_with", parse)


@pytest.fixture
def source(tmp_path: Path, make_store: MakeStore, no_parser: None) -> Callable[..., DataSource]:
    """``source(names, **options)``: a source below ``tmp_path / "root"`` with features of ``names``."""
    (tmp_path / "root").mkdir()

    def make(names: Iterable[str], missing: str | None = None, **options: Any) -> DataSource:
        return DataSource(root=tmp_path / "root", store=make_store(names), missing=missing, options=options)

    return make
