"""ViSERN: its parts put together, ragged clips, Table 3's presets."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from graphvtr.errors import DataError
from graphvtr.graphs import GraphStore, RoleGraph, VideoGraph
from graphvtr.graphs.transforms import SPATIAL, TEMPORAL, AddSpatialEdges, AddTemporalEdges
from graphvtr.nn import MODELS, ViSERN

SIZES: dict[str, Any] = {
    "vocab_size": 12,
    "region_dim": 5,
    "hidden": 6,
    "word_dim": 4,
    "video_rnn": 3,
    "text_rnn": 2,
    "filters": 3,
}
REGIONS = [[2, 0, 3], [1], [0, 0], [4, 4]]  # of each frame of each clip
IDS = [[5, 4, 4, 9], [2], [3, 6, 7], [8, 3]]
OPTIONS: dict[str, dict[str, Any]] = {
    "paper": {"affinity": "dot"},
    "default": {},
    "all": {"num_layers": 2, "num_steps": 2, "batch_norm": True, "location": True, "temporal": True, "affinity": "exp"},
}


def clip(counts: list[int]) -> VideoGraph:
    total = sum(counts)
    corner = torch.rand(total, 2, dtype=torch.float64) / 2
    return VideoGraph.build(
        torch.randn(len(counts), 2).double(),
        region_x=torch.randn(total, 5, dtype=torch.float64),
        region_box=torch.cat([corner, corner + 0.4], 1),
        region_frame=torch.repeat_interleave(torch.tensor(counts)),
    )


def caption(ids: list[int]) -> RoleGraph:
    graph = RoleGraph.build([f"w{i}" for i in ids], [], [], [])
    graph["word"].id = torch.tensor(ids)
    return graph


@pytest.fixture
def clips() -> list[VideoGraph]:
    return [clip(counts) for counts in REGIONS]


def batch_of(graphs: list[Any]) -> Any:
    return GraphStore.from_graphs(graphs).batch(range(len(graphs)))


@pytest.mark.parametrize("options", list(OPTIONS))
def test_a_batch_is_its_clips(clips: list[VideoGraph], options: str) -> None:
    model = ViSERN(**SIZES, **OPTIONS[options]).double().eval()
    alone = torch.cat([model.encode_video(graph)["event"].x for graph in clips])
    together = model.encode_video(batch_of(clips))["event"].x
    torch.testing.assert_close(together, alone)
    torch.testing.assert_close(together.norm(dim=1), torch.ones(4, dtype=torch.float64))


def test_frames_are_the_mean_of_what_regions_became(clips: list[VideoGraph]) -> None:
    """Eq 1, 7 and 12 by hand on the paper's variant, then the encoder of Dual Encoding."""
    model = ViSERN(**SIZES, affinity="dot").double().eval()
    layer = model.reasoning.layers[0]
    frames: list[Tensor] = []
    for counts, graph in zip(REGIONS, clips, strict=True):
        for v in graph["region"].x.split(counts):
            phi, theta = layer.phi(v), layer.theta(v)
            score = phi @ theta.T + theta @ phi.T
            z = (score / score.sum(1, keepdim=True)) @ v @ layer.gcn.weight.T @ layer.residual.weight.T + v
            frames.append(z.mean(0) if len(v) else v.new_zeros(5))
    ptr = torch.tensor([0, 3, 4, 6, 8])
    expected = model.video_encoder.encode(torch.stack(frames), ptr)
    torch.testing.assert_close(model.encode_video(batch_of(clips))["event"].x, expected)


@pytest.mark.parametrize("preset", ["no_reasoning", "row", "symmetric", "random_walk"])
def test_presets(clips: list[VideoGraph], preset: str) -> None:
    model = ViSERN.preset(preset, SIZES["vocab_size"], **{k: v for k, v in SIZES.items() if k != "vocab_size"}).double()
    normalization = {"no_reasoning": "none"}.get(preset, preset)
    assert model.config["normalization"] == normalization
    batch = batch_of(clips)
    regions = batch["region"].x
    assert torch.equal(model.reason(batch), regions) == (preset == "no_reasoning")
    video, text = model.encode_video(batch), model.encode_text(batch_of([caption(ids) for ids in IDS]))
    loss = model.loss(video, text, torch.arange(4))["loss"]
    loss.backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
    with pytest.raises(DataError, match="preset 'column': is unknown"):
        ViSERN.preset("column", 12)


def test_the_frame_before_speaks_only_within_a_clip(clips: list[VideoGraph]) -> None:
    model = ViSERN(**SIZES, temporal=True).double().eval()
    batch = batch_of([clips[3], clips[1]])
    before = model.reason(batch)
    batch["region"].x[4:8] += 1  # the last frame of the first clip
    after = model.reason(batch)
    assert torch.equal(after[:4], before[:4])
    torch.testing.assert_close(after[8:], before[8:])
    batch["region"].x[:4] += 1  # the first frame of the first clip
    assert not torch.allclose(model.reason(batch)[4:8], after[4:8])


@pytest.mark.parametrize("options", list(OPTIONS))
def test_reasoning_over_materialised_edges(clips: list[VideoGraph], options: str) -> None:
    """What plain PyG code would do with the edges of the transforms."""
    model = ViSERN(**SIZES, **OPTIONS[options]).double().eval()
    batch = AddTemporalEdges()(AddSpatialEdges()(batch_of(clips)))
    extra: dict[str, Tensor] = {"box": batch["region"].box} if model.location else {}
    if model.temporal:
        extra["temporal_edge_index"] = batch[TEMPORAL].edge_index
    found = model.reasoning(batch["region"].x, batch[SPATIAL].edge_index, **extra)
    torch.testing.assert_close(found, model.reason(batch))


def test_attention_map(clips: list[VideoGraph]) -> None:
    model = ViSERN(**SIZES).double().eval()
    scores = model.attention_map(batch_of(clips))
    assert scores.shape == (14,)
    assert not scores.requires_grad
    torch.testing.assert_close(scores[:2].sum().item(), 1.0)
    torch.testing.assert_close(scores[-4:].sort().values, torch.tensor([1.0, 4, 9, 16]).double() / 30)


def test_training_lowers_the_loss(clips: list[VideoGraph]) -> None:
    model = ViSERN(**SIZES, dropout=0.0).double()
    batch, texts = batch_of(clips), batch_of([caption(ids) for ids in IDS])
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    losses = []
    for _ in range(30):
        loss = model.loss(model.encode_video(batch), model.encode_text(texts), torch.arange(4))["loss"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 2


def test_config_rebuilds_the_model() -> None:
    model = ViSERN(**SIZES, affinity="exp", key_channels=2, location=True, text_kernels=(2, 4))
    again = MODELS["visern"](**model.config)
    assert again.config == model.config
    again.load_state_dict(model.state_dict())


def test_wrong_inputs(clips: list[VideoGraph]) -> None:
    model = ViSERN(**SIZES)
    with pytest.raises(DataError, match="region: the graph has no regions"):
        model.encode_video(VideoGraph.build(torch.zeros(2, 5)))
    with pytest.raises(DataError, match=r"region.x: is 5 wide, the model expects 7"):
        ViSERN(**{**SIZES, "region_dim": 7}).encode_video(clips[0])
