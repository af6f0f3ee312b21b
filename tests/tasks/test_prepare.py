from __future__ import annotations

from typing import Any

import pytest
import torch

from graphvtr.errors import DataError
from graphvtr.graphs import GraphStore, VideoGraph
from graphvtr.nn.models import MODELS, RetrievalModel
from graphvtr.tasks.prepare import build_model, make_vocabulary


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
