from __future__ import annotations

import pytest
import torch

from graphvtr.errors import DataError
from graphvtr.metrics import RankCounter, RetrievalRanks, both_directions, first_of_each
from graphvtr.metrics.positives import Positives


def cut(scores):
    return lambda videos, texts: scores[videos.start : videos.stop, texts.start : texts.stop]


@pytest.fixture
def problem():
    """Scores with ties, captions in no particular order."""
    owner = torch.cat([torch.arange(7), torch.randint(7, (16,))])[torch.randperm(23)]
    return torch.randint(6, (7, 23)).float(), owner


@pytest.mark.parametrize("block", [(1, 1), (2, 5), (3, 23), (7, 4), (100, 100)])
@pytest.mark.parametrize("ties", ["pessimistic", "average", "optimistic"])
@pytest.mark.parametrize("mean_rank", ["best", "all"])
def test_blocks_are_the_whole(problem, block, ties, mean_rank) -> None:
    scores, owner = problem
    ranks = RetrievalRanks(owner, 7, 23, ties=ties, mean_rank=mean_rank)
    ranks.consume(cut(scores), block)
    assert ranks.metrics(median="floor") == both_directions(
        scores, owner, ties=ties, mean_rank=mean_rank, median="floor"
    )


def test_texts_of_several_videos() -> None:
    scores = torch.randint(4, (3, 4)).float()
    captions = ["x", "y", "x", "z"]
    owner = torch.tensor([0, 1, 2, 2])
    first, videos = first_of_each(captions, owner)
    assert (first.tolist(), videos) == ([0, 1, 3], [[0, 2], [1], [2]])
    ranks = RetrievalRanks(videos, 3, 3)
    ranks.consume(cut(scores[:, first]), (2, 2))
    assert ranks.metrics() == both_directions(scores, owner, captions=captions, duplicates="one")


def test_first_pass_needs_only_blocks_with_positives(problem) -> None:
    scores, _ = problem
    owner = torch.arange(7).repeat_interleave(2)
    ranks = RetrievalRanks(owner, 7, 14)
    wanted = [ranks.has_positives(videos, texts) for videos, texts in ranks.blocks((1, 2))]
    assert sum(wanted) == 7
    ranks.consume(cut(scores[:, :14]), (1, 2))
    assert ranks.metrics() == both_directions(scores[:, :14], owner)


def test_a_last_bit_between_the_passes_does_not_count_against_the_pair() -> None:
    scores = torch.eye(4)
    ranks = RetrievalRanks(torch.arange(4), 4, 4)
    ranks.add_positives(scores * (1 - 1e-7))
    ranks.add(scores)
    assert ranks.metrics()["rsum"] == 600


def test_counting_before_the_positives_are_known(problem) -> None:
    scores, owner = problem
    ranks = RetrievalRanks(owner, 7, 23)
    with pytest.raises(DataError, match="not seen yet"):
        ranks.add(scores)


@pytest.mark.parametrize("times", [0, 2])
def test_missing_or_repeated_blocks(problem, times) -> None:
    scores, owner = problem
    ranks = RetrievalRanks(owner, 7, 23)
    ranks.add_positives(scores)
    for _ in range(times):
        ranks.add(scores)
    with pytest.raises(DataError, match=f"query 0: was compared with {7 * times} of 7 items"):
        ranks.ranks()


def test_bad_blocks(problem) -> None:
    scores, owner = problem
    ranks = RetrievalRanks(owner, 7, 23)
    with pytest.raises(DataError, match="lies outside the matrix"):
        ranks.add_positives(scores, video_begin=1)
    with pytest.raises(DataError, match=r"scores\[3, 0\]: is NaN"):  # of the transposed matrix: text 3, video 0
        ranks.add_positives(torch.full((1, 1), torch.nan), 0, 3)
    with pytest.raises(DataError, match="mean_rank: is 'none'"):
        RetrievalRanks(owner, 7, 23, mean_rank="none")  # type: ignore[arg-type]


def test_counter_alone() -> None:
    counter = RankCounter(Positives.build(torch.tensor([1]), 1, 2))
    block = torch.tensor([[0.3, 0.2]])
    counter.see_positives(block)
    counter.count(block)
    assert counter.ranks().best.tolist() == [2.0]
