"""Batch normalisation of batches that may be too small for it."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


def batch_norm(norm: nn.BatchNorm1d, rows: Tensor) -> Tensor:
    """``norm``, with its running statistics where the rows are too few to have any.

    One row has no spread, and PyTorch refuses it in training: the last batch of an epoch may hold captions of one
    video only, and a graph may have one region.

    Args:
        norm: the layer, over C channels.
        rows: [N, C].

    Example:
        >>> import torch
        >>> batch_norm(nn.BatchNorm1d(2), torch.tensor([[0.5, -2.0]])).detach()
        tensor([[ 0.5000, -2.0000]])
    """
    if rows.size(0) > 1:
        return norm(rows)  # type: ignore[no-any-return]
    return F.batch_norm(rows, norm.running_mean, norm.running_var, norm.weight, norm.bias, False, 0.0, norm.eps)
