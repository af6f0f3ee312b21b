"""What near training pairs have, against a loop."""

from __future__ import annotations

import torch
from torch.nn.functional import normalize

from graphvtr.nn.neighbours import KernelRegression


def test_a_regression_is_a_soft_mean_of_near_values() -> None:
    torch.manual_seed(0)
    x, keys, values = (torch.randn(n, 3) for n in (5, 4, 4))
    near = KernelRegression(3, size=6, temperature=0.5)
    assert not near(x).any()  # nothing is known yet
    near.fill(keys, values)
    weights = [torch.stack([(row @ key / 0.5).exp() for key in keys]) for row in x]
    expected = torch.stack(
        [sum(w * value for w, value in zip(one / one.sum(), values, strict=True)) for one in weights]
    )
    torch.testing.assert_close(near(x), normalize(expected, dim=1))
    assert near(torch.empty(0, 3)).shape == (0, 3)


def test_of_too_many_pairs_evenly_spaced_ones_are_kept() -> None:
    near = KernelRegression(1, size=3, temperature=1.0)
    near.fill(torch.arange(7.0)[:, None], torch.arange(7.0)[:, None])
    assert near.keys.flatten().tolist() == [0, 3, 6]
    near.fill(torch.ones(2, 1), torch.ones(2, 1))  # fewer than before: nothing of them stays
    assert (near.keys.flatten().tolist(), near.bias.tolist()) == ([1, 1, 0], [0, 0, -torch.inf])
