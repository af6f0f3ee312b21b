"""Lists of captions and graphs through a model, against the batches they stand for."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from graphvtr.errors import DataError
from graphvtr.graphs import GraphStore, RoleGraph, VideoGraph
from graphvtr.nn import VSE
from graphvtr.text import Vocabulary


@pytest.fixture
def model() -> VSE:
    made = VSE(10, 6, hidden=8, word_dim=4)
    made.vocabulary = Vocabulary(["dog", "runs", "cat", "a", "the", "sits", "fast"])
    return made


def graphs() -> list[RoleGraph]:
    return [
        RoleGraph.build(["a", "dog", "runs"], [[2]], [("ARG0", [0, 1])], [(0, 0)]),
        RoleGraph.build(["cats"], [], [("NOUN", [0])], []),
    ]


def test_graphs_and_stores_are_the_batch_they_stand_for(model: VSE) -> None:
    """However many: parts of 64 are joined."""
    store = GraphStore.from_graphs(graphs() * 70)
    expected = model.encode_text(model.vocabulary.encode_store(GraphStore.from_graphs(graphs() * 70)).batch(range(140)))
    for given in (graphs() * 70, store):
        torch.testing.assert_close(model.encode_text(given)["event"].x, expected["event"].x)
    assert "id" not in store.nodes["word"].tensors, "what was given is left alone"
    clips = [VideoGraph.build(torch.randn(frames, 6)) for frames in (1, 3)]
    together = model.encode_video(GraphStore.from_graphs(clips).batch([0, 1]))
    torch.testing.assert_close(model.encode_video(clips)["event"].x, together["event"].x)


def test_score_is_in_evaluation_mode_and_puts_training_back(model: VSE) -> None:
    model.train()
    clips = [VideoGraph.build(torch.randn(2, 6)) for _ in range(3)]
    scores = model.score(graphs(), clips)
    assert scores.shape == (2, 3)
    assert not scores.requires_grad
    assert model.training
    text, video = model.encode_text(graphs()), model.encode_video(clips)
    torch.testing.assert_close(scores, model.similarity(video, text).t())


def test_gradients_reach_the_model_through_lists(model: VSE) -> None:
    model.encode_text(graphs())["event"].x.sum().backward()
    assert model.words.weight.grad is not None


def test_what_cannot_be_read_is_named(model: VSE, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"a\.mp4: no such file"):
        model.encode_video(["a.mp4"])
    clip = tmp_path / "a.mp4"
    clip.write_bytes(b"")
    with pytest.raises(DataError, match=r"this VSE: does not say what made its features"):
        model.encode_video([clip])
    with pytest.raises(DataError, match="clips: is one path"):
        model.encode_video("a.mp4")
    with pytest.raises(DataError, match="has no vocabulary"):
        VSE(10, 6).encode_text(graphs())
    with pytest.raises(DataError, match="there are none"):
        model.encode_video([])
