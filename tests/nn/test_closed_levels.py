"""Levels that are solved, not learned: which there are, and what they give."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import normalize

from graphvtr.nn.closed_levels import ClosedLevels


@pytest.mark.parametrize(("hubs", "memory"), [(True, 4), (True, 0), (False, 4), (False, 0)])
def test_they_are_those_that_are_asked_for(hubs: bool, memory: int) -> None:
    torch.manual_seed(0)
    video, text = normalize(torch.randn(2, 3), dim=1), normalize(torch.randn(4, 3), dim=1)
    closed = ClosedLevels(3, hubs, memory).eval()
    closed.fill(video, text, torch.tensor([0, 1, 1, 0]))
    v, c = closed.video(video), closed.text(text)
    assert tuple(v) == tuple(c) == closed.names == ("hubs",) * hubs + ("neighbours",) * bool(memory)
    if memory:
        torch.testing.assert_close(v["neighbours"], video)
        assert c["neighbours"].norm(dim=1).allclose(torch.ones(4))
        assert not closed.train().text(text)["neighbours"].any()  # only what learns counts then
    if hubs:
        assert closed.hubs is not None
        assert (v["hubs"] @ c["hubs"].T < 0).any()
