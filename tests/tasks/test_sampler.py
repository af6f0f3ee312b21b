"""Length bucketing; the rest of the sampler is tested in test_data.py."""

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


@pytest.mark.parametrize("captions", ["all", "one"])
def test_groups_meet_in_a_batch(captions: str) -> None:
    groups = torch.arange(400) // 2
    sampler = CaptionSampler(OWNER, 20, captions_per_video=captions, groups=groups)  # type: ignore[arg-type]
    batches = list(sampler)
    expected = list(range(2000)) if captions == "all" else None
    assert expected is None or sorted(torch.cat(batches).tolist()) == expected
    assert all(
        int(count) % (10 if captions == "all" else 2) == 0
        for batch in batches
        for count in groups[OWNER[batch]].bincount()
    )
    assert torch.cat(batches).tolist() != torch.cat(list(CaptionSampler(OWNER, 20, seed=1, groups=groups))).tolist()


def test_bad_options() -> None:
    with pytest.raises(DataError, match=r"lengths: has shape \[3\]"):
        CaptionSampler(OWNER, 4, lengths=torch.ones(3))
