"""InnerProductMatch against a loop over pairs."""

from __future__ import annotations

import pytest
import torch

from graphvtr.errors import DataError
from graphvtr.nn import InnerProductMatch, Level
from graphvtr.nn.match import IndexedMatch


def test_it_is_the_product_of_every_pair_and_its_keys_are_exact() -> None:
    video, text = torch.randn(3, 5, dtype=torch.double), torch.randn(4, 5, dtype=torch.double)
    match = InnerProductMatch()
    scores = match(Level(video), Level(text))
    expected = torch.stack([torch.stack([(v * c).sum() for c in text]) for v in video])
    torch.testing.assert_close(scores.double(), expected, atol=1e-5, rtol=1e-5)
    assert isinstance(match, IndexedMatch)
    (items,), (queries,) = match.item_keys(Level(video), "video"), match.query_keys(Level(text), "text")
    torch.testing.assert_close(items @ queries.T, expected)


def test_sets_are_refused() -> None:
    sets = Level(torch.randn(3, 5), torch.tensor([0, 1, 3]))
    with pytest.raises(DataError, match="text level: holds sets"):
        InnerProductMatch()(Level(torch.randn(2, 5)), sets)
