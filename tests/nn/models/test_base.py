"""What every model gets from its base: arguments noted, plain, as the class that is made was given them."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from torch import nn

from graphvtr.nn import MODELS, VSE, CosineMatch, RetrievalModel

SIZES = {"vocab_size": 12, "video_dim": 8, "region_dim": 6, "sentence": None}


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
    small = {key: value for key, value in {"hidden": 8, "word_dim": 4}.items() if key in accepted}
    if name in ("hgr", "vse", "vse++", "hanet", "mcsan"):
        given = {**{key: value for key, value in SIZES.items() if key in accepted}, **small}
    else:
        given = {key: value for key, value in SIZES.items() if key in accepted}
    model = MODELS[name](**given)
    assert set(model.config) == set(accepted)
    again = MODELS[name](**model.config)
    assert again.config == model.config
    shapes = {key: value.shape for key, value in model.state_dict().items()}
    assert {key: value.shape for key, value in again.state_dict().items()} == shapes
