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
    "rnn": "gru",
    "attention": True,
    "layer_norm": True,
    "event_edges": "to_action",
    "role_aware": True,
    "event_role": False,
    "hierarchical_video": True,
    "fusion": "embed",
    "norm": "clipped",
    "node_reduce": "mean",
    "max_words": 30,
    "max_actions": 4,
    "max_entities": 6,
    "max_frames": 20,
}


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
    expected_loss = reference.loss(expected.mean(0), batch.video_of_text.tolist(), siblings=True)
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
        torch.testing.assert_close(parameter.grad.double(), gradient, rtol=1e-4, atol=1e-5, msg=name)
        assert gradient.abs().max() > 1e-4 or "edge_attn_key.bias" in name, name  # the comparison says something


def test_one_step_of_adam(batch: SimpleNamespace, dense: Any, make_state: Any) -> None:
    """Loss, and every weight after one step, against the specification's computation in float64."""
    state = make_state(1)
    model = HGR.from_released(state, word_dropout=0.0, video_dropout=0.0, graph_dropout=0.0).double().train()
    clips = batch.pack([model.transform_video(VideoGraph.build(clip.double())) for clip in batch.clips])
    captions = batch.pack([model.transform_text(graph) for graph in batch.graphs])
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-4)
    loss = model.loss(model.encode_video(clips), model.encode_text(captions), batch.video_of_text)["loss"]
    loss.backward()
    optimiser.step()

    weights = {
        f"{part}.{name}": tensor.double().requires_grad_() for part in state for name, tensor in state[part].items()
    }
    reference = dense(weights, num_layers=1, **SPECIFICATION)
    scores = reference.scores(batch.captions, batch.clips).mean(0)
    expected = reference.loss(scores, batch.video_of_text.tolist(), siblings=True)
    torch.testing.assert_close(loss, expected)
    parameters = dict(model.named_parameters())
    for (name, weight), g in zip(weights.items(), torch.autograd.grad(expected, list(weights.values())), strict=True):
        if name.endswith("ft_attn.bias"):
            continue
        if "edge_attn_key.bias" in name:  # cancels in the softmax: Adam takes the sign of rounding
            assert g.abs().max() < 1e-12
            continue
        # the first step of Adam: both moments are corrected to g and g squared
        wanted = weight - 1e-4 * g / (g.abs() + 1e-8)
        settled = (g.abs() > 1e-9) | (g == 0)
        torch.testing.assert_close(parameters[our_name(name)][settled], wanted[settled], rtol=0, atol=1e-9, msg=name)


def test_initial_weights_are_the_released_ones() -> None:
    """Embedding uniform in plus and minus 1 / sqrt(300), recurrent weights orthogonal, their biases 0."""
    model = HGR.released(2000, 16, hidden=64)
    words = model.text_encoder.words
    bound = 300**-0.5
    table = words.embedding.weight
    assert table.abs().max() <= bound
    assert table.std().item() == pytest.approx(bound / 3**0.5, rel=0.01)
    assert abs(table.mean().item()) < 1e-3
    for name, weight in words.rnn.named_parameters():
        if name.startswith("bias"):
            assert not weight.any()
            continue
        small = weight.T @ weight if weight.size(0) > weight.size(1) else weight @ weight.T
        torch.testing.assert_close(small, torch.eye(len(small)), rtol=0, atol=1e-5)
    # the paper's variant keeps PyTorch's defaults
    assert HGR(2000, 16, hidden=8).text_encoder.words.embedding.weight.std().item() == pytest.approx(1.0, rel=0.02)


def test_sizes_come_from_the_shapes(make_state: Any) -> None:
    config = HGR.from_released(make_state(3, query=5), graph_dropout=0.0).config
    expected = {
        "vocab_size": 30,
        "video_dim": 6,
        "hidden": 8,
        "word_dim": 5,
        "num_layers": 3,
        "attention_channels": 5,
        "rnn": "gru",
        "graph_dropout": 0.0,
        "word_dropout": 0.2,
    }
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
    [
        "rnn.bias_hh_l0_reverse",
        "embedding.we.weight",
        "gcn.layers.0.layernorm.bias",
        "gcn.layers.0.edge_attn_key.bias",
        "role_embedding.weight",
        "rnn.weight_hh_l0",
    ],
)
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
