"""The contenders of the random walk benchmark compute one and the same layer."""

from __future__ import annotations

import pytest
import torch

from benchmarks.speed.random_walk import check_same
from graphvtr.nn import RandomWalkGCN


@pytest.mark.parametrize("normalization", ["random_walk", "row"])
@pytest.mark.parametrize("affinity", ["dot", "softplus", "exp"])
def test_contenders_are_the_same(affinity: str, normalization: str) -> None:
    if affinity == "exp" and normalization == "row":
        pytest.skip("no contender")
    gcn = RandomWalkGCN(16, key_channels=8, affinity=affinity, normalization=normalization)
    x = torch.rand(1, 6, 16)
    check_same(gcn, x, with_edges=True)
    if affinity == "dot" and normalization == "random_walk":  # a degree near 0: what float32 could not compare
        layer = gcn.layers[0]
        torch.nn.init.zeros_(layer.theta.weight)
        torch.nn.init.constant_(layer.theta.bias, 1e-5)
        check_same(gcn, x, with_edges=True)


def test_a_contender_that_differs_is_noticed() -> None:
    gcn = RandomWalkGCN(16, affinity="dot", normalization="symmetric")
    with pytest.raises(AssertionError, match="not close"):
        check_same(gcn, torch.rand(1, 6, 16), with_edges=True)
