"""The attention map of ViSERN section 4.5."""

from __future__ import annotations

import pytest
import torch

from graphvtr.errors import DataError
from graphvtr.nn import attention_map


def test_equals_the_definition() -> None:
    counts = [3, 1, 5]
    z = torch.randn(9, 4, dtype=torch.float64)
    frame = torch.repeat_interleave(torch.tensor([2, 3, 7]), torch.tensor(counts))  # frames without regions between
    scores = attention_map(z, frame)
    begin = 0
    for n in counts:
        part = z[begin : begin + n]
        cosine = torch.cosine_similarity(part, part.mean(0, keepdim=True))
        ranks = [sum(bool(other > own) for other in cosine) for own in cosine]
        points = torch.tensor([(n - rank) ** 2 for rank in ranks], dtype=torch.float64)
        torch.testing.assert_close(scores[begin : begin + n], points / points.sum())
        begin += n


def test_ties_keep_the_order_given() -> None:
    scores = attention_map(torch.ones(3, 2), torch.zeros(3, dtype=torch.long))
    torch.testing.assert_close(scores, torch.tensor([9.0, 4.0, 1.0]) / 14)


def test_no_regions() -> None:
    assert attention_map(torch.zeros(0, 2), torch.zeros(0, dtype=torch.long)).shape == (0,)


def test_wrong_inputs() -> None:
    with pytest.raises(DataError, match="frame: has shape"):
        attention_map(torch.zeros(3, 2), torch.zeros(2, dtype=torch.long))
    with pytest.raises(DataError, match="frame: is not sorted"):
        attention_map(torch.zeros(2, 2), torch.tensor([1, 0]))
