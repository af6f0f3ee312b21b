"""Binary selection against scores looked up one by one."""

from __future__ import annotations

import pytest
import torch

from graphvtr.errors import DataError
from graphvtr.graphs import GraphStore, RoleGraph
from graphvtr.tasks.binary import binary_margins, format_binary, own_pairs, summarise


@pytest.fixture
def problem(toy_model, toy_dataset, toy_vocabulary):
    """A model, a dataset, seven pairs whose videos repeat and are out of order, and their graphs."""
    dataset = toy_dataset("test", videos=6, captions=1)
    graphs = [dataset.role_graphs[i] for i in (4, 0, 1, 4, 5, 0, 2)]
    wrong = [RoleGraph.build(["a", "cow", "sleeps"], [[2]], [("ARG0", [0, 1])], [(0, 0)]) for _ in graphs[:-1]]
    wrong.append(RoleGraph.build(["a", "car"], [], [("NOUN", [0, 1])], []))  # no action: that level is 0
    videos = [dataset.videos[i] for i in (4, 0, 1, 4, 5, 0, 2)]
    stores = GraphStore.from_graphs(graphs), GraphStore.from_graphs(wrong)
    return toy_model().eval(), dataset, videos, *stores, toy_vocabulary


@pytest.mark.parametrize("batch_size", [1, 3, 100])
def test_margins_are_differences_of_scores(problem, batch_size: int) -> None:
    model, dataset, videos, positives, negatives, vocabulary = problem
    found = binary_margins(model, dataset, videos, positives, negatives, vocabulary, batch_size=batch_size)
    for i, video in enumerate(videos):
        clip = model.encode_video(dataset.video_graphs[dataset.videos.index(video)])
        right, wrong = (
            model.similarity(clip, model.encode_text(vocabulary.encode(store[i]))) for store in (positives, negatives)
        )
        torch.testing.assert_close(found[i], (right - wrong)[0, 0])


def test_transforms_of_the_model_are_applied(problem, toy_model) -> None:
    _, dataset, videos, positives, negatives, vocabulary = problem
    cut = toy_model(max_frames=1, max_words=1)
    whole = toy_model()
    differ = binary_margins(cut, dataset, videos, positives, negatives, vocabulary)
    assert not torch.allclose(differ, binary_margins(whole, dataset, videos, positives, negatives, vocabulary))


def test_an_unknown_video_and_nan(problem) -> None:
    model, dataset, videos, positives, negatives, vocabulary = problem
    with pytest.raises(DataError, match=r"video 'nowhere': is not in toy/test"):
        binary_margins(model, dataset, ["nowhere", *videos[1:]], positives, negatives, vocabulary)
    with torch.no_grad():
        next(model.video_encoder.parameters()).fill_(float("nan"))
    with pytest.raises(DataError, match=r"pair \d+: has a score that is not a number"):
        binary_margins(model, dataset, videos, positives, negatives, vocabulary)


def test_summary() -> None:
    margins = torch.tensor([1.0, -1.0, 0.0, 2.0, 3.0, 4.0])
    kinds = ["a", "b", "a", "b", "b", "a"]
    found = summarise(margins, kinds, ["x", "x", "y", "y", "z", "z"], samples=500)
    assert list(found.kinds) == ["a", "b"]
    assert (found.kinds["a"].pairs, found.kinds["a"].ties) == (3, 1)
    assert found.kinds["a"].value == pytest.approx(200 / 3)
    assert found.kinds["b"].value == pytest.approx(200 / 3)
    assert found.average == pytest.approx(200 / 3)
    for low, high, value in [(*one.interval, one.value) for one in found.kinds.values()]:
        assert 0 <= low < value < high <= 100
    text = format_binary(found)
    assert "(1 equal scores count as wrong)" in text
    assert text.splitlines()[-1].split() == ["chance", "50.0"]
    again = summarise(margins, kinds, ["x", "x", "y", "y", "z", "z"], samples=500)
    assert again == found
    alone = summarise(torch.ones(4), ["a"] * 4, list("wxyz"))
    assert alone.kinds["a"].interval == (100, 100)


def test_a_dataset_without_negatives(toy_dataset) -> None:
    with pytest.raises(DataError, match="dataset 'toy': comes without negatives"):
        own_pairs(toy_dataset())
