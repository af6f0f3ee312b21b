"""What every model gets from its base: arguments noted, plain, as the class that is made was given them."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
import torch
from torch import nn

from graphvtr.graphs.truncate import sample_frames, top_regions
from graphvtr.nn import MODELS, VSE, CosineMatch, RetrievalModel
from tests.every_model import NAMES, collection, small_run

SIZES = {
    "vocab_size": 12,
    "video_dim": 8,
    "region_dim": 6,
    "hidden": 8,
    "word_dim": 4,
    "video_rnn": 4,
    "text_rnn": 4,
    "filters": 3,
    "inner": 8,
    "sentence": None,
}


class Outer(RetrievalModel):
    levels = ("event",)

    def __init__(self, width: int, kernels: tuple[int, ...] = (2, 3), *, name: str = "x") -> None:
        super().__init__()
        self.matchers = nn.ModuleDict({"event": CosineMatch()})

    def encode_video(self, graph: Any) -> Any: ...

    def encode_text(self, graph: Any) -> Any: ...

    def loss(self, video: Any, text: Any, video_of_text: Any) -> Any: ...


class Inner(Outer):
    def __init__(self, depth: int = 4) -> None:
        super().__init__(depth * 2)


def test_arguments_are_noted_with_their_defaults() -> None:
    assert Outer(3, name="y").config == {"width": 3, "kernels": [2, 3], "name": "y"}
    assert Outer(3, (5,)).config["kernels"] == [5]
    assert Inner(depth=2).config == {"depth": 2}, "those of the class that is made, not of the one it builds on"
    first = VSE(12, 8)
    first.config["hidden"] = 1
    assert VSE(12, 8).config["hidden"] == 1024, "each model has its own"


def test_wrong_arguments_are_the_constructors_to_refuse() -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'wide'"):
        Outer(3, wide=4)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="missing 1 required positional argument"):
        Outer()  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="takes from 2 to 3 positional arguments"):
        Outer(1, (2,), 3)  # type: ignore[misc]


@pytest.mark.parametrize("name", [name for name in MODELS if MODELS[name].__module__.startswith("graphvtr.")])
def test_the_arguments_rebuild_every_model(name: str) -> None:
    accepted = inspect.signature(MODELS[name]).parameters
    model = MODELS[name](**{key: value for key, value in SIZES.items() if key in accepted})
    assert set(model.config) == set(accepted)
    again = MODELS[name](**model.config)
    assert again.config == model.config
    shapes = {key: value.shape for key, value in model.state_dict().items()}
    assert {key: value.shape for key, value in again.state_dict().items()} == shapes


@pytest.mark.parametrize("name", NAMES)
def test_every_model_takes_so_many_frames_and_regions(name: str) -> None:
    """``max_frames`` is everybody's, ``max_regions`` of those that read regions; the rest of a store is not seen."""
    accepted = inspect.signature(MODELS[name]).parameters
    assert "max_frames" in accepted
    assert ("max_regions" in accepted) == ("region_dim" in accepted)
    model, prepared, _ = small_run(name, 5, max_frames=2, max_regions=1)
    seen, whole = prepared.video_graphs.batch(range(5)), collection(5).video_graphs.batch(range(5))
    assert (seen["frame"].ptr.diff() == 2).all()
    cut = sample_frames(whole, 2)
    cut = top_regions(cut, 1) if "max_regions" in accepted else cut
    torch.testing.assert_close(seen["frame"].x, cut["frame"].x)
    if "region" in seen.node_types:
        torch.testing.assert_close(seen["region"].x, cut["region"].x)
    model.eval()
    ours, expected = model.encode_video(seen), model.encode_video(cut)
    for level in model.levels:
        torch.testing.assert_close(ours[level].x, expected[level].x)
