"""HGR against a plain float64 computation, and what must hold of it whatever the numbers are."""

from __future__ import annotations

import random
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from graphvtr.errors import DataError
from graphvtr.graphs import GraphStore, RoleGraph, VideoGraph, node_ptr
from graphvtr.graphs.reasoning import attach_reasoning
from graphvtr.nn import HGR, MODELS, LevelEmbeddings
from graphvtr.nn.models.hgr_released import released_name

SIZES: dict[str, Any] = {"vocab_size": 30, "video_dim": 6, "hidden": 8, "word_dim": 5}
VARIANTS: dict[str, dict[str, Any]] = {
    "paper": {},
    "one-way event edges": {"event_edges": "to_action"},
    "event without role": {"event_role": False},
    "gru": {"rnn": "gru", "rnn_init": "orthogonal"},
    "query of another width, with bias": {"attention_channels": 3, "attention_bias": True},
    "layer norm": {"layer_norm": True, "num_layers": 3},
    "no reasoning": {"num_layers": 0},
    "no attention": {"attention": False},
    "no roles": {"role_aware": False},
    "one video map": {"hierarchical_video": False, "video_bias": True},
    "clipped norm": {"norm": "clipped"},
    "embed": {"fusion": "embed"},
    "mean over nodes": {"node_reduce": "mean"},
    "cut": {"max_words": 6, "max_actions": 2, "max_entities": 3, "max_frames": 4},
    "siblings are negatives": {"sibling_negatives": True},
    "released": "released",  # type: ignore[dict-item]
}


def build(variant: str, **overrides: Any) -> HGR:
    options = VARIANTS[variant]
    make = HGR.released if options == "released" else HGR
    model = make(**{**SIZES, **({} if options == "released" else options), **overrides}).double()
    for name, parameter in model.named_parameters():
        if "norm" in name or "bias" in name:
            torch.nn.init.normal_(parameter)
    return model.eval()


def encode(model: HGR, batch: SimpleNamespace) -> tuple[LevelEmbeddings, LevelEmbeddings]:
    clips = [model.transform_video(VideoGraph.build(clip.double())) for clip in batch.clips]
    captions = [model.transform_text(graph) for graph in batch.graphs]
    return model.encode_video(batch.pack(clips)), model.encode_text(batch.pack(captions))


def same(mine: LevelEmbeddings, other: LevelEmbeddings) -> None:
    for level in mine:
        torch.testing.assert_close(mine[level].x, other[level].x)
        assert mine[level].ptr is None or torch.equal(mine[level].ptr, other[level].ptr)


@pytest.mark.parametrize("variant", list(VARIANTS))
def test_scores_loss_and_gradients(variant: str, batch: SimpleNamespace, dense: Any) -> None:
    model = build(variant)
    video, text = encode(model, batch)
    level_scores = model.level_scores(video, text)
    reference = dense({released_name(name): tensor for name, tensor in model.named_parameters()}, **model.config)
    expected = reference.scores(batch.captions, batch.clips)
    torch.testing.assert_close(level_scores, expected)
    torch.testing.assert_close(model.similarity(video, text), expected.mean(0))
    losses = model.loss(video, text, batch.video_of_text)
    siblings = model.config["sibling_negatives"]
    expected_loss = reference.loss(expected.mean(0), batch.video_of_text.tolist(), siblings=siblings)
    torch.testing.assert_close(losses["loss"], expected_loss)
    assert set(losses) == {"loss", "fused"}
    assert expected_loss > 0
    parameters = dict(model.named_parameters())
    mine = torch.autograd.grad(losses["loss"], parameters.values(), retain_graph=True)
    other = torch.autograd.grad(expected_loss, parameters.values(), allow_unused=True)
    for name, gradient, wanted in zip(parameters, mine, other, strict=True):
        torch.testing.assert_close(gradient, torch.zeros_like(gradient) if wanted is None else wanted, msg=name)


def test_loss_on_each_level(batch: SimpleNamespace, dense: Any) -> None:
    model = build("paper", level_weights=[0.5, 1.0, 2.0])
    video, text = encode(model, batch)
    losses = model.loss(video, text, batch.video_of_text)
    scores, owners = model.level_scores(video, text), batch.video_of_text.tolist()
    torch.testing.assert_close(losses["fused"], dense.loss(scores.mean(0), owners))
    for level, part in zip(model.levels, scores, strict=True):
        torch.testing.assert_close(losses[level], dense.loss(part, owners))
    total = losses["fused"] + 0.5 * losses["event"] + losses["action"] + 2 * losses["entity"]
    torch.testing.assert_close(losses["loss"], total)


@pytest.mark.parametrize("variant", ["paper", "released"])
def test_a_batch_is_its_items_one_by_one(variant: str, batch: SimpleNamespace) -> None:
    """Neither padding nor neighbours in the batch leak into an item."""
    model = build(variant)
    video, text = encode(model, batch)
    graphs = [model.transform_text(graph) for graph in batch.graphs]
    same(text, LevelEmbeddings.cat([model.encode_text(graph) for graph in graphs]))
    same(text, LevelEmbeddings.cat([model.encode_text(batch.pack([graph])) for graph in graphs]))
    clips = [model.transform_video(VideoGraph.build(clip.double())) for clip in batch.clips]
    same(video, LevelEmbeddings.cat([model.encode_video(clip) for clip in clips]))
    scores = model.similarity(video, text)
    for row, column in ((0, 0), (2, 6), (4, 3)):
        pair = model.similarity(video.select(torch.tensor([row])), text.select(torch.tensor([column])))
        torch.testing.assert_close(pair[0, 0], scores[row, column])


def test_the_order_in_the_batch_does_not_matter(batch: SimpleNamespace) -> None:
    model = build("paper")
    _, text = encode(model, batch)
    order = torch.randperm(len(batch.graphs))
    shuffled = model.encode_text(batch.pack([batch.graphs[i] for i in order]))
    same(shuffled, text.select(order))


@pytest.mark.parametrize("variant", ["paper", "released"])
def test_the_order_of_nodes_does_not_matter(variant: str, batch: SimpleNamespace) -> None:
    model = build(variant, max_words=None, max_actions=None, max_entities=None)
    generator = random.Random(0)
    for caption, graph in zip(batch.captions, batch.graphs, strict=True):
        actions = generator.sample(range(graph.num_actions), graph.num_actions)
        entities = generator.sample(range(graph.num_entities), graph.num_entities)
        fills = [(entities.index(e), actions.index(a)) for e, a in caption.fills]
        moved = RoleGraph.build(
            graph.words,
            [caption.actions[i] for i in actions],
            [caption.entities[i] for i in entities],
            generator.sample(fills, len(fills)),
        )
        moved["word"].id = graph["word"].id
        before, after = model.encode_text(graph), model.encode_text(moved)
        torch.testing.assert_close(after["event"].x, before["event"].x)
        torch.testing.assert_close(after["action"].x, before["action"].x[actions])
        torch.testing.assert_close(after["entity"].x, before["entity"].x[entities])


def test_a_reasoning_graph_made_by_the_worker_changes_nothing(batch: SimpleNamespace) -> None:
    model = build("paper")
    same(model.encode_text(attach_reasoning(batch.pack(batch.graphs))), model.encode_text(batch.pack(batch.graphs)))


def test_attention_weights_are_those_of_the_forward_pass(batch: SimpleNamespace) -> None:
    model = build("paper")
    packed = batch.pack(batch.graphs)
    reasoning, weights = model.attention_weights(packed)
    assert len(weights) == 2
    x, _ = model.text_encoder._nodes(packed)
    for layer, weight in zip(model.text_encoder.layers, weights, strict=True):
        context = torch.zeros_like(x).index_add(
            0, reasoning.edge_index[1], weight[:, None] * x[reasoning.edge_index[0]]
        )
        x = x + context @ layer.lin.weight.T
    event = model.encode_text(packed)["event"].x
    torch.testing.assert_close(x[: len(event)], event)


def test_float32_stays_close_to_float64(batch: SimpleNamespace) -> None:
    model = build("released")
    video, text = encode(model, batch)
    expected = model.similarity(video, text)
    single = model.float()
    clips = [single.transform_video(VideoGraph.build(clip)) for clip in batch.clips]
    texts = [single.transform_text(graph) for graph in batch.graphs]
    scores = single.similarity(single.encode_video(batch.pack(clips)), single.encode_text(batch.pack(texts)))
    assert scores.dtype == torch.float32
    torch.testing.assert_close(scores.double(), expected, rtol=1e-4, atol=1e-5)


def test_half_precision_features_are_taken(batch: SimpleNamespace) -> None:
    model = build("paper").float()
    clip = batch.clips[0].half()
    torch.testing.assert_close(
        model.encode_video(VideoGraph.build(clip))["event"].x,
        model.encode_video(VideoGraph.build(clip.float()))["event"].x,
    )


def test_zero_vectors_give_numbers(batch: SimpleNamespace) -> None:
    model = build("released").train()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    batch.clips[0] = torch.zeros_like(batch.clips[0])
    video, text = encode(model, batch)
    loss = model.loss(video, text, batch.video_of_text)["loss"]
    loss.backward()
    assert torch.isfinite(loss)
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)


def test_captions_without_any_node(batch: SimpleNamespace) -> None:
    model = build("paper")
    bare = RoleGraph.build(["w3", "w4"], [], [], [])
    bare["word"].id = torch.tensor([3, 4])
    video, _ = encode(model, batch)
    text = model.encode_text(batch.pack([bare, bare]))
    assert [len(text[level].x) for level in model.levels] == [2, 0, 0]
    scores = model.level_scores(video, text)
    assert not scores[1:].any()
    loss = model.loss(video, text, torch.tensor([0, 1]))["loss"]
    loss.backward()
    assert torch.isfinite(loss)


@pytest.mark.parametrize("variant", ["paper", "released"])
def test_a_clip_without_frames_scores_zero(variant: str, batch: SimpleNamespace) -> None:
    model = build(variant)
    batch.clips[1] = batch.clips[1][:0]
    video, text = encode(model, batch)
    scores = model.level_scores(video, text)
    assert not scores[:, 1].any()
    assert scores[:, 0].any(1).all()
    model.loss(video, text, batch.video_of_text)["loss"].backward()
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)


def test_dropout_in_training_only_and_seeded(batch: SimpleNamespace) -> None:
    model = build("released")

    def event(part: str, seed: int) -> Tensor:
        torch.manual_seed(seed)
        return encode(model, batch)[part == "text"]["event"].x

    for part in ("video", "text"):
        model.eval()
        assert torch.equal(event(part, 0), event(part, 1))
        model.train()
        assert torch.equal(event(part, 0), event(part, 0))
        assert not torch.isclose(event(part, 0), event(part, 1)).all()


@pytest.mark.parametrize(
    ("option", "part"), [("word_dropout", "text"), ("graph_dropout", "text"), ("video_dropout", "video")]
)
def test_each_dropout_acts(option: str, part: str, batch: SimpleNamespace) -> None:
    model = build("paper", **{option: 0.5})
    quiet = encode(model, batch)
    noisy = encode(model.train(), batch)
    index = part == "text"
    assert not torch.isclose(noisy[index]["action"].x, quiet[index]["action"].x).all()
    same(noisy[not index], quiet[not index])


def test_training_brings_the_loss_down(batch: SimpleNamespace) -> None:
    model = build("paper")
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    losses = []
    for _ in range(30):
        video, text = encode(model, batch)
        loss = model.loss(video, text, batch.video_of_text)["loss"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.2 * losses[0]


def test_config_rebuilds_the_model() -> None:
    model = HGR.released(**SIZES, fusion="sim")
    assert MODELS["hgr"] is HGR
    again = MODELS["hgr"](**model.config)
    assert again.config == model.config
    again.load_state_dict(model.state_dict())
    assert model.config["fusion"] == "sim"
    assert model.config["attention_channels"] == 4


def test_released_preset() -> None:
    config = HGR.released(10, 6, hidden=8).config
    expected = {
        "word_dim": 300,
        "rnn": "gru",
        "rnn_init": "orthogonal",
        "num_layers": 1,
        "attention_channels": 4,
        "attention_bias": True,
        "layer_norm": True,
        "event_edges": "to_action",
        "event_role": False,
        "word_dropout": 0.2,
        "video_dropout": 0.2,
        "graph_dropout": 0.5,
        "max_words": 30,
        "max_frames": 20,
        "max_actions": 4,
        "max_entities": 6,
        "node_reduce": "mean",
        "fusion": "embed",
        "norm": "clipped",
        "margin": 0.2,
        "temperature": 4.0,
        "mining": "hardest",
        "reduction": "mean",
        "level_weights": None,
    }
    assert {name: config[name] for name in expected} == expected
    assert HGR.released(10, 6, hidden=8, attention_channels=6).config["attention_channels"] == 6


def test_paper_defaults() -> None:
    config = HGR(10, 6).config
    expected = {
        "hidden": 1024,
        "word_dim": 300,
        "num_layers": 2,
        "rnn": "lstm",
        "attention_channels": None,
        "event_edges": "both",
        "event_role": True,
        "layer_norm": False,
        "fusion": "sim",
        "norm": "raw",
        "node_reduce": "sum",
        "temperature": 4.0,
        "margin": 0.2,
        "mining": "hardest",
        "video_bias": False,
    }
    assert {name: config[name] for name in expected} == expected


def test_word_vectors() -> None:
    model = HGR(**SIZES)
    vectors, found = torch.randn(30, 5), torch.arange(30) % 3 == 0
    before = model.text_encoder.words.embedding.weight.clone()
    model.load_word_vectors(vectors, found)
    after = model.text_encoder.words.embedding.weight
    assert torch.equal(after[found], vectors[found])
    assert torch.equal(after[~found], before[~found])
    assert after.requires_grad
    model.load_word_vectors(vectors.double())
    assert torch.equal(after, vectors)
    with pytest.raises(DataError, match=r"word vectors: have shape \[30, 6\], expected \[30, 5\]"):
        model.load_word_vectors(torch.randn(30, 6))


def test_transforms_follow_the_config(batch: SimpleNamespace) -> None:
    long, clip = batch.graphs[-1], VideoGraph.build(batch.clips[2])
    paper, released = HGR(**SIZES), HGR.released(**SIZES)
    assert paper.transform_text(long) is long
    assert paper.transform_video(clip) is clip
    short = released.transform_text(long)
    assert (len(short.words), short.num_actions, short.num_entities) == (30, 4, 6)
    assert released.transform_video(clip).num_frames == 20
    store = GraphStore.from_graphs([released.transform_text(graph) for graph in batch.graphs])
    assert int(node_ptr(store.batch([6]), "word")[-1]) == 30


def test_wrong_input(batch: SimpleNamespace) -> None:
    model = HGR(**SIZES)
    message = r"frame.x: is 7 wide, the model expects 6 \(extract the features the model was trained on, or build it"
    with pytest.raises(DataError, match=message):
        model.encode_video(VideoGraph.build(torch.randn(3, 7)))
    with pytest.raises(DataError, match=r"word.id: missing \(encode the graphs with a Vocabulary first\)"):
        model.encode_text(RoleGraph.build(["a"], [], [], []))
    for bad in (30, -1):
        graph = batch.graphs[0].clone()
        graph["word"].id = torch.full((8,), bad)
        with pytest.raises(DataError, match=f"word.id: has id {bad} for 30 words"):
            model.encode_text(graph)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("rnn", "rnn"),
        ("rnn_init", "zero"),
        ("fusion", "both"),
        ("norm", "l1"),
        ("node_reduce", "max"),
        ("mining", "easy"),
        ("reduction", "none"),
        ("margin", -1.0),
        ("level_weights", [1.0]),
    ],
)
def test_unknown_options(option: str, value: Any) -> None:
    with pytest.raises(DataError, match=f"^{option}"):
        HGR(**{**SIZES, option: value})


def test_unknown_event_edges(batch: SimpleNamespace) -> None:
    with pytest.raises(DataError, match="event_edges"):
        HGR(**SIZES, event_edges="all").encode_text(batch.graphs[0])  # type: ignore[arg-type]


def test_learned_level_weights_are_a_weighted_mean() -> None:
    model = HGR(**SIZES, level_fusion="learned")
    scores = torch.randn(3, 4, 5)
    torch.testing.assert_close(model.fuse(scores), scores.mean(0))  # they begin equal
    with torch.no_grad():
        model.level_logits.copy_(torch.tensor([0.0, 1.0, -1.0]))
    weights = torch.tensor([1.0, torch.e, 1 / torch.e])
    expected = (scores * (weights / weights.sum())[:, None, None]).sum(0)
    torch.testing.assert_close(model.fuse(scores), expected)
    model.fuse(scores).square().sum().backward()
    assert model.level_logits.grad.abs().sum() > 0


def test_info_nce_takes_the_place_of_the_triplet_loss() -> None:
    from graphvtr.nn import SymmetricInfoNCE

    model = HGR(**SIZES, loss="info_nce", loss_temperature=0.2)
    assert isinstance(model.ranking, SymmetricInfoNCE)
    assert model.ranking.temperature == pytest.approx(0.2)
    for options in ({"loss": "best"}, {"level_fusion": "max"}):
        with pytest.raises(DataError, match=f"{next(iter(options))}: is"):
            HGR(**SIZES, **options)
