from __future__ import annotations

import pytest
import torch

from graphvtr.errors import DataError
from graphvtr.nn import AttributeHeads


def test_shared_heads_are_one_layer_for_both_sides() -> None:
    x = torch.randn(3, 4)
    shared = AttributeHeads(4, {"entity": 5, "action": 2})
    torch.testing.assert_close(shared("entity", x, "video"), shared("entity", x, "text"))
    weight, bias = shared.heads["video"]["entity"].weight, shared.heads["video"]["entity"].bias
    torch.testing.assert_close(shared("entity", x, "text"), x @ weight.T + bias)
    assert sum(p.numel() for p in shared.parameters()) == (4 + 1) * 7
    own = AttributeHeads(4, {"entity": 5, "action": 2}, shared=False)
    assert not torch.allclose(own("entity", x, "video"), own("entity", x, "text"))
    assert sum(p.numel() for p in own.parameters()) == 2 * (4 + 1) * 7


def test_prior_is_what_a_fresh_head_gives() -> None:
    heads = AttributeHeads(4, {"entity": 5, "action": 0}, shared=False, prior=0.01)
    for side in ("video", "text"):
        torch.testing.assert_close(torch.sigmoid(heads("entity", torch.zeros(2, 4), side)), torch.full((2, 5), 0.01))
    with pytest.raises(DataError, match="prior: is 1"):
        AttributeHeads(4, {"entity": 5}, prior=1.0)


def test_no_concepts(recwarn) -> None:
    heads = AttributeHeads(4, {"relationship": 0})
    assert heads("relationship", torch.randn(2, 4), "text").shape == (2, 0)
    assert not recwarn
