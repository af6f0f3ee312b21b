"""Features of tokens on disk: kept, shared, and whole after a crash."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from graphvtr.cli.main import main
from graphvtr.errors import DataError
from graphvtr.nn.encoders import token_cache
from graphvtr.nn.encoders.token_cache import TokenFeatureCache
from graphvtr.video import FeatureStore

DOG, CAT, EMPTY = (101, 7, 102), (101, 8, 9, 102), ()


@pytest.fixture
def rows() -> dict[tuple[int, ...], torch.Tensor]:
    return {tokens: torch.randn(len(tokens), 3).half() for tokens in (DOG, CAT, EMPTY)}


def fill(cache: TokenFeatureCache, rows: dict[tuple[int, ...], torch.Tensor], *captions: tuple[int, ...]) -> None:
    cache.add(captions, [rows[tokens].float() for tokens in captions])


def test_reads_in_the_order_asked_for(tmp_path: Path, rows: dict[tuple[int, ...], torch.Tensor]) -> None:
    cache = TokenFeatureCache(tmp_path / "deep" / "folder", 3)
    assert DOG not in cache
    assert len(cache) == 0
    with pytest.raises(DataError, match=r"text '101 7 102': is not in"):
        cache.read([DOG])
    fill(cache, rows, DOG, EMPTY)
    assert cache.known([DOG, CAT]) is None
    assert torch.equal(cache.known([EMPTY, DOG])[1], rows[DOG])
    fill(cache, rows, CAT)
    for again in (cache, TokenFeatureCache(tmp_path / "deep" / "folder", 3)):
        assert len(again) == 2
        for tokens, found in zip((CAT, DOG, CAT, EMPTY), again.read([CAT, DOG, CAT, EMPTY]), strict=True):
            assert found.dtype == torch.float16
            assert torch.equal(found, rows[tokens])
            assert tokens in again
        assert "101 7 102" not in again


def test_processes_write_at_once(tmp_path: Path, rows: dict[tuple[int, ...], torch.Tensor]) -> None:
    one, other = TokenFeatureCache(tmp_path, 3), TokenFeatureCache(tmp_path, 3)
    fill(one, rows, DOG)
    fill(other, rows, CAT, DOG)
    both = TokenFeatureCache(tmp_path, 3)
    for tokens, found in zip((DOG, CAT), both.read([DOG, CAT]), strict=True):
        assert torch.equal(found, rows[tokens])


def test_what_is_damaged_is_written_again(tmp_path: Path, rows: dict[tuple[int, ...], torch.Tensor]) -> None:
    fill(TokenFeatureCache(tmp_path, 3), rows, DOG, CAT)
    (file,) = tmp_path.glob("clips/*.safetensors")
    file.write_bytes(file.read_bytes()[:-1])
    (tmp_path / "clips" / "batch-0.safetensors.1-2.partial").write_bytes(b"half")  # of a killed run
    cache = TokenFeatureCache(tmp_path, 3)
    assert DOG not in cache
    assert len(cache) == 0
    fill(cache, rows, DOG)
    assert torch.equal(TokenFeatureCache(tmp_path, 3).read([DOG])[0], rows[DOG])


def test_many_batches_become_shards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(token_cache, "PACK_EVERY", 4)
    cache, kept = TokenFeatureCache(tmp_path, 3), {}
    for batch in range(9):
        captions = [(batch, number) for number in range(5)]
        features = torch.randn(5, 2, 3).half()
        cache.add(captions, features)
        kept |= dict(zip(captions, features, strict=True))
    assert len(list(tmp_path.glob("shards/*"))) == 2
    assert len(list(tmp_path.glob("clips/*"))) == 1
    for view in (cache, TokenFeatureCache(tmp_path, 3)):
        for found, expected in zip(view.read(list(kept)), kept.values(), strict=True):
            assert torch.equal(found, expected)


def test_a_few_captions_do_not_wait_for_a_large_one(
    tmp_path: Path, rows: dict[tuple[int, ...], torch.Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nothing is opened, for a model without memory for instance, before it is needed."""
    fill(TokenFeatureCache(tmp_path, 3), rows, DOG)
    FeatureStore.open(tmp_path).pack()
    monkeypatch.setattr(token_cache, "FEW", 5)
    made: list[list[tuple[int, ...]]] = []

    def make(captions: list[tuple[int, ...]]) -> token_cache.Made:
        made.append(captions)
        return [(captions, [rows[tokens].float() for tokens in captions])] if captions else []

    small = TokenFeatureCache(tmp_path, 3)
    assert small._opened is None
    assert torch.equal(small.rows([DOG], make)[0], rows[DOG])
    assert made == [[]], "read"
    monkeypatch.setattr(token_cache, "LARGE", 10)
    cache = TokenFeatureCache(tmp_path, 3)
    for asked in ([DOG, EMPTY], [CAT, CAT]):
        found = cache.rows(asked, make)
        assert all(torch.equal(x, rows[tokens]) for tokens, x in zip(asked, found, strict=True))
        assert found[0].dtype == torch.float16
        assert cache._opened is None
    assert made[1:] == [[DOG], [CAT, CAT]]
    assert torch.equal(cache.rows([DOG, CAT], make)[1], rows[CAT])
    assert made[3:] == [[CAT]], "who asks for more opens it, and keeps what it has not"
    assert CAT in TokenFeatureCache(tmp_path, 3)


def test_it_is_a_feature_store(
    tmp_path: Path, rows: dict[tuple[int, ...], torch.Tensor], capsys: pytest.CaptureFixture[str]
) -> None:
    fill(TokenFeatureCache(tmp_path, 3, {"model": "tiny"}), rows, DOG, CAT)
    store = FeatureStore.open(tmp_path)
    assert store.settings == {"model": "tiny"}
    assert store.names == ["101 7 102", "101 8 9 102"]
    assert main(["store", "verify", str(tmp_path)]) == 0
    assert main(["store", "info", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert '"texts": 2' in printed
    assert '"tokens": 7' in printed
    assert main(["store", "convert", "--to", "npz", str(tmp_path), str(tmp_path / "out")]) == 2
    assert "holds features of texts" in capsys.readouterr().err
    (file,) = tmp_path.glob("clips/*")
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    assert main(["store", "verify", str(tmp_path)]) == 1
    assert "checksum does not match" in capsys.readouterr().out


def test_other_features_are_refused(tmp_path: Path, rows: dict[tuple[int, ...], torch.Tensor]) -> None:
    fill(TokenFeatureCache(tmp_path, 3, {"layers": 1}), rows, DOG)
    with pytest.raises(DataError, match="token_x is 3 in the store and 4 now"):
        TokenFeatureCache(tmp_path, 4, {"layers": 1})
    with pytest.raises(DataError, match="layers is 1 in the store and 2 now"):
        TokenFeatureCache(tmp_path, 3, {"layers": 2})
    with pytest.raises(DataError, match="has NaN"):
        TokenFeatureCache(tmp_path, 3, {"layers": 1}).add([CAT], [rows[CAT] * float("nan")])
