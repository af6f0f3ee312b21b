"""Every public argument that takes positions reads masks, NumPy and negatives alike, or refuses (issue 14, 6)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from graphvtr.datasets import build_dataset
from graphvtr.datasets.source import DataSource
from graphvtr.errors import DataError
from graphvtr.graphs import GraphStore, RoleGraph
from graphvtr.metrics import RetrievalRanks, both_directions, first_of_each, retrieval_metrics
from graphvtr.metrics.bootstrap import resample
from graphvtr.metrics.positives import Positives
from graphvtr.metrics.retrieval import rank
from graphvtr.nn.levels import Level, LevelEmbeddings

SAME: dict[str, Any] = {  # items 1 and 2 of three, said in every way
    "list": [1, 2],
    "list mask": [False, True, True],
    "numpy mask": np.array([False, True, True]),
    "torch mask": torch.tensor([False, True, True]),
    "numpy": np.array([1, 2], dtype=np.int32),
    "range": range(1, 3),
    "negative": [-2, -1],
    "numpy negative": np.array([-2, -1]),
    "slice": slice(1, None),
}
WRONG = [[1.0, 2.0], np.array([1.0]), torch.rand(3), [True, 2], [True, False], [3], [-4], "12", None, [[1, 2]]]


def store() -> GraphStore[RoleGraph]:
    return GraphStore.from_graphs([RoleGraph.build([word], [], [("NOUN", [0])], []) for word in "abc"])


def levels() -> LevelEmbeddings:
    return LevelEmbeddings(
        event=torch.arange(3.0)[:, None], action=Level(torch.arange(6.0)[:, None], torch.tensor([0, 1, 3, 6]))
    )


def of_sets(level: Level) -> list[str]:
    assert level.ptr is not None
    names = {(0.0,): "a", (1.0, 2.0): "b", (3.0, 4.0, 5.0): "c"}
    return [names[tuple(rows.flatten().tolist())] for rows in level.x.split(level.ptr.diff().tolist())]


TAKES: dict[str, Callable[[Any], list[Any]]] = {
    "GraphStore.batch": lambda index: store().batch(index, strings=True).caption,
    "GraphStore.subset": lambda index: [graph.caption for graph in store().subset(index)],
    "LevelEmbeddings.select": lambda index: ["abc"[int(row)] for row in levels().select(index)["event"].x],
    "Level.select": lambda index: of_sets(levels()["action"].select(index)),
}


@pytest.mark.parametrize("form", SAME)
@pytest.mark.parametrize("name", TAKES)
def test_every_form_names_the_same_items(name: str, form: str) -> None:
    assert TAKES[name](SAME[form]) == ["b", "c"]


@pytest.mark.parametrize("wrong", WRONG, ids=repr)
@pytest.mark.parametrize("name", TAKES)
def test_what_names_no_items_is_refused(name: str, wrong: Any) -> None:
    with pytest.raises(DataError):
        TAKES[name](wrong)


def test_one_graph_by_any_whole_number() -> None:
    graphs = store()
    assert [graphs[index].caption for index in (1, np.int64(1), torch.tensor(1), -2)] == ["b"] * 4
    for wrong in (True, 1.0, "1"):
        with pytest.raises(DataError, match="graph: is"):
            graphs[wrong]


def test_a_dataset_takes_masks_lists_and_shares() -> None:
    dataset = build_dataset("moving_scenes", "val", DataSource(options={"num_clips": 20}))
    wanted = dataset.captions[1:3]
    mask = [place in (1, 2) for place in range(len(dataset))]
    for form in ([1, 2], mask, np.array(mask), torch.tensor(mask), np.array([1, 2]), range(1, 3), slice(1, 3)):
        assert dataset.index_select(form).captions == wanted
    assert dataset.index_select(slice(0, 0.5)).captions == dataset.captions[: round(len(dataset) / 2)]
    for wrong in ([0.0], [True], [len(dataset)], "0"):
        with pytest.raises(DataError, match="captions"):
            dataset.index_select(wrong)


SCORES = torch.tensor([[0.9, 0.1, 0.3], [0.2, 0.4, 0.8], [0.9, 0.2, 0.1]])
RELEVANT = torch.tensor([[1, 0, 0], [0, 1, 0], [0, 1, 1]]).bool()


@pytest.mark.parametrize(
    "relevant",
    [
        RELEVANT,
        RELEVANT.numpy(),
        RELEVANT.tolist(),
        list(RELEVANT),
        list(RELEVANT.numpy()),
        [[0], [1], [1, 2]],
        [np.array([0]), torch.tensor([1]), (1, 2)],
        [[0], [1], [2, 1, 2]],
    ],
)
def test_masks_of_any_library_are_masks(relevant: Any) -> None:
    assert retrieval_metrics(SCORES, relevant, ks=(1,)) == {"R@1": pytest.approx(100 / 3), "MedR": 2.0, "MnR": 5 / 3}


@pytest.mark.parametrize("relevant", [[0, 1, 2], range(3), np.arange(3), torch.arange(3), np.arange(3, dtype=np.uint8)])
def test_one_item_a_query_of_any_library(relevant: Any) -> None:
    assert torch.equal(Positives.build(relevant, 3, 3).item, torch.arange(3))


@pytest.mark.parametrize(
    "relevant",
    [
        RELEVANT.float(),
        RELEVANT.double().numpy(),
        RELEVANT.long(),
        RELEVANT.long().numpy(),
        [0.0, 1.0, 2.0],
        [[0.0], [1.0], [2.0]],
        [True, False, True],
        np.array([True, False, True]),
        [[0], [1], [True, 1, 2]],
        [[0], [1], "2"],
        [[0], [1], [True, False]],
        [[0], 1, [2]],
        "012",
        None,
    ],
    ids=repr,
)
def test_what_is_neither_mask_nor_items_is_refused(relevant: Any) -> None:
    with pytest.raises(DataError, match="relevant"):
        Positives.build(relevant, 3, 3)


def test_the_video_of_each_text_of_any_library() -> None:
    wanted = both_directions(SCORES, torch.tensor([0, 1, 2]))
    for owner in ([0, 1, 2], np.arange(3), range(3)):
        assert both_directions(SCORES, owner) == wanted
        assert RetrievalRanks(owner, 3, 3).texts.item.tolist() == [0, 1, 2]
        assert first_of_each(["a", "b", "a"], owner)[1] == [[0, 2], [1]]
    for wrong in ([0.0, 1.0, 2.0], [True, False, True], [0, 1, -1], torch.arange(3).float()):
        with pytest.raises(DataError, match="video_of_text"):
            both_directions(SCORES, wrong)


def test_groups_of_the_bootstrap_of_any_library() -> None:
    ranks = rank(SCORES, Positives.build([0, 1, 2], 3, 3))
    wanted = resample(ranks, group=torch.tensor([0, 0, 1]), samples=20)
    for group in ([0, 0, 1], np.array([0, 0, 1])):
        found = resample(ranks, group=group, samples=20)  # type: ignore[arg-type]
        assert all((found[name] == wanted[name]).all() for name in wanted)


def test_words_of_nodes_are_whole_numbers() -> None:
    words = ["a", "dog", "barks"]
    graph = RoleGraph.build(words, [np.array([2])], [(np.int64(2), torch.tensor([0, 1]))], [(np.int64(0), 0)])
    assert (graph.phrase("action", 0), graph.phrase("entity", 0), graph.role_names()) == ("barks", "a dog", ["ARG0"])
    for actions, entities, fills in (
        ([[1.5]], [], []),
        ([[True]], [], []),
        ([2], [], []),
        (["2"], [], []),
        ([[2]], [("ARG0", [0.0])], []),
        ([[2]], [("ARG0", [0])], [(0, 0.0)]),
        ([[2]], [(2.0, [0])], []),
    ):
        with pytest.raises(DataError):
            RoleGraph.build(words, actions, entities, fills)  # type: ignore[arg-type]


def test_a_sentence_is_no_list_of_words() -> None:
    with pytest.raises(DataError, match=r"words: is the text 'a dog' .*parse"):
        RoleGraph.build("a dog", [], [], [])
