from __future__ import annotations

import numpy as np
import pytest
import torch

from graphvtr.errors import DataError
from graphvtr.metrics import Positives, both_directions, chance_level, retrieval_metrics
from graphvtr.metrics import retrieval as module


def random_problem(seed: int, queries: int = 12, items: int = 5, levels: int = 3):
    """Scores of few different values, so with many ties, and one to three relevant items a query."""
    generator = torch.Generator().manual_seed(seed)
    scores = torch.randint(levels, (queries, items), generator=generator).float()
    relevant = []
    for _ in range(queries):
        size = int(torch.randint(1, 4, (), generator=generator))
        relevant.append(torch.randperm(items, generator=generator)[:size].tolist())
    return scores, relevant


@pytest.mark.parametrize("ties", ["pessimistic", "average", "optimistic"])
@pytest.mark.parametrize("median", ["plain", "floor"])
@pytest.mark.parametrize("mean_rank", ["best", "all"])
def test_equals_loops_over_every_order_of_ties(reference, ties, median, mean_rank) -> None:
    for seed in range(4):
        scores, relevant = random_problem(seed)
        options = {"ks": (1, 2, 3), "ties": ties, "median": median, "mean_rank": mean_rank}
        found = retrieval_metrics(scores, relevant, **options)
        assert found == pytest.approx(reference(scores.tolist(), relevant, **options))


def test_options_differ_on_ties() -> None:
    scores, relevant = random_problem(0)
    values = {
        ties: retrieval_metrics(scores, relevant, ties=ties)["MnR"] for ties in ("optimistic", "average", "pessimistic")
    }
    assert values["optimistic"] < values["average"] < values["pessimistic"]
    assert retrieval_metrics(scores, relevant, mean_rank="all")["MnR"] > values["pessimistic"]


def test_median_of_an_even_number_of_queries() -> None:
    scores = torch.tensor([[3.0, 2.0, 1.0], [3.0, 2.0, 1.0]])
    assert retrieval_metrics(scores, [[0], [1]])["MedR"] == 1.5
    assert retrieval_metrics(scores, [[0], [1]], median="floor")["MedR"] == 1.0


def test_constant_scores_are_no_success() -> None:
    scores = torch.zeros(4, 4)
    assert retrieval_metrics(scores, torch.arange(4))["R@1"] == 0
    assert retrieval_metrics(scores, torch.arange(4), ties="optimistic")["R@1"] == 100
    assert retrieval_metrics(scores, torch.arange(4), ties="average")["MnR"] == 2.5


def test_masked_items_score_minus_infinity() -> None:
    scores = torch.tensor([[-torch.inf, -torch.inf, 1.0]])
    assert retrieval_metrics(scores, [[0]])["MnR"] == 3
    assert retrieval_metrics(scores, [[0]], ties="optimistic")["MnR"] == 2
    assert retrieval_metrics(scores, [[0, 1]])["MnR"] == 2
    assert retrieval_metrics(scores, [[0, 1]], mean_rank="all")["MnR"] == 2.5
    assert retrieval_metrics(scores, [[0]], mean_rank="all")["MnR"] == 3


@pytest.mark.parametrize("kind", ["lists", "mask", "numpy", "integers", "half", "repeated"])
def test_forms_of_input_agree(kind: str) -> None:
    scores = torch.rand(6, 8)
    relevant = torch.tensor([0, 3, 3, 7, 1, 2])
    expected = retrieval_metrics(scores, [[int(item)] for item in relevant])
    given: object = scores
    wanted: object = relevant
    if kind == "lists":
        wanted = [[int(item)] for item in relevant]
    elif kind == "mask":
        wanted = torch.nn.functional.one_hot(relevant, 8).bool()
    elif kind == "numpy":
        given = scores.numpy()
    elif kind == "half":
        order = scores.argsort(1).argsort(1)
        given = order.half()
    elif kind == "repeated":
        wanted = [[int(item)] * 3 for item in relevant]
    assert retrieval_metrics(given, wanted) == expected


def test_rows_in_blocks_are_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    scores, relevant = random_problem(1, queries=23, items=7)
    whole = retrieval_metrics(scores, relevant, mean_rank="all")
    monkeypatch.setattr(module, "BLOCK", 20)
    assert retrieval_metrics(scores, relevant, mean_rank="all") == whole


def test_input_is_left_alone() -> None:
    scores = torch.rand(3, 3)
    before = scores.clone()
    retrieval_metrics(scores, torch.arange(3), mean_rank="all")
    assert torch.equal(scores, before)


def test_both_directions(reference) -> None:
    scores = torch.randint(4, (3, 6)).float()
    owner = torch.tensor([0, 2, 1, 1, 0, 2])
    result = both_directions(scores, owner, ks=(1, 2), mean_rank="all")
    t2v = reference(scores.T.tolist(), [[video] for video in owner.tolist()], ks=(1, 2), mean_rank="all")
    texts = [(owner == video).nonzero().squeeze(1).tolist() for video in range(3)]
    v2t = reference(scores.tolist(), texts, ks=(1, 2), mean_rank="all")
    assert result["t2v"] == pytest.approx(t2v)
    assert result["v2t"] == pytest.approx(v2t)
    assert result["rsum"] == pytest.approx(t2v["R@1"] + t2v["R@2"] + v2t["R@1"] + v2t["R@2"])


def test_equal_captions_as_one_query() -> None:
    captions = ["a dog", "a cat", "a dog"]
    scores = torch.tensor([[0.2, 0.9, 0.8], [0.9, 0.1, 0.7]])  # [videos, texts]
    owner = [0, 0, 1]
    many = both_directions(scores, owner, captions=captions)
    one = both_directions(scores, owner, captions=captions, duplicates="one")
    assert many["t2v"]["R@1"] == pytest.approx(
        100 / 3
    )  # the first "a dog" prefers video 1, and so does... the third not
    assert one["t2v"]["R@1"] == 100  # now either video is right
    assert one["v2t"]["R@1"] == 100
    rows = retrieval_metrics(scores.T, [[0], [0], [1]], captions=captions, duplicates="one")
    assert rows == one["t2v"]


@pytest.mark.parametrize(
    ("scores", "relevant", "options", "message"),
    [
        (torch.rand(2, 3), [[0], []], {}, "query 1: has no relevant item"),
        (torch.rand(2, 3), [[0], [3]], {}, r"names item 3 of 3"),
        (torch.rand(2, 3), [[0], [-1]], {}, r"names item -1 of 3"),
        (torch.rand(2, 3), [[0]], {}, "has 1 entries for 2 queries"),
        (torch.rand(2, 3), torch.ones(3, 2, dtype=torch.bool), {}, r"has shape \[3, 2\]"),
        (torch.rand(2, 3), torch.ones(2, 3), {}, "give a bool mask"),
        (torch.rand(3), [[0]], {}, r"scores: has shape \[3\]"),
        (torch.ones(2, 3).long(), [[0], [0]], {}, "floating-point"),
        (torch.rand(0, 3), [], {}, "has no relevant item"),
        (torch.tensor([[0.0, 1.0], [torch.nan, 0.0]]), [[0], [1]], {}, r"scores\[1, 0\]: is NaN"),
        (torch.rand(2, 3), [[0], [1]], {"ties": "lucky"}, "ties: is 'lucky' .*pessimistic"),
        (torch.rand(2, 3), [[0], [1]], {"median": "low"}, "median: is 'low'"),
        (torch.rand(2, 3), [[0], [1]], {"mean_rank": "some"}, "mean_rank: is 'some'"),
        (torch.rand(2, 3), [[0], [1]], {"duplicates": "two"}, "duplicates: is 'two'"),
        (torch.rand(2, 3), [[0], [1]], {"duplicates": "one"}, "captions: are missing"),
        (torch.rand(2, 3), [[0], [1]], {"duplicates": "one", "captions": ["a"]}, "captions: are 1 for 2"),
        (torch.rand(2, 3), [[0], [1]], {"ks": (0,)}, "ks: are"),
    ],
)
def test_bad_input(scores, relevant, options, message) -> None:
    with pytest.raises(DataError, match=message):
        retrieval_metrics(scores, relevant, **options)


def test_video_without_caption() -> None:
    with pytest.raises(DataError, match="query 1: has no relevant item"):
        both_directions(torch.rand(2, 2), [0, 0])


@pytest.mark.parametrize("mean_rank", ["best", "all"])
def test_chance_is_what_random_scores_give(mean_rank: str) -> None:
    generator = np.random.default_rng(0)
    relevant = [[0], [0, 1], [3, 4, 5], [2]] * 3000
    positives = Positives.build(relevant, len(relevant), 8)
    chance = chance_level(positives, ks=(1, 5, 20), mean_rank=mean_rank)
    found = retrieval_metrics(
        generator.random((len(relevant), 8)), relevant, ks=(1, 5, 20), mean_rank=mean_rank, median="floor"
    )
    assert found["R@20"] == chance["R@20"] == 100
    assert found["MedR"] == chance["MedR"]
    for name in ("R@1", "R@5", "MnR"):
        assert found[name] == pytest.approx(chance[name], rel=0.03)
