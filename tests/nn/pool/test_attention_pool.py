"""AttentionPool against a loop over sets, heads and channels (COOT, section 3.2)."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from graphvtr.errors import DataError
from graphvtr.nn import AttentionPool


def plain(pool: AttentionPool, x: Tensor, ptr: Tensor) -> tuple[Tensor, Tensor]:
    """One set, one head and one channel at a time."""
    inner, outer = pool.attention_channels // pool.heads, pool.channels // pool.heads
    pooled, weights = [], []
    for begin, end in zip(ptr[:-1].tolist(), ptr[1:].tolist(), strict=True):
        rows, columns, shares = x[begin:end], [], []
        for channel in range(pool.channels):
            head, place = divmod(channel, outer)
            part = slice(head * inner, (head + 1) * inner)
            score = []
            for row in rows:
                h = pool.hidden.weight[part] @ row + pool.hidden.bias[part]
                gelu = h * (1 + torch.erf(h / math.sqrt(2))) / 2
                value = gelu @ pool.weight[head, :, place]
                score.append(value if pool.bias is None else value + pool.bias[channel])
            if not score:
                columns.append(x.new_zeros(()))
                continue
            exponent = torch.stack(score).exp()
            shares.append(exponent / exponent.sum())
            columns.append((shares[-1] * rows[:, channel]).sum())
        pooled.append(torch.stack(columns))
        if shares:
            weights.append(torch.stack(shares, 1))
    return torch.stack(pooled), torch.cat(weights) if weights else x.new_zeros(0, pool.channels)


@pytest.mark.parametrize("counts", [[3, 1, 5], [0, 4, 0, 2, 0], [1], [0]])
@pytest.mark.parametrize("options", [{}, {"heads": 3, "attention_channels": 3, "bias": False}, {"heads": 1}])
def test_values_and_gradients(counts: list[int], options: dict[str, int]) -> None:
    pool = AttentionPool(6, **options).double()
    ptr = torch.tensor([0, *counts]).cumsum(0)
    x = torch.randn(sum(counts), 6, dtype=torch.double, requires_grad=True)
    pooled, weights = pool(x, ptr, return_weights=True)
    expected, expected_weights = plain(pool, x, ptr)
    torch.testing.assert_close(pooled, expected)
    torch.testing.assert_close(weights, expected_weights)
    torch.testing.assert_close(pool(x, ptr), expected)
    probe = torch.randn_like(pooled)
    inputs = (x, *pool.parameters())
    mine = torch.autograd.grad((pooled * probe).sum(), inputs)
    if sum(counts):
        for gradient, other in zip(mine, torch.autograd.grad((expected * probe).sum(), inputs), strict=True):
            torch.testing.assert_close(gradient, other)


def test_what_fills_a_padded_set_up_has_no_part_in_it() -> None:
    pool = AttentionPool(6)
    counts = torch.tensor([3, 0, 5, 1])
    ptr = torch.cat([counts.new_zeros(1), counts.cumsum(0)])
    x = torch.randn(9, 6, requires_grad=True)
    mask = torch.arange(5) < counts[:, None]
    padded = torch.full((4, 5, 6), torch.nan).masked_scatter(mask[..., None], x)
    out, weights = pool(padded, mask=mask, return_weights=True)
    expected, expected_weights = pool(x, ptr, return_weights=True)
    torch.testing.assert_close(out, expected, atol=1e-5, rtol=0)
    torch.testing.assert_close(weights[mask], expected_weights, atol=1e-5, rtol=0)
    assert not weights[~mask].any()
    inputs = (x, *pool.parameters())
    for mine, other in zip(
        torch.autograd.grad(out.square().sum(), inputs),
        torch.autograd.grad(expected.square().sum(), inputs),
        strict=True,
    ):
        torch.testing.assert_close(mine, other, atol=1e-5, rtol=1e-4)


def test_equal_sets_need_no_mask() -> None:
    pool = AttentionPool(6)
    x = torch.randn(3, 4, 6)
    expected = pool(x.flatten(0, 1), torch.arange(0, 13, 4))
    torch.testing.assert_close(pool(x), expected)
    torch.testing.assert_close(pool(x, mask=torch.ones(3, 4, dtype=torch.bool)), expected)


def test_order_does_not_matter() -> None:
    pool, ptr = AttentionPool(6).double(), torch.tensor([0, 4, 7])
    x = torch.randn(7, 6, dtype=torch.double)
    shuffled = torch.cat([x[:4][torch.randperm(4)], x[4:][torch.randperm(3)]])
    torch.testing.assert_close(pool(shuffled, ptr), pool(x, ptr))


def test_compiles_to_one_graph_and_runs_in_bfloat16() -> None:
    pool, ptr = AttentionPool(6), torch.tensor([0, 3, 3, 5])
    x = torch.randn(5, 6, requires_grad=True)
    out, expected = torch.compile(pool, fullgraph=True, backend="aot_eager")(x, ptr), pool(x, ptr)
    torch.testing.assert_close(out, expected)
    inputs = (x, *pool.parameters())
    for mine, other in zip(
        torch.autograd.grad(out.sum(), inputs), torch.autograd.grad(expected.sum(), inputs), strict=True
    ):
        torch.testing.assert_close(mine, other)
    with torch.autocast("cpu", torch.bfloat16):
        mixed = pool(x, ptr)
    torch.testing.assert_close(mixed.float(), expected, atol=3e-2, rtol=3e-2)


def test_reset_and_repr() -> None:
    pool = AttentionPool(6)
    before = pool.weight.clone()
    pool.reset_parameters()
    assert not torch.equal(before, pool.weight)
    assert "6, heads=2, attention_channels=12" in repr(pool)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"channels": 5}, "channels: is 5"),
        ({"channels": 4, "attention_channels": 7}, "attention_channels: is 7"),
        ({"channels": 4, "heads": 0}, "channels: is 4"),
    ],
)
def test_sizes_that_do_not_go_together(arguments: dict[str, int], message: str) -> None:
    with pytest.raises(DataError, match=message):
        AttentionPool(**arguments)


def test_wrong_inputs() -> None:
    pool = AttentionPool(6)
    with pytest.raises(DataError, match="ptr"):
        pool(torch.randn(5, 6), torch.tensor([0, 4]))
    with pytest.raises(DataError, match=r"AttentionPool: x: has shape \[5, 6\]"):
        pool(torch.randn(5, 6))
    with pytest.raises(DataError, match=r"mask: is torch.bool of shape \[2, 4\]"):
        pool(torch.randn(2, 5, 6), mask=torch.ones(2, 4, dtype=torch.bool))
