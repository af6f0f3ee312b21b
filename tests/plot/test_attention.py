"""What is drawn is what the model attends to."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from graphvtr.errors import DataError
from graphvtr.graphs import RoleGraph, VideoGraph
from graphvtr.nn import HGR, VSE, HANet
from graphvtr.plot import phrase_frame_weights, plot_phrase_frames, plot_role_attention, role_attention
from graphvtr.plot.role_graph import THIN, WIDE
from graphvtr.text import ConceptVocabulary, Vocabulary


def caption() -> RoleGraph:
    graph = RoleGraph.build(
        "a dog chases a cat and barks".split(),
        [[2], [6]],
        [("ARG0", [0, 1]), ("ARG1", [3, 4])],
        [(0, 0), (1, 0), (0, 1)],
    )
    return Vocabulary(sorted(set(graph.words))).encode(graph)


@pytest.fixture
def model() -> HGR:
    return HGR(20, 6, hidden=8, word_dim=5, num_layers=2).eval()


def test_numbers_of_a_node_sum_to_one_in_every_layer(model: HGR) -> None:
    graph = caption()
    found = role_attention(model, graph)
    assert set(found) == {
        (("event", 0), ("action", 0)),
        (("event", 0), ("action", 1)),
        (("entity", 0), ("action", 0)),
        (("entity", 1), ("action", 0)),
        (("entity", 0), ("action", 1)),
    }
    for action in (0, 1):
        rows = np.array([value for (_, end), value in found.items() if end == ("action", action)])
        assert rows.shape[1] == 2
        np.testing.assert_allclose(rows.sum(0), 1, rtol=1e-5)
    reasoning, layers = model.attention_weights(graph)
    edge = [tuple(pair) for pair in reasoning.edge_index.t().tolist()].index((3, 1))  # entity 0 -> action 0
    assert found[("entity", 0), ("action", 0)] == pytest.approx([layer[edge].item() for layer in layers])
    into_event = role_attention(model, graph, into="event")
    assert set(into_event) == {(("action", 0), ("event", 0)), (("action", 1), ("event", 0))}


def test_errors(model: HGR) -> None:
    with pytest.raises(DataError, match="into: is 'word'"):
        role_attention(model, caption(), into="word")
    other = VSE(20, 6, hidden=8, word_dim=5).eval()
    with pytest.raises(DataError, match="VSE: has no attention over role graphs"):
        role_attention(other, caption())  # type: ignore[arg-type]
    with pytest.raises(DataError, match="VSE: has no level that attends over frames"):
        phrase_frame_weights(other, caption(), VideoGraph.build(torch.randn(4, 6)))


def test_the_picture_has_the_numbers(model: HGR) -> None:
    graph = caption()
    ax = plot_role_attention(model, graph, words=True)
    texts = [text.get_text() for text in ax.texts]
    for values in role_attention(model, graph).values():
        for layer, value in enumerate(values, start=1):
            assert f"{layer}: {value:.2f}" in texts
    weights = model.text_encoder.word_weights(graph).detach()
    assert float(weights.sum()) == pytest.approx(1)
    nodes = {text.get_gid(): text.get_text() for text in ax.texts if text.get_gid()}
    assert nodes["word 2"] == f"chases\n{weights[2]:.2f}"
    assert len(nodes) == 1 + 2 + 2 + 7
    wide = max(line.get_linewidth() for line in ax.lines)
    assert wide == pytest.approx(THIN + WIDE * max(map(max, role_attention(model, graph).values())))


def test_phrases_and_frames(model: HGR) -> None:
    graph, video = caption(), VideoGraph.build(torch.randn(9, 6))
    weights, phrases = phrase_frame_weights(model, graph, video)
    assert phrases == ["chases  [V]", "barks  [V]", "a dog  [ARG0]", "a cat  [ARG1]"]
    torch.testing.assert_close(weights.sum(1), torch.ones(4))
    frames = np.zeros((9, 4, 6, 3), dtype=np.uint8)
    ax = plot_phrase_frames(
        weights, phrases, times=[0.5 * i for i in range(9)], frames=frames, title="a clip_1 for $5, not $6 " * 40
    )
    assert ax.images[0].get_array().shape == (4, 9)
    assert [text.get_text() for text in ax.get_yticklabels()] == phrases
    assert {text.get_position() for text in ax.texts} == {(int(row.argmax()), i) for i, row in enumerate(weights)}
    strip = next(other for other in ax.figure.axes if other is not ax and len(other.images) == 9)
    assert strip.get_xlim() == ax.get_xlim()
    ax = plot_phrase_frames(weights[:1], ["before the small violet star " * 3 + "is towed  [ARGM-TMP]"])
    assert ax.get_yticklabels()[0].get_text().endswith("…  [ARGM-TMP]")
    alone = plot_phrase_frames(np.full((1, 200), 1 / 200), ["x" * 300])
    assert len(alone.get_xticks()) <= 16


def test_phrases_of_every_model_that_attends_to_frames() -> None:
    """HANet matches actions and entities twice: after reasoning and on their own."""
    model = HANet(20, 6, hidden=8, word_dim=5).eval()
    weights, phrases = phrase_frame_weights(model, caption(), VideoGraph.build(torch.randn(9, 6)))
    once = ["chases  [V]", "barks  [V]", "a dog  [ARG0]", "a cat  [ARG1]"]
    assert phrases == [*once, *(f"individual: {phrase}" for phrase in once)]
    torch.testing.assert_close(weights.sum(1), torch.ones(8))
    concepts = ConceptVocabulary([("dog", 5), ("cat", 3)], [("chase", 2)]).to_dict()
    model = HANet(20, 6, hidden=8, word_dim=5, concepts=concepts).eval()  # matched with concepts after reasoning
    weights, phrases = phrase_frame_weights(model, caption(), VideoGraph.build(torch.randn(9, 6)))
    assert phrases == [f"individual: {phrase}" for phrase in once]
    assert weights.shape == (4, 9)


@pytest.mark.parametrize(
    ("shape", "phrases", "times"), [((2, 3), ["a"], None), ((0, 3), [], None), ((1, 3), ["a"], [0.0])]
)
def test_what_does_not_fit(shape: tuple[int, int], phrases: list[str], times: list[float] | None) -> None:
    with pytest.raises(DataError):
        plot_phrase_frames(np.zeros(shape), phrases, times=times)
