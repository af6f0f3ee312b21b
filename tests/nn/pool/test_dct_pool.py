"""dct_pool against the formula, a clip at a time."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from graphvtr.nn.pool import dct_pool
from graphvtr.ops import segment_reduce


def plain(x: Tensor, ptr: Tensor, coefficients: int) -> Tensor:
    found = []
    for begin, end in zip(ptr[:-1].tolist(), ptr[1:].tolist(), strict=True):
        frames, row = x[begin:end], []
        for k in range(coefficients):
            terms = [math.cos(math.pi * k * (t + 0.5) / len(frames)) * frame for t, frame in enumerate(frames)]
            row.append(sum(terms, x.new_zeros(x.size(1))) / max(1, len(frames)) * (k < max(1, len(frames))))
        found.append(torch.cat(row))
    return torch.stack(found)


@pytest.mark.parametrize("counts", [[3, 1, 5], [0, 4, 0, 2, 0], [1], [0], [0, 0], [7, 7]])
@pytest.mark.parametrize("coefficients", [1, 2, 4])
def test_values_and_gradients(counts: list[int], coefficients: int) -> None:
    ptr = torch.tensor([0, *counts]).cumsum(0)
    x = torch.randn(sum(counts), 3, dtype=torch.double, requires_grad=True)
    pooled = dct_pool(x, ptr, coefficients)
    assert pooled.shape == (len(counts), 3 * coefficients)
    torch.testing.assert_close(pooled, plain(x, ptr, coefficients))
    torch.testing.assert_close(pooled[:, :3], segment_reduce(x, ptr, "mean"))
    if sum(counts):
        assert torch.autograd.gradcheck(lambda x: dct_pool(x, ptr, coefficients), (x,))


def test_a_clip_backwards_has_the_other_sign_where_odd() -> None:
    x, ptr = torch.randn(6, 2), torch.tensor([0, 6])
    forward, backward = (dct_pool(frames, ptr, 4).view(4, 2) for frames in (x, x.flip(0)))
    torch.testing.assert_close(forward[::2], backward[::2], atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(forward[1::2], -backward[1::2], atol=1e-6, rtol=1e-5)
    still = dct_pool(x[:1].expand(5, 2), torch.tensor([0, 5]), 4)
    torch.testing.assert_close(still[:, 2:], torch.zeros(1, 6), atol=1e-6, rtol=0)


def test_compiled_and_in_half_precision() -> None:
    x, ptr = torch.randn(5, 3), torch.tensor([0, 2, 5])
    compiled = torch.compile(dct_pool, backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(x, ptr, 3), dct_pool(x, ptr, 3))
    half = dct_pool(x.bfloat16(), ptr, 3)
    assert half.dtype == torch.bfloat16
    torch.testing.assert_close(half.float(), dct_pool(x, ptr, 3), atol=0.03, rtol=0.03)
