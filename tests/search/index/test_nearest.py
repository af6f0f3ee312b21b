"""Every kind of approximate index finds what the plain inner products find."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from graphvtr.errors import DataError
from graphvtr.search.index.nearest import KINDS, Nearest, build_nearest, choose_kind


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rows", [1, 40, 3000])
def test_against_plain_inner_products(kind: str, rows: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(20, 32))
    keys = (centres[rng.integers(20, size=rows)] + 0.3 * rng.normal(size=(rows, 32))).astype(np.float32)
    queries = (centres[:5] + 0.3 * rng.normal(size=(5, 32))).astype(np.float32)
    build_nearest(keys, kind, tmp_path / "keys")
    nearest = Nearest(tmp_path / "keys")
    assert (nearest.rows, nearest.width) == (rows, 32)
    top = min(10, rows)
    scores, found = nearest.search(queries, 100)
    exact = queries @ keys.T
    for query in range(5):
        best = set(np.argsort(-exact[query])[:top].tolist())
        share = len(best & set(found[query].tolist())) / top
        assert share == 1.0 if kind == "flat" else share >= 0.8
        if kind != "ivf_pq":
            places = found[query][found[query] >= 0]
            assert np.allclose(scores[query][: len(places)], exact[query][places], atol=1e-3)
    allowed = np.zeros(rows, dtype=bool)
    allowed[::3] = True
    _, kept = nearest.search(queries, 10, allowed)
    assert all(place % 3 == 0 for place in kept[kept >= 0].tolist())
    assert (kept[:, 0] >= 0).all()


def test_kinds_by_size_and_by_name(tmp_path: Path) -> None:
    assert [choose_kind(rows) for rows in (1, 50_000, 50_001, 300_001)] == ["flat", "flat", "hnsw", "ivf_pq"]
    with pytest.raises(DataError, match="use auto, flat"):
        build_nearest(np.zeros((1, 4), np.float32), "tree", tmp_path / "keys")
    (tmp_path / "bad").write_bytes(b"no index")
    with pytest.raises(DataError, match="is damaged"):
        Nearest(tmp_path / "bad")
    with pytest.raises(FileNotFoundError):
        Nearest(tmp_path / "absent")
