"""Length bucketing and shares of distributed ranks; the rest of the sampler is tested in test_data.py."""

from __future__ import annotations

import pytest
import torch

pytest.importorskip("pytorch_lightning")
from graphvtr.errors import DataError
from graphvtr.tasks.sampler import WINDOW, CaptionSampler

OWNER = torch.arange(2000) // 5
LENGTHS = torch.randint(4, 30, (2000,), generator=torch.Generator().manual_seed(1))


def spread(sampler: CaptionSampler) -> float:
    """Mean difference between the longest and the shortest caption of a batch."""
    return float(torch.tensor([float(LENGTHS[batch].max() - LENGTHS[batch].min()) for batch in sampler]).mean())


@pytest.mark.parametrize("distinct", [False, True])
def test_bucketing_puts_like_with_like(distinct: bool) -> None:
    plain = CaptionSampler(OWNER, 20, distinct_videos=distinct)
    bucketed = CaptionSampler(OWNER, 20, distinct_videos=distinct, lengths=LENGTHS)
    assert sorted(torch.cat(list(bucketed)).tolist()) == list(range(2000))
    assert spread(bucketed) < spread(plain) / 4
    first = [int(LENGTHS[batch].min()) for batch in bucketed][:WINDOW]
    assert first != sorted(first)  # short batches do not all come first
    if distinct:
        assert all(len(OWNER[batch].unique()) == len(batch) for batch in bucketed)


def test_bucketing_changes_from_epoch_to_epoch() -> None:
    sampler = CaptionSampler(OWNER, 20, lengths=LENGTHS)
    first = {tuple(sorted(batch.tolist())) for batch in sampler}
    again = {tuple(sorted(batch.tolist())) for batch in CaptionSampler(OWNER, 20, lengths=LENGTHS)}
    sampler.set_epoch(1)
    assert first == again
    assert not first & {tuple(sorted(batch.tolist())) for batch in sampler}


@pytest.mark.parametrize("ranks", [1, 2, 3, 7])
@pytest.mark.parametrize("captions_per_video", ["all", "one"])
def test_ranks_share_the_batches(ranks: int, captions_per_video: str) -> None:
    options = {"seed": 3, "captions_per_video": captions_per_video}
    whole = [batch.tolist() for batch in CaptionSampler(OWNER, 64, **options)]
    shares = [CaptionSampler(OWNER, 64, rank=rank, ranks=ranks, **options) for rank in range(ranks)]
    assert {len(list(share)) for share in shares} == {len(shares[0])}
    assert len(shares[0]) == -(-len(whole) // ranks)
    given = [batch.tolist() for step in zip(*shares, strict=True) for batch in step]
    assert given[: len(whole)] == whole
    assert given[len(whole) :] == whole[: len(given) - len(whole)]


def test_more_ranks_than_batches() -> None:
    shares = [CaptionSampler(torch.arange(4), 4, rank=rank, ranks=3) for rank in range(3)]
    assert [sorted(torch.cat(list(share)).tolist()) for share in shares] == [[0, 1, 2, 3]] * 3


def test_bad_options() -> None:
    with pytest.raises(DataError, match="rank: is 2 of 2"):
        CaptionSampler(OWNER, 4, rank=2, ranks=2)
    with pytest.raises(DataError, match=r"lengths: has shape \[3\]"):
        CaptionSampler(OWNER, 4, lengths=torch.ones(3))
