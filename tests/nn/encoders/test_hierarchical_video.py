"""HierarchicalVideoEncoder against Eq 11 and Eq 4-5, clip by clip."""

from __future__ import annotations

import pytest
import torch

from graphvtr.errors import DataError
from graphvtr.graphs import GraphStore, VideoGraph
from graphvtr.nn import HierarchicalVideoEncoder


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("hierarchical", [True, False])
def test_values_and_gradients(hierarchical: bool, bias: bool) -> None:
    encoder = HierarchicalVideoEncoder(5, 6, hierarchical=hierarchical, bias=bias).double()
    clips = [torch.randn(count, 5, dtype=torch.double) for count in (3, 1, 4)]
    out = encoder(GraphStore.from_graphs([VideoGraph.build(clip) for clip in clips]).batch([0, 1, 2]))
    maps = [encoder.maps[name if hierarchical else "shared"] for name in ("event", "action", "entity")]
    views = [[clip @ m.weight.T + (m.bias if bias else 0) for clip in clips] for m in maps]
    event = torch.stack([torch.softmax(x @ encoder.pool.score.weight[0], 0) @ x for x in views[0]])
    expected = [event, torch.cat(views[1]), torch.cat(views[2])]
    parameters = dict(encoder.named_parameters())
    assert len(parameters) == (3 if hierarchical else 1) * (1 + bias) + 1
    probes = [torch.randn_like(x) for x in expected]
    for level, wanted in zip(("event", "action", "entity"), expected, strict=True):
        torch.testing.assert_close(out[level].x, wanted)
    mine = sum((out[level].x * p).sum() for level, p in zip(out, probes, strict=True))
    other = sum((x * p).sum() for x, p in zip(expected, probes, strict=True))
    for name, gradient, wanted in zip(
        parameters,
        torch.autograd.grad(mine, parameters.values()),
        torch.autograd.grad(other, parameters.values()),
        strict=True,
    ):
        torch.testing.assert_close(gradient, wanted, msg=name)
    assert out["action"].ptr is not None
    assert out["action"].ptr.tolist() == [0, 3, 4, 8]


def test_a_clip_without_frames_has_a_zero_event() -> None:
    out = HierarchicalVideoEncoder(5, 6, bias=True)(VideoGraph.build(torch.empty(0, 5)))
    assert not out["event"].x.any()
    assert len(out["action"].x) == 0


def test_dropout_in_training_only() -> None:
    encoder, clip = HierarchicalVideoEncoder(5, 6, dropout=1.0), VideoGraph.build(torch.randn(3, 5))
    assert not encoder.train()(clip)["action"].x.any()
    assert encoder.eval()(clip)["action"].x.all()


def test_features_of_another_width() -> None:
    with pytest.raises(DataError, match=r"frame.x: is 4 wide, the model expects 5 .* video_dim=4"):
        HierarchicalVideoEncoder(5, 6)(VideoGraph.build(torch.randn(3, 4)))
