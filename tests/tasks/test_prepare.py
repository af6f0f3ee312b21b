from __future__ import annotations

from typing import Any

import pytest
import torch

from graphvtr.errors import DataError
from graphvtr.graphs import GraphStore, VideoGraph
from graphvtr.nn.models import MODELS, RetrievalModel
from graphvtr.tasks.prepare import build_model, make_vocabulary, prepare


class Regional(RetrievalModel):
    """Takes the width of regions and no vocabulary."""

    levels = ("event",)

    def __init__(self, video_dim: int, region_dim: int, hidden: int = 4) -> None:
        super().__init__()
        self.config = {"video_dim": video_dim, "region_dim": region_dim, "hidden": hidden}

    encode_video = encode_text = loss = None  # type: ignore[assignment]


@pytest.fixture
def _regional(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MODELS._entries, "regional", Regional)


def test_sizes_follow_the_data(toy_dataset) -> None:
    dataset = toy_dataset()
    vocabulary = make_vocabulary(dataset)
    model = build_model("hgr", dataset, vocabulary, {"hidden": 8, "word_dim": 4})
    assert (model.config["vocab_size"], model.config["video_dim"], model.config["hidden"]) == (len(vocabulary), 10, 8)


@pytest.mark.usefixtures("_regional")
def test_regions(toy_dataset) -> None:
    dataset = toy_dataset()
    with pytest.raises(DataError, match="dataset 'toy': has no regions, which regional needs"):
        build_model("regional", dataset, make_vocabulary(dataset))
    dataset.video_graphs = GraphStore.from_graphs(
        VideoGraph.build(graph["frame"].x, region_x=torch.zeros(2, 6), region_frame=torch.tensor([0, 1]))
        for graph in dataset.video_graphs
    )
    model: Any = build_model("regional", dataset, make_vocabulary(dataset))
    assert model.config == {"video_dim": 10, "region_dim": 6, "hidden": 4}


def test_unknown_names(toy_dataset) -> None:
    dataset = toy_dataset()
    with pytest.raises(DataError, match=r"model 'hrg': unknown .*did you mean 'hgr'"):
        build_model("hrg", dataset, make_vocabulary(dataset))
    with pytest.raises(DataError, match=r"option 'hiden' of hgr: unknown .known: .*hidden"):
        build_model("hgr", dataset, make_vocabulary(dataset), {"hiden": 3})


def test_vocabulary(toy_dataset, toy_vocabulary) -> None:
    dataset = toy_dataset(videos=8, captions=2)
    assert "a" in make_vocabulary(dataset)
    assert len(make_vocabulary(dataset, min_count=8)) == 3 + 2  # only the two articles are that frequent
    dataset.vocabulary = toy_vocabulary
    assert make_vocabulary(dataset) is toy_vocabulary


def test_models_of_frames_read_no_regions(tmp_path, monkeypatch) -> None:
    import copy

    from graphvtr.video import FeatureStore
    from graphvtr.video.store import DiskGraphs
    from graphvtr.video.store.layout import Layout
    from tests.every_model import collection, small

    dataset = collection(4)
    store = FeatureStore.create(tmp_path / "store", {"frame_x": 6, "region_x": 7}, {})
    for graph in dataset.video_graphs:
        frame, region = graph["frame"], graph["region"]
        store.add(
            graph.name,
            {
                "frame_x": frame.x,
                "frame_time": torch.arange(float(len(frame.x))),
                "region_x": region.x,
                "region_box": region.box,
                "region_score": torch.ones(len(region.x)),
                "region_frame": region.frame,
            },
        )
    on_disk = copy.copy(dataset)
    on_disk.video_graphs = DiskGraphs(store)
    vocabulary = make_vocabulary(dataset)
    read: set[str] = set()
    real = Layout.read_into
    monkeypatch.setattr(
        Layout, "read_into", lambda self, view, key, *rest: read.add(key) or real(self, view, key, *rest)
    )
    for given in (dataset, on_disk):
        frames = prepare(given, small("hgr", vocabulary), vocabulary)
        assert frames.video_graphs.batch([2, 0]).node_types == ["frame"]
        assert frames.video_graphs.subset([1]).batch([0]).node_types == ["frame"]
        assert torch.equal(frames.video_graphs.batch([1])["frame"].ptr, given.video_graphs.batch([1])["frame"].ptr)
        assert "region" in given.video_graphs.nodes
    read.clear()
    frames.video_graphs.batch([2, 0])
    assert read == {"frame_x", "frame_time"}
    both = prepare(on_disk, small("visern", vocabulary), vocabulary)
    assert "region" in both.video_graphs.batch([0]).node_types
