"""Batch normalisation of one row: with the running statistics, which it leaves alone."""

from __future__ import annotations

import torch
from torch import nn

from graphvtr.nn.batch_norm import batch_norm


def test_several_rows_are_the_layer() -> None:
    norm, other = nn.BatchNorm1d(3), nn.BatchNorm1d(3)
    rows = torch.randn(4, 3)
    torch.testing.assert_close(batch_norm(norm, rows), other(rows))
    torch.testing.assert_close(norm.running_mean, other.running_mean)


def test_one_row_takes_the_running_statistics() -> None:
    norm = nn.BatchNorm1d(3)
    norm(torch.randn(16, 3) * 2 + 1)
    nn.init.normal_(norm.weight)
    nn.init.normal_(norm.bias)
    assert norm.running_mean is not None
    before = norm.running_mean.clone()
    row = torch.randn(1, 3, requires_grad=True)
    out = batch_norm(norm, row)
    torch.testing.assert_close(norm.running_mean, before)
    torch.testing.assert_close(out, norm.eval()(row))
    out.sum().backward()
    assert row.grad is not None
    assert bool((row.grad != 0).all())


def test_no_rows() -> None:
    assert batch_norm(nn.BatchNorm1d(3), torch.empty(0, 3)).shape == (0, 3)
