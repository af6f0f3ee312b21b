"""A recurrent network over sequences that lie end to end, as one op: what exported encoders call.

A graph of ``torch.export`` has no loop whose number of steps follows from values, so there the whole network is one op
without a gradient. Everything else runs networks as :mod:`graphvtr.nn.encoders.recurrent` says.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from graphvtr.ops._segments import check_float
from graphvtr.ops.csr import inverse_order, time_major


def recurrence(rnn: nn.GRU | nn.LSTM, x: Tensor, ptr: Tensor) -> Tensor:
    """Outputs of a network of one layer for every element of its sequences.

    Args:
        rnn: with biases, in one direction or both.
        x: ``[W, I]``, the elements of all sequences, end to end.
        ptr: ``[N + 1]``, where each sequence begins.

    Returns:
        ``[W, D]``, or ``[W, 2 D]`` in both directions.

    Example:
        >>> rnn = nn.GRU(3, 4, bidirectional=True)
        >>> recurrence(rnn, torch.randn(5, 3), torch.tensor([0, 2, 5])).shape
        torch.Size([5, 8])
    """
    weights = list(rnn.parameters())
    for name, value in (("x", x), *(("weights", weight) for weight in weights)):
        check_float(name, value)
    return _recurrence(x, ptr, weights, isinstance(rnn, nn.LSTM), rnn.bidirectional)  # type: ignore[no-any-return]


@torch.library.custom_op("graphvtr::recurrence", mutates_args=())
def _recurrence(x: Tensor, ptr: Tensor, weights: Sequence[Tensor], lstm: bool, both: bool) -> Tensor:
    width = weights[1].size(1)
    if not x.size(0):
        return x.new_zeros(0, width * (1 + both))
    order, sizes = time_major(ptr, x.device)
    begin = x.new_zeros(1 + both, int(sizes[0]), width)
    run: Any = torch.lstm if lstm else torch.gru
    state = (begin, begin) if lstm else begin
    out: Tensor = run(x.index_select(0, order), sizes, state, list(weights), True, 1, 0.0, False, both)[0]
    return out.index_select(0, inverse_order(order))


@_recurrence.register_fake
def _(x: Tensor, ptr: Tensor, weights: Sequence[Tensor], lstm: bool, both: bool) -> Tensor:
    return x.new_empty(x.size(0), weights[1].size(1) * (1 + both))
