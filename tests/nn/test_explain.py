"""Explanations add up, find what was planted, and agree with deletions better than chance."""

from __future__ import annotations

import pytest
import torch
from torch_geometric.explain import GNNExplainer

from graphvtr.errors import DataError
from graphvtr.graphs import GraphStore, RoleGraph, VideoGraph
from graphvtr.graphs.reasoning import reasoning_graph
from graphvtr.nn import HGR, VSE, DualEncoding, VSRNet
from graphvtr.nn.explain import ScoreOfCaption, deletion_drops, explain_caption, without_word

SIZES = {"vocab_size": 30, "video_dim": 6, "hidden": 16, "word_dim": 8}


def caption(seed: int = 0) -> RoleGraph:
    graph = RoleGraph.build(
        "a dog chases a cat and barks".split(),
        [[2], [6]],
        [("ARG0", [0, 1]), ("ARG1", [3, 4])],
        [(0, 0), (1, 0), (0, 1)],
    )
    graph["word"].id = 3 + torch.randperm(27, generator=torch.Generator().manual_seed(seed))[:7]
    return graph


def clip(seed: int = 0) -> VideoGraph:
    return VideoGraph.build(torch.randn(5, 6, generator=torch.Generator().manual_seed(seed)))


def spearman(one: torch.Tensor, other: torch.Tensor) -> float:
    ranks = torch.stack([x.argsort().argsort().double() for x in (one, other)])
    return float(torch.corrcoef(ranks)[0, 1])


@pytest.mark.parametrize("what", ["words", "nodes"])
def test_the_score_as_a_function_of_its_inputs_is_the_score(what) -> None:
    model, graph, video = HGR(**SIZES), caption(), clip()
    score = ScoreOfCaption(model, graph, video, what)
    x, edge_index = score.inputs()
    expected = model.similarity(model.encode_video(video), model.encode_text(graph))
    torch.testing.assert_close(score(x, edge_index), expected.reshape(1))
    assert x.shape == ((7, 8) if what == "words" else (5, 16))
    assert not torch.allclose(score(x + 1, edge_index), expected)
    torch.testing.assert_close(model.similarity(model.encode_video(video), model.encode_text(graph)), expected)


def test_gradient_times_input() -> None:
    model, graph, video = HGR(**SIZES).double(), caption(), VideoGraph.build(clip()["frame"].x.double())
    score = ScoreOfCaption(model, graph, video, "nodes")
    x, edge_index = score.inputs()
    found = explain_caption(model, graph, video, "nodes")
    step = 1e-6
    for node in range(len(x)):
        less = x.clone()
        less[node] *= 1 - step
        slope = (score(x, edge_index) - score(less, edge_index)) / step
        torch.testing.assert_close(found.node_mask[node], slope.detach(), atol=1e-5, rtol=1e-3)
    assert found.edge_mask.shape == (edge_index.size(1),)
    assert torch.equal(edge_index, reasoning_graph(graph).edge_index)
    assert found.edge_mask.abs().sum() > 0
    assert not any(getattr(layer, "explain", False) for layer in model.text_encoder.layers)  # left as it was


def test_a_planted_word_is_found() -> None:
    torch.manual_seed(1)
    model = HGR(**SIZES, num_layers=0)
    with torch.no_grad():  # nothing but word 4 is in the embedding
        model.text_encoder.words.embedding.weight.mul_(1e-3)
        model.text_encoder.words.embedding.weight[int(caption()["word"].id[4])] = 5.0
    found = explain_caption(model, caption(), clip()).node_mask.squeeze(-1).abs()
    assert int(found.argmax()) == 4


@pytest.mark.parametrize("what", ["words", "nodes"])
def test_agreement_with_deletion_is_better_than_chance(what) -> None:
    """Mean rank correlation over many models and captions; its standard error under chance is 1 / sqrt(16 (n - 1))."""
    found = []
    for seed in range(16):
        torch.manual_seed(seed)
        model, graph, video = HGR(**SIZES), caption(seed), clip(seed)
        mask = explain_caption(model, graph, video, what).node_mask.squeeze(-1)
        found.append(spearman(mask, deletion_drops(model, graph, video, what)))
    size = 7 if what == "words" else 5
    assert sum(found) / 16 > 3 / (16 * (size - 1)) ** 0.5


@pytest.mark.parametrize("kind", [VSE, DualEncoding])
def test_other_models(kind) -> None:
    model = kind(**SIZES)
    assert explain_caption(model, caption(), clip()).node_mask.shape == (7, 1)
    with pytest.raises(DataError, match="has no layers of graph reasoning"):
        explain_caption(model, caption(), clip(), "nodes")
    with pytest.raises(DataError, match="what: is 'verbs'"):
        explain_caption(model, caption(), clip(), "verbs")


def test_one_caption_and_one_clip() -> None:
    model = HGR(**SIZES)
    captions = GraphStore.from_graphs([caption(), caption(1)]).batch([0, 1])
    clips = GraphStore.from_graphs([clip(), clip(1), clip(2)]).batch([0, 1, 2])
    for what in ("words", "nodes"):
        with pytest.raises(DataError, match=r"is of 2 captions and 1 clips \(explain one of each\)"):
            explain_caption(model, captions, clip(), what)
        with pytest.raises(DataError, match="is of 1 captions and 3 clips"):
            explain_caption(model, caption(), clips, what)
        with pytest.raises(DataError, match="is of 1 captions and 3 clips"):
            deletion_drops(model, caption(), clips, what)


def test_a_model_without_words_of_its_own(write_bert) -> None:
    bert = str(write_bert(hidden=8, layers=2, positions=32))
    model = VSRNet(6, 7, hidden=8, language_model=bert, text_cache=False)
    for what in ("words", "nodes"):
        with pytest.raises(DataError, match=r"VSRNet: has no (word embedding|layers of graph reasoning)"):
            explain_caption(model, caption(), clip(), what)


def test_gnn_explainer_runs() -> None:
    found = explain_caption(HGR(**SIZES), caption(), clip(), "nodes", GNNExplainer(epochs=3))
    assert found.node_mask.shape == (5, 1)
    assert found.edge_mask.min() >= 0
    assert found.edge_mask.max() <= 1


def test_without_a_word() -> None:
    graph = caption()
    short = without_word(graph, 2)  # `chases`: its action is gone, the cat has no action left
    assert short.words == "a dog a cat and barks".split()
    assert [short.phrase("entity", i) for i in range(2)] == ["a dog", "a cat"]
    assert (short.num_actions, short.phrase("action", 0)) == (1, "barks")
    assert short["entity", "fills", "action"].edge_index.tolist() == [[0], [0]]
    assert torch.equal(short["word"].id, graph["word"].id[[0, 1, 3, 4, 5, 6]])
    assert without_word(graph, 0).phrase("entity", 0) == "dog"
    model = HGR(**SIZES)
    one = RoleGraph.build(["dog"], [], [], [])
    one["word"].id = torch.tensor([4])
    assert deletion_drops(model, one, clip()).tolist() == [0.0]
