"""GraphVTR: the closed form at step 0, single items against batches, hard negatives, saved and loaded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from graphvtr.datasets import DataSource, RetrievalDataset, build_dataset
from graphvtr.errors import DataError
from graphvtr.graphs import GraphStore, RoleGraph, VideoGraph
from graphvtr.metrics import both_directions
from graphvtr.nn import GraphVTR, RetrievalModel
from graphvtr.nn.encoders.split_vectors import split_vectors
from graphvtr.nn.pair_margins import pair_margins
from graphvtr.tasks.baselines import ridge_scores
from graphvtr.tasks.prepare import prepare
from graphvtr.text import Vocabulary

pytest.importorskip("transformers")
SIZES: dict[str, Any] = {"hidden": 8, "members": 2, "inner": 6, "bag": 12}
TIME: dict[str, Any] = {"dct": 3, "pooled": True, "scaled": True}


@pytest.fixture(scope="module")
def folder(write_bert: Callable[..., Path]) -> str:
    return str(write_bert(hidden=8, layers=2, positions=32))


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAPHVTR_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def scenes(scenes_cache: Path) -> dict[str, RetrievalDataset]:
    source = DataSource(cache=scenes_cache, options={"num_clips": 40, "progress": False, "workers": 0})
    return {split: build_dataset("moving_scenes", split, source) for split in ("train", "val")}


def build(folder: str, scenes: dict[str, RetrievalDataset], **options: Any) -> GraphVTR:
    torch.manual_seed(0)
    regions = scenes["train"].video_graphs.nodes["region"].tensors["x"].size(1)
    return GraphVTR(scenes["train"].video_dim, **{"region_dim": regions, "text": folder, **SIZES, **options})


def ready(model: GraphVTR, scenes: dict[str, RetrievalDataset]) -> dict[str, RetrievalDataset]:
    vocabulary = Vocabulary.from_captions(scenes["train"].words())
    splits = {name: prepare(split, model, vocabulary) for name, split in scenes.items()}
    model.begin(splits["train"], splits["val"])
    return splits


def scores(model: GraphVTR, split: RetrievalDataset) -> torch.Tensor:
    with torch.inference_mode():
        video = model.encode_video(split.video_graphs.batch(range(len(split.videos))))
        return model.similarity(video, model.encode_text(split.role_graphs.batch(range(len(split.captions)))))


def test_at_step_0_its_score_is_the_ridge_regressions(folder: str, scenes: dict[str, RetrievalDataset]) -> None:
    model = build(folder, scenes, start="ridge", bag=0).eval()
    split = ready(model, scenes)["val"]
    ridge = ridge_scores(scenes["train"], scenes["val"], scenes["val"], text=model.pretrained, refit=False)
    torch.testing.assert_close(scores(model, split).double(), ridge.scores, atol=1e-4, rtol=0)
    assert ridge.scores.std() > 0.01
    with torch.no_grad():
        model.gates.fill_(0.1)
    assert not torch.allclose(scores(model, split).double(), ridge.scores, atol=1e-2)


@pytest.mark.parametrize("options", [{}, TIME])
def test_at_step_0_its_score_is_the_canonical_correlations(
    folder: str, scenes: dict[str, RetrievalDataset], options: dict[str, Any]
) -> None:
    model = build(folder, scenes, components=3, **options).eval()
    split = ready(model, scenes)["val"]
    text, video = split_vectors(split, model.pretrained, model.bag, model.clips)
    assert model.start.text_map.shape == (8 + 12, 3)
    torch.testing.assert_close(scores(model, split), model.start.video(video) @ model.start.text(text).T)
    with pytest.raises(DataError, match="use one of cca"):
        build(folder, scenes, start="pca")


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"start": "ridge", "hubs": False},
        {"hubs": True},
        {"graphs": False},
        {"slots": False},
        {"region_dim": None, "relations": 3},
        {"relations": 3},
        {"relations": 2, "graphs": False},
        TIME,
    ],
)
def test_a_batch_is_its_items(folder: str, scenes: dict[str, RetrievalDataset], options: dict[str, Any]) -> None:
    model = build(folder, scenes, **options).eval()
    split = ready(model, scenes)["val"]
    with torch.no_grad():
        model.gates.fill_(0.1)
    single_videos = [model.encode_video(split.video_graphs[i]) for i in range(3)]
    single_texts = [model.encode_text(split.role_graphs[i]) for i in range(3)]
    expected = torch.cat([torch.cat([model.similarity(v, t) for t in single_texts], 1) for v in single_videos])
    video, text = (store.batch([0, 1, 2]) for store in (split.video_graphs, split.role_graphs))
    found = model.similarity(model.encode_video(video), model.encode_text(text))
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-3)


def test_every_parameter_learns_and_gates_do_not(folder: str, scenes: dict[str, RetrievalDataset]) -> None:
    model = build(folder, scenes, relations=4)
    split = ready(model, scenes)["train"]
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-2)
    captions = torch.arange(0, 100, 5)
    videos, owner = split.video_of_caption[captions].unique(return_inverse=True)
    losses = []
    for _ in range(12):
        video = model.encode_video(split.video_graphs.batch(videos))
        found = model.loss(video, model.encode_text(split.role_graphs.batch(captions)), owner)
        optimiser.zero_grad()
        found["loss"].backward()
        optimiser.step()
        losses.append(float(found["loss"].detach()))
    assert losses[-1] < losses[0]
    assert all(one.grad is not None and one.grad.isfinite().all() for one in model.parameters())
    assert not [name for name, one in model.named_parameters() if one.grad.abs().max() == 0 and "bias" not in name]
    assert not [name for name, _ in model.named_parameters() if name.startswith(("start", "pretrained", "gates"))]
    assert not model.gates.any()


def test_calibrated_it_is_ahead_of_its_start_on_what_it_is_calibrated_on(
    folder: str, scenes: dict[str, RetrievalDataset]
) -> None:
    model = build(folder, scenes, components=1).eval()
    split = ready(model, scenes)["train"]  # of 29 clips; the other one has 3
    owner = split.video_of_caption
    start = both_directions(scores(model, split), owner)["rsum"]
    with torch.inference_mode():
        video = model.encode_video(split.video_graphs.batch(range(len(split.videos))))
        text = model.encode_text(split.role_graphs.batch(range(len(split.captions))))
        model.calibrate(video, text, owner)
        found = both_directions(model.similarity(video, text), owner)["rsum"]
    assert model.gates.any()
    assert found > start


def test_a_pairs_loss_falls_when_the_true_caption_gains(folder: str, scenes: dict[str, RetrievalDataset]) -> None:
    model = build(folder, scenes).eval()
    split = ready(model, scenes)["val"]
    video = model.encode_video(split.video_graphs.batch([0, 1]))
    one, other = (model.encode_text(split.role_graphs.batch(rows)) for rows in ([0, 5, 9, 12], [9, 12, 0, 5]))
    rows = torch.tensor([0, 1])
    forward, backward = (model.pair_loss(video, pairs, rows) for pairs in (one, other))
    margins = pair_margins(model.similarity(video, one), rows)
    assert margins.shape == (2,)
    torch.testing.assert_close(pair_margins(model.similarity(video, other), rows), -margins)
    assert forward != backward


def test_clips_without_regions_are_refused_and_captions_without_nodes_are_not(
    folder: str, scenes: dict[str, RetrievalDataset]
) -> None:
    model = build(folder, scenes).eval()
    width = scenes["train"].video_dim
    with pytest.raises(DataError, match="no regions"):
        model.encode_video(VideoGraph.build(torch.randn(2, width)))
    bare = build(folder, scenes, region_dim=None).eval()
    store = GraphStore.from_graphs([RoleGraph.build(["dogs"], [], [], []), RoleGraph.build(["a"], [], [], [])])
    text = bare.encode_text(store.mapped(bare.transform_text).batch([0, 1]))
    found = bare.similarity(bare.encode_video(VideoGraph.build(torch.randn(2, width))), text)
    assert found.isfinite().all()


def test_a_clip_backwards_is_another_clip_where_it_is_told(folder: str, scenes: dict[str, RetrievalDataset]) -> None:
    for options, other in (({"graphs": False}, False), ({"graphs": False, **TIME}, True)):
        model = build(folder, scenes, **options).eval()
        clip = ready(model, scenes)["val"].video_graphs[0]
        last = clip["frame"].num_nodes - 1
        frame, order = (last - clip["region"].frame).sort(stable=True)
        regions = {f"region_{name}": clip["region"][name][order] for name in ("x", "box")}
        backwards = VideoGraph.build(clip["frame"].x.flip(0), **regions, region_frame=frame)
        one, two = (model.encode_video(graph) for graph in (clip, backwards))
        for level in ("start", "event"):
            assert torch.allclose(one[level].x, two[level].x, atol=1e-4) is not other


def test_checkpoints_from_before_time_was_read_load(folder: str, scenes: dict[str, RetrievalDataset]) -> None:
    model = build(folder, scenes)
    older = {name: value for name, value in model.config.items() if name not in (*TIME, "relation_dropout")}
    GraphVTR(**older).load_state_dict(model.state_dict())
    assert not [name for name in model.state_dict() if name.startswith("clips")]


def test_the_relations_have_a_dropout_of_their_own(folder: str, scenes: dict[str, RetrievalDataset]) -> None:
    for options, found in (({}, {0.1, 0.2}), ({"relation_dropout": 0.5}, {0.25, 0.5})):
        relations = build(folder, scenes, relations=4, **options).relations
        assert {part.p for part in relations.modules() if isinstance(part, torch.nn.Dropout)} == found


def test_saved_and_loaded_it_is_the_same(folder: str, scenes: dict[str, RetrievalDataset], tmp_path: Path) -> None:
    model = build(folder, scenes, relations=4).eval()
    split = ready(model, scenes)["val"]
    model.save_pretrained(tmp_path / "saved")
    again = RetrievalModel.from_pretrained(tmp_path / "saved").eval()
    assert isinstance(again, GraphVTR)
    torch.testing.assert_close(scores(again, split), scores(model, split))


def test_attention_over_the_role_graph(folder, scenes) -> None:
    model = build(folder, scenes, num_layers=2).eval()
    splits = ready(model, scenes)
    graphs = splits["val"].role_graphs.batch(range(4))
    reasoning, layers = model.attention_weights(graphs)
    assert len(layers) == 2
    target = reasoning.edge_index[1]
    for weights in layers:  # what a node listens to sums to 1
        sums = torch.zeros(int(target.max()) + 1).index_add(0, target, weights.detach())
        torch.testing.assert_close(sums[target.unique()], torch.ones(len(target.unique())))
    with pytest.raises(DataError, match=r"graphs: is False \(a model without role graphs has no attention over them\)"):
        build(folder, scenes, graphs=False).attention_weights(graphs)
