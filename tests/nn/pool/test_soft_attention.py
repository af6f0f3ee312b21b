"""SoftAttentionPool against a loop over the sets (HGR, Eq 4-5)."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from graphvtr.errors import DataError
from graphvtr.nn import SoftAttentionPool


def plain(pool: SoftAttentionPool, x: Tensor, ptr: Tensor) -> tuple[Tensor, Tensor]:
    pooled, weights = [], []
    for begin, end in zip(ptr[:-1].tolist(), ptr[1:].tolist(), strict=True):
        if begin == end:
            pooled.append(x.new_zeros(x.size(1)))
            continue
        exponent = torch.exp(x[begin:end] @ pool.score.weight[0])
        weights.append(exponent / exponent.sum())
        pooled.append((weights[-1][:, None] * x[begin:end]).sum(0))
    return torch.stack(pooled), torch.cat(weights) if weights else x.new_zeros(0)


@pytest.mark.parametrize("counts", [[3, 1, 5], [0, 4, 0, 2, 0], [1], [0], [0, 0]])
def test_values_and_gradients(counts: list[int]) -> None:
    pool = SoftAttentionPool(6).double()
    ptr = torch.tensor([0, *counts]).cumsum(0)
    x = torch.randn(sum(counts), 6, dtype=torch.double, requires_grad=True)
    pooled, weights = pool(x, ptr, return_weights=True)
    expected, expected_weights = plain(pool, x, ptr)
    torch.testing.assert_close(pooled, expected)
    torch.testing.assert_close(weights, expected_weights)
    torch.testing.assert_close(pool(x, ptr), expected)
    probe = torch.randn_like(pooled)
    inputs = (x, pool.score.weight)
    mine = torch.autograd.grad((pooled * probe).sum(), inputs)
    if sum(counts):
        for gradient, other in zip(mine, torch.autograd.grad((expected * probe).sum(), inputs), strict=True):
            torch.testing.assert_close(gradient, other)


def test_compiles_to_one_graph() -> None:
    pool, ptr = SoftAttentionPool(6), torch.tensor([0, 3, 3, 5])
    x = torch.randn(5, 6, requires_grad=True)
    compiled = torch.compile(pool, fullgraph=True, backend="aot_eager")
    out, expected = compiled(x, ptr), pool(x, ptr)
    torch.testing.assert_close(out, expected)
    probe = torch.randn_like(out)
    for mine, other in zip(
        torch.autograd.grad((out * probe).sum(), (x, pool.score.weight)),
        torch.autograd.grad((expected * probe).sum(), (x, pool.score.weight)),
        strict=True,
    ):
        torch.testing.assert_close(mine, other)


def test_reset_and_repr() -> None:
    pool = SoftAttentionPool(6)
    before = pool.score.weight.clone()
    pool.reset_parameters()
    assert not torch.equal(before, pool.score.weight)
    assert "SoftAttentionPool(\n  6" in repr(pool)


def test_a_pointer_that_does_not_fit() -> None:
    with pytest.raises(DataError, match="ptr"):
        SoftAttentionPool(6)(torch.randn(5, 6), torch.tensor([0, 4]))
