"""PyG's loaders read a store of clips through PyG's own interfaces."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch_geometric.data import FeatureStore as PyGFeatureStore
from torch_geometric.data import GraphStore as PyGGraphStore
from torch_geometric.loader import NodeLoader
from torch_geometric.sampler import BaseSampler, HeteroSamplerOutput

from graphvtr.video import FeatureStore

FRAMES, REGIONS = {"a": 3, "b": 1, "c": 2}, {"a": 4, "b": 0, "c": 3}


@pytest.fixture
def store(tmp_path: Path) -> FeatureStore:
    store = FeatureStore.create(tmp_path / "store", widths={"frame_x": 4, "region_x": 5})
    for name, frames in FRAMES.items():
        regions = REGIONS[name]
        store.add(
            name,
            {
                "frame_x": torch.randn(frames, 4).half().float(),
                "frame_time": torch.arange(frames).float(),
                "region_x": torch.randn(regions, 5).half().float(),
                "region_score": torch.rand(regions),
                "region_box": torch.tensor([[0.0, 0.0, 0.5, 0.5]]).expand(regions, 4),
                "region_frame": torch.arange(regions) % frames if name == "b" else (torch.arange(regions) // 2),
            },
        )
    return store


def whole(store: FeatureStore, field: str) -> Tensor:
    return torch.cat([store.read(name)[field] for name in "abc"])


def test_tensors_and_edges(store: FeatureStore) -> None:
    clips = store.as_pyg()
    assert isinstance(clips, PyGFeatureStore)
    assert isinstance(clips, PyGGraphStore)
    assert repr(clips) == "StoredClips(3 clips, frame=6, region=7)"
    for attr in clips.get_all_tensor_attrs():
        field = f"{attr.group_name}_{attr.attr_name}"
        assert torch.equal(clips.get_tensor(attr.group_name, attr.attr_name, None), whole(store, field))
        assert clips.get_tensor_size(attr.group_name, attr.attr_name, None) == tuple(whole(store, field).shape)
    rows = torch.tensor([5, 0, 3, 0])
    for index in (rows, slice(1, 5, 2), torch.tensor([False, True, True, False, False, True])):
        found = clips.get_tensor("frame", "x", index)
        assert torch.equal(found, whole(store, "frame_x")[index])
    assert clips.get_tensor("frame", "x", rows[:0]).shape == (0, 4)
    row, col = clips.get_edge_index(("region", "in", "frame"), "coo")
    assert torch.equal(torch.stack([row, col]), torch.tensor([[0, 1, 2, 3, 4, 5, 6], [0, 0, 1, 1, 4, 4, 5]]))


def test_only_the_clips_asked_for_are_read(store: FeatureStore, monkeypatch: pytest.MonkeyPatch) -> None:
    clips, read = store.as_pyg(), []
    monkeypatch.setattr(store, "read", lambda name, _read=store.read: read.append(name) or _read(name))
    clips.get_tensor("frame", "x", torch.tensor([4, 1, 5]))
    assert read == ["a", "c"]


def test_it_is_read_only_and_knows_what_it_has(store: FeatureStore) -> None:
    clips = store.as_pyg()
    assert not clips.put_tensor(torch.zeros(6, 4), "frame", "x", None)
    assert not clips.put_edge_index(torch.zeros(2, 1, dtype=torch.long), ("region", "in", "frame"), "coo")
    assert not clips.remove_tensor("frame", "x", None)
    assert not clips.remove_edge_index(("region", "in", "frame"), "coo")
    assert clips.get_tensor("frame", "hue", None) is None
    assert clips.get_tensor_size("frame", "hue", None) is None
    with pytest.raises(KeyError):
        clips.get_edge_index(("frame", "next", "frame"), "coo")


class RegionsOf(BaseSampler):
    """The frames asked for, with all of their regions (PyG's own samplers need pyg-lib)."""

    def __init__(self, edge_index: tuple[Tensor, Tensor]) -> None:
        self.row, self.col = edge_index

    def sample_from_nodes(self, index: Any, **kwargs: Any) -> HeteroSamplerOutput:
        hit = self.col.unsqueeze(0) == index.node.unsqueeze(1)  # [asked, edges]
        col, edge = hit.nonzero(as_tuple=True)
        kind = ("region", "in", "frame")
        return HeteroSamplerOutput(
            {"frame": index.node, "region": self.row[edge]},
            {kind: torch.arange(len(edge))},
            {kind: col},
            {kind: None},
            metadata=(index.input_id, index.time),
        )

    def sample_from_edges(self, index: Any, **kwargs: Any) -> HeteroSamplerOutput:
        raise NotImplementedError


def test_a_loader_of_pyg_reads_it(store: FeatureStore) -> None:
    clips = store.as_pyg()
    sampler = RegionsOf(clips.get_edge_index(("region", "in", "frame"), "coo"))
    loader = NodeLoader((clips, clips), sampler, input_nodes="frame", batch_size=4, shuffle=False)
    frames, regions = whole(store, "frame_x"), whole(store, "region_x")
    batches = list(loader)
    assert [batch["frame"].num_nodes for batch in batches] == [4, 2]
    assert torch.equal(torch.cat([batch["frame"].x for batch in batches]), frames)
    assert torch.equal(torch.cat([batch["region"].x for batch in batches]), regions)
    assert batches[1]["region", "in", "frame"].edge_index.tolist() == [[0, 1, 2], [0, 0, 1]]


def test_texts(tmp_path: Path) -> None:
    store = FeatureStore.create(tmp_path / "texts", widths={"token_x": 3})
    store.add_many({name: {"token_x": torch.ones(2, 3) * n} for n, name in enumerate("ab")})
    clips = store.as_pyg()
    assert clips.get_all_edge_attrs() == []
    assert clips.get_tensor("token", "x", torch.tensor([3])).tolist() == [[1.0] * 3]
