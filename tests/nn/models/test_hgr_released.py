"""Released HGR checkpoints: same scores, loss and gradients as the specification's computation."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from graphvtr.errors import DataError
from graphvtr.graphs import VideoGraph
from graphvtr.nn import HGR
from graphvtr.nn.models.hgr_released import our_name

SPECIFICATION: dict[str, Any] = {
    "rnn": "gru", "attention": True, "layer_norm": True, "event_edges": "to_action", "role_aware": True,
    "event_role": False, "hierarchical_video": True, "fusion": "embed", "norm": "clipped", "node_reduce": "mean",
    "max_words": 30, "max_actions": 4, "max_entities": 6, "max_frames": 20,
}  # fmt: skip


@pytest.mark.parametrize("layers", [1, 2])
def test_scores_loss_and_gradients(layers: int, batch: SimpleNamespace, dense: Any, make_state: Any) -> None:
    state = make_state(layers)
    model = HGR.from_released(state).eval()
    clips = batch.pack([model.transform_video(VideoGraph.build(clip)) for clip in batch.clips])
    captions = batch.pack([model.transform_text(graph) for graph in batch.graphs])
    video, text = model.encode_video(clips), model.encode_text(captions)
    losses = model.loss(video, text, batch.video_of_text)

    weights = {
        f"{part}.{name}": tensor.double().requires_grad_() for part in state for name, tensor in state[part].items()
    }
    reference = dense(weights, num_layers=layers, **SPECIFICATION)
    expected = reference.scores(batch.captions, batch.clips)
    expected_loss = reference.loss(expected.mean(0), batch.video_of_text.tolist())
    torch.testing.assert_close(model.level_scores(video, text).double(), expected, rtol=0, atol=1e-4)
    torch.testing.assert_close(model.similarity(video, text).double(), expected.mean(0), rtol=0, atol=1e-4)
    torch.testing.assert_close(losses["loss"].double(), expected_loss, rtol=0, atol=1e-4)

    losses["loss"].backward()
    parameters = dict(model.named_parameters())
    assert len(parameters) == len(weights) - 2
    for (name, weight), gradient in zip(
        weights.items(), torch.autograd.grad(expected_loss, list(weights.values())), strict=True
    ):
        if name.endswith("ft_attn.bias"):  # dropped: it cancels in the softmax
            assert gradient.abs().max() < 1e-12
            continue
        parameter = parameters[our_name(name)]
        assert torch.equal(parameter.double(), weight)
        assert parameter.grad is not None
        torch.testing.assert_close(parameter.grad.double(), gradient, rtol=1e-4, atol=1e-4, msg=name)
        assert gradient.abs().max() > 1e-3 or "edge_attn_key.bias" in name, name  # the comparison says something


def test_sizes_come_from_the_shapes(make_state: Any) -> None:
    config = HGR.from_released(make_state(3, query=5), graph_dropout=0.0).config
    expected = {
        "vocab_size": 30, "video_dim": 6, "hidden": 8, "word_dim": 5, "num_layers": 3, "attention_channels": 5,
        "rnn": "gru", "graph_dropout": 0.0, "word_dropout": 0.2,
    }  # fmt: skip
    assert {name: config[name] for name in expected} == expected


def test_lstm_and_mean_neighbours(make_state: Any) -> None:
    state = make_state()
    for name, tensor in list(state["text_encoder"].items()):
        if name.startswith("rnn."):
            state["text_encoder"][name] = torch.cat([tensor, tensor[:8]])
        if "edge_attn" in name:
            del state["text_encoder"][name]
    model = HGR.from_released(state, attention=False)
    assert model.config["rnn"] == "lstm"
    assert torch.equal(model.text_encoder.words.rnn.weight_ih_l0, state["text_encoder"]["rnn.weight_ih_l0"])


@pytest.mark.parametrize(
    "name",
    ["rnn.bias_hh_l0_reverse", "embedding.we.weight", "gcn.layers.0.layernorm.bias", "gcn.layers.0.edge_attn_key.bias",
     "role_embedding.weight", "rnn.weight_hh_l0"],
)  # fmt: skip
def test_a_missing_key_is_named(make_state: Any, name: str) -> None:
    state = make_state()
    del state["text_encoder"][name]
    with pytest.raises(DataError, match=f"checkpoint key 'text_encoder.{name}': is missing"):
        HGR.from_released(state)


def test_an_unknown_key_is_named(make_state: Any) -> None:
    state = make_state()
    state["video_encoder"]["level_embeds.3.weight"] = torch.zeros(8, 6)
    with pytest.raises(DataError, match=r"checkpoint key 'video_encoder.level_embeds.3.weight': is unknown"):
        HGR.from_released(state)


@pytest.mark.parametrize(
    ("name", "shape", "wanted"),
    [
        ("rnn.bias_ih_l0", [23], r"has shape \[23\] \(it must be \[24\]\)"),
        ("role_embedding.weight", [17, 8], r"has shape \[17, 8\] \(it must be \[16, 8\]\)"),
        ("ft_attn.bias", [2], r"has shape \[2\] \(it must be \[1\]\)"),
        ("embedding.we.weight", [30], r"has shape \[30\] \(it must be a matrix\)"),
    ],
)
def test_a_wrong_shape_is_named(make_state: Any, name: str, shape: list[int], wanted: str) -> None:
    state = make_state()
    state["text_encoder"][name] = torch.zeros(shape)
    with pytest.raises(DataError, match=f"checkpoint key 'text_encoder.{name}': {wanted}"):
        HGR.from_released(state)


def test_both_parts_are_needed_and_no_other(make_state: Any) -> None:
    state = make_state()
    with pytest.raises(DataError, match="checkpoint key 'optimizer': is unknown"):
        HGR.from_released({**state, "optimizer": {}})
    del state["video_encoder"]
    with pytest.raises(DataError, match="checkpoint key 'video_encoder': is missing"):
        HGR.from_released(state)
