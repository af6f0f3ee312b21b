"""Counted operations against the same result written as plain matrix products, which PyTorch counts itself."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from graphvtr.ops import (
    complete_graph_walk,
    holographic_scores,
    local_match,
    role_attention,
    segment_attention,
)
from graphvtr.ops.flops import flop_formulas

PTR = torch.tensor([0, 3, 3, 5])


def count(call: Callable[[], object]) -> int:
    with torch.no_grad(), FlopCounterMode(display=False, custom_mapping=flop_formulas()) as counter:
        call()
    return int(counter.get_total_flops())


def plain_attention(q: Tensor, k: Tensor, v: Tensor) -> None:
    for begin, end in ((0, 3), (3, 5)):
        (q[begin:end] @ k[begin:end].T) @ v[begin:end]


def test_attention_ragged_and_equal() -> None:
    q, k, v = torch.randn(5, 4), torch.randn(5, 4), torch.randn(5, 6)
    assert count(lambda: segment_attention(q, k, v, PTR)) == count(lambda: plain_attention(q, k, v)) > 0
    dense = torch.randn(3, 5, 2, 4)
    assert count(lambda: segment_attention(dense, dense, dense)) == 3 * 2 * (5 * 5 * 4 * 2) * 2


def test_walk() -> None:
    phi, theta, x = torch.randn(5, 4), torch.randn(5, 4), torch.randn(5, 6)
    assert count(lambda: complete_graph_walk(phi, theta, x, PTR)) == count(lambda: plain_attention(phi, theta, x)) > 0


def test_role_attention_counts_edges() -> None:
    x, ptr, col = torch.randn(3, 4), torch.tensor([0, 2, 2, 3]), torch.tensor([0, 1, 2])
    assert count(lambda: role_attention(x, x, x, ptr, col)) == 3 * 2 * (4 + 4)


def test_matches() -> None:
    nodes, frames = torch.randn(5, 4), torch.randn(6, 4)
    expected = count(lambda: nodes @ frames.T) + 2 * 4 * (16 + 4)
    assert count(lambda: local_match(nodes, PTR, frames, torch.tensor([0, 4, 6]), temperature=4.0)) == expected
    assert count(lambda: holographic_scores(frames, nodes, torch.randn(4))) >= count(lambda: frames @ nodes.T)


@pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="oneDNN only")
def test_an_lstm_of_onednn_is_counted() -> None:
    lstm, x = torch.nn.LSTM(3, 5), torch.randn(7, 2, 3)
    assert count(lambda: lstm(x)) in (2 * 7 * 2 * 20 * (3 + 5), 7 * count(lambda: lstm(x[:1])))


@pytest.mark.parametrize("masked", [False, True])
def test_a_fused_layer_of_a_transformer_is_counted(masked: bool) -> None:
    layer = torch.nn.TransformerEncoderLayer(8, 2, 12, batch_first=True).eval()
    x, missing = torch.randn(3, 5, 8), torch.zeros(3, 5, dtype=torch.bool)
    missing[1, 3:] = True

    def call() -> Tensor:
        return layer(x, src_key_padding_mask=missing if masked else None)

    assert count(call) == 2 * 3 * 5 * (4 * 8 * 8 + 2 * 8 * 12 + 2 * 5 * 8)
