"""Features of tokens on disk: kept, shared, and whole after a crash."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from graphvtr.nn.encoders.token_cache import RECORD, TokenFeatureCache

DOG, CAT, EMPTY = (101, 7, 102), (101, 8, 9, 102), ()


@pytest.fixture
def rows() -> dict[tuple[int, ...], torch.Tensor]:
    return {tokens: torch.randn(len(tokens), 3).half() for tokens in (DOG, CAT, EMPTY)}


def fill(cache: TokenFeatureCache, rows: dict[tuple[int, ...], torch.Tensor], *captions: tuple[int, ...]) -> None:
    cache.add(captions, [rows[tokens].float() for tokens in captions])


def test_reads_in_the_order_asked_for(tmp_path: Path, rows: dict[tuple[int, ...], torch.Tensor]) -> None:
    cache = TokenFeatureCache(tmp_path / "deep" / "folder", 3)
    assert DOG not in cache
    fill(cache, rows, DOG, EMPTY)
    fill(cache, rows, CAT)
    for again in (cache, TokenFeatureCache(tmp_path / "deep" / "folder", 3)):
        assert len(again) == 3
        for tokens, found in zip((CAT, DOG, CAT, EMPTY), again.read([CAT, DOG, CAT, EMPTY]), strict=True):
            assert torch.equal(found, rows[tokens])


def test_processes_have_files_of_their_own(tmp_path: Path, rows: dict[tuple[int, ...], torch.Tensor]) -> None:
    one, other = TokenFeatureCache(tmp_path, 3), TokenFeatureCache(tmp_path, 3)
    fill(one, rows, DOG)
    fill(other, rows, CAT, DOG)
    assert len(list(tmp_path.glob("*.index"))) == 2
    both = TokenFeatureCache(tmp_path, 3)
    assert [torch.equal(found, rows[t]) for t, found in zip((DOG, CAT), both.read([DOG, CAT]), strict=True)] == [
        True
    ] * 2


def test_what_a_killed_run_left_is_not_counted(tmp_path: Path, rows: dict[tuple[int, ...], torch.Tensor]) -> None:
    fill(TokenFeatureCache(tmp_path, 3), rows, DOG, CAT)
    (index,) = tmp_path.glob("*.index")
    whole = index.read_bytes()
    index.write_bytes(whole[: RECORD.size + 5])  # half a record
    assert DOG in TokenFeatureCache(tmp_path, 3)
    assert CAT not in TokenFeatureCache(tmp_path, 3)
    index.write_bytes(whole)
    features = index.with_suffix(".features")
    features.write_bytes(features.read_bytes()[:-1])  # a row less than the index says
    assert CAT not in TokenFeatureCache(tmp_path, 3)
    features.unlink()
    assert len(TokenFeatureCache(tmp_path, 3)) == 0
