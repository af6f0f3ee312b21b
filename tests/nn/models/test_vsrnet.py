"""VSR-Net: Eq 11-12 by hand on the parts, Table 1's presets, ragged clips, captions, attention."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from graphvtr.errors import DataError
from graphvtr.graphs import GraphStore, RoleGraph, VideoGraph
from graphvtr.nn import MODELS, VSRNet
from graphvtr.nn.models.vsrnet import PRESETS

transformers = pytest.importorskip("transformers")
REGIONS = [[2, 0, 3], [1], [0, 0], [4, 4]]  # of each frame of each clip
CAPTIONS = ["a dog chases the cat", "the cat", "a white dog barks and barks", "dogs"]
VIDEO_OF_TEXT = torch.tensor([0, 1, 3, 3])


@pytest.fixture(scope="module")
def bert(write_bert: Callable[..., Path]) -> str:
    """A BERT 6 wide with two layers and random weights."""
    return str(write_bert(hidden=6, layers=2, positions=16))


def build(bert: str, **options: Any) -> VSRNet:
    sizes = {"video_dim": 3, "region_dim": 5, "hidden": 8, "num_layers": 2, "heads": 2, "mlp_ratio": 1.5}
    return VSRNet(**{**sizes, "language_model": bert, "text_cache": False, **options}).double()


def clip(counts: list[int]) -> VideoGraph:
    return VideoGraph.build(
        torch.randn(len(counts), 3).double(),
        region_x=torch.randn(sum(counts), 5, dtype=torch.float64),
        region_frame=torch.repeat_interleave(torch.tensor(counts)),
    )


@pytest.fixture
def clips() -> list[VideoGraph]:
    return [clip(counts) for counts in REGIONS]


def videos(graphs: list[VideoGraph]) -> Any:
    return GraphStore.from_graphs(graphs).batch(range(len(graphs)))


def texts(model: VSRNet, captions: list[str] = CAPTIONS) -> Any:
    graphs = [RoleGraph.build(text.split(), [], [], [], caption=text) for text in captions]
    return GraphStore.from_graphs(map(model.transform_text, graphs)).batch(range(len(graphs)))


@pytest.mark.parametrize("preset", [*PRESETS, "released"])
def test_a_batch_is_its_items(bert: str, clips: list[VideoGraph], preset: str) -> None:
    model = build(bert, **PRESETS.get(preset, VSRNet.released_options)).eval()
    together = model.encode_video(videos(clips))
    assert tuple(together) == model.levels
    for level in model.levels:
        alone = torch.cat([model.encode_video(graph)[level].x for graph in clips])
        torch.testing.assert_close(together[level].x, alone)
    words = model.encode_text(texts(model))
    alone = torch.cat([model.encode_text(texts(model, [caption]))[model.levels[0]].x for caption in CAPTIONS])
    torch.testing.assert_close(words[model.levels[-1]].x, alone, atol=1e-5, rtol=1e-5)  # BERT itself is float32


def test_score_and_losses_by_hand(bert: str, clips: list[VideoGraph]) -> None:
    """Eq 11 and 12, pair by pair, on the vectors of the parts."""
    for options in ({}, {"relation_weight": 0.3, "mining": "hardest"}, {"per_level": True}):
        model = build(bert, **options).eval()
        video, text = model.encode_video(videos(clips)), model.encode_text(texts(model))
        share = options.get("relation_weight", 0.5)
        cosines = {
            level: torch.stack([F.cosine_similarity(v, text[level].x, dim=1) for v in video[level].x])
            for level in ("relation", "global")
        }
        scores = share * cosines["relation"] + (1 - share) * cosines["global"]
        torch.testing.assert_close(model.similarity(video, text), scores)
        if options.get("per_level"):
            expected = sum(hinge(one, "all") for one in cosines.values()) / 2
        else:
            expected = hinge(scores, model.config["mining"])
        torch.testing.assert_close(model.loss(video, text, VIDEO_OF_TEXT)["loss"], expected)


def hinge(scores: Tensor, mining: str) -> Tensor:
    total = scores.new_zeros(())
    for caption, owner in enumerate(VIDEO_OF_TEXT.tolist()):
        positive = scores[owner, caption]
        others = [scores[owner, c] for c, o in enumerate(VIDEO_OF_TEXT.tolist()) if o != owner]
        clips = [scores[v, caption] for v in range(len(scores)) if v != owner]
        for negatives in (others, clips):
            losses = [(0.2 - positive + negative).clamp(min=0) for negative in negatives]
            total = total + (max(losses) if mining == "hardest" else sum(losses))
    return total / len(VIDEO_OF_TEXT)


@pytest.mark.parametrize("preset", list(PRESETS))
def test_presets_and_gradients(bert: str, clips: list[VideoGraph], preset: str) -> None:
    sizes = {"video_dim": 3, "region_dim": 5, "hidden": 8, "num_layers": 1, "heads": 2}
    model = VSRNet.preset(preset, **sizes, language_model=bert, text_cache=False).double()
    expected = {"VG": ("global",), "VR_st": ("relation",)}.get(preset, ("relation", "global"))
    assert model.levels == expected
    if model.relations is not None:
        blocks = (len(model.relations.spatial), len(model.relations.temporal.blocks))
        assert blocks == {"VG+VR_m": (0, 0), "VG+VR_s": (1, 0), "VG+VR_t": (0, 1)}.get(preset, (1, 1))
    model.loss(model.encode_video(videos(clips)), model.encode_text(texts(model)), VIDEO_OF_TEXT)["loss"].backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name


def test_the_mean_of_regions(bert: str, clips: list[VideoGraph]) -> None:
    """VR_m: the mean over each frame's regions, pooled over frames."""
    model = build(bert, relations="mean", global_branch=False).eval()
    graph = clips[0]
    rows = model.region_map(graph["region"].x)
    frames = torch.stack([rows[:2].mean(0), torch.zeros(8, dtype=torch.double), rows[2:].mean(0)])
    expected = model.region_pool(frames, torch.tensor([0, 3]))
    torch.testing.assert_close(model.encode_video(graph)["relation"].x, expected)


def test_released_has_no_block_over_frames(bert: str) -> None:
    model = VSRNet.released(
        video_dim=3, region_dim=5, hidden=8, num_layers=2, heads=2, language_model=bert, text_cache=False
    )
    assert model.config["per_level"]
    assert (len(model.relations.spatial), len(model.relations.temporal.blocks)) == (4, 0)


def test_videos_of_any_kind_of_frames(bert: str) -> None:
    model = build(bert, relations="none", region_dim=None).eval()
    alone = VideoGraph.build(torch.randn(4, 3).double())
    assert model.encode_video(alone)["global"].x.shape == (1, 8)
    with pytest.raises(DataError, match="region: the graph has no regions"):
        build(bert).encode_video(alone)


def test_order_of_frames_counts_unless_positions_are_off(bert: str) -> None:
    forth = clip([2, 1, 3])
    region, frame = forth["region"], forth["frame"]
    back = VideoGraph.build(
        frame.x.flip(0),
        region_x=torch.cat(region.x.split([2, 1, 3])[::-1]),
        region_frame=torch.tensor([0, 0, 0, 1, 2, 2]),
    )
    for positions, same in (("sinusoidal", False), ("none", True)):
        model = build(bert, positions=positions).eval()
        one, other = model.encode_video(forth), model.encode_video(back)
        for level in model.levels:
            assert torch.allclose(one[level].x, other[level].x, atol=1e-9) == same


def test_attention(bert: str, clips: list[VideoGraph]) -> None:
    model = build(bert).eval()
    batch = videos(clips)
    seen = model.attention(batch)
    assert [len(seen.spatial), len(seen.temporal)] == [2, 2]
    sums = [part.sum().item() for part in seen.frame_weights.split([3, 1, 2, 2])]
    torch.testing.assert_close(torch.tensor(sums), torch.ones(4))
    frame = batch["region"].frame
    has = torch.bincount(frame, minlength=8) > 0
    per_frame = torch.zeros(8, dtype=torch.double).index_add(0, frame, model.attention_map(batch))
    torch.testing.assert_close(per_frame, seen.frame_weights * has)
    with pytest.raises(DataError, match="attention: needs the relation branch"):
        build(bert, relations="none").attention_map(batch)


def test_training_lowers_the_loss(bert: str, clips: list[VideoGraph]) -> None:
    model = build(bert, dropout=0.1).float()
    batch, captions = videos(clips), texts(model)
    optimizer = torch.optim.Adam(model.parameters(), 5e-3)
    losses = []
    for _ in range(30):
        loss = model.loss(model.encode_video(batch), model.encode_text(captions), VIDEO_OF_TEXT)["loss"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 2


def test_mixed_precision(bert: str, clips: list[VideoGraph]) -> None:
    model = build(bert).float().eval()
    batch, captions = videos(clips), texts(model)
    expected = model.similarity(model.encode_video(batch), model.encode_text(captions))
    with torch.autocast("cpu", torch.bfloat16):
        video, text = model.encode_video(batch), model.encode_text(captions)
        loss = model.loss(video, text, VIDEO_OF_TEXT)["loss"]
        scores = model.similarity(video, text)
    loss.backward()
    torch.testing.assert_close(scores.float(), expected, atol=0.1, rtol=0.1)
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)


def test_config_rebuilds_the_model_and_the_language_model_stays_out(bert: str, tmp_path: Path) -> None:
    model = build(bert, relations="spatial", relation_weight=0.25, text_cache=str(tmp_path))
    again = MODELS["vsrnet"](**model.config).double()
    assert again.config == model.config
    again.load_state_dict(model.state_dict())
    assert not any("backbone" in name for name in model.state_dict())
    tuned = build(bert, freeze_text=False)
    assert any("backbone" in name for name, _ in tuned.named_parameters())


def test_wrong_inputs(bert: str, clips: list[VideoGraph]) -> None:
    with pytest.raises(DataError, match=r"region.x: is 5 wide, the model expects 7"):
        build(bert, region_dim=7).encode_video(clips[0])
    with pytest.raises(DataError, match=r"frame.x: is 3 wide, the model expects 4"):
        build(bert, video_dim=4).encode_video(clips[0])
    for options, message in (
        ({"relations": "none", "global_branch": False}, "relations: is 'none'"),
        ({"region_dim": None}, "region_dim: missing"),
        ({"relation_weight": 1.5}, "relation_weight: is 1.5"),
        ({"relations": "both"}, "relations: is 'both'"),
    ):
        with pytest.raises(DataError, match=message):
            build(bert, **options)
    with pytest.raises(DataError, match="preset 'VG\\+VR': is unknown"):
        VSRNet.preset("VG+VR")
    model = build(bert)
    store = GraphStore.from_graphs([RoleGraph.build(["dogs"], [], [], [])])
    with pytest.raises(DataError, match=r"piece\.id: missing"):
        model.encode_text(store.batch([0]))
