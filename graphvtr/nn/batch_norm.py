"""Batch normalisation of batches that may be too small for it."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graphvtr.nn.precision import widened
from graphvtr.nn.shared_batch import is_shared, statistics


def batch_norm(norm: nn.BatchNorm1d, rows: Tensor, row_mask: Tensor | None = None) -> Tensor:
    """``norm``, with its running statistics where the rows are too few to have any.

    One row has no spread, and PyTorch refuses it in training: the last batch of an epoch may hold captions of one
    video only, and a graph may have one region. Where several processes share a batch
    (:func:`graphvtr.nn.shared_batch.shared`), its statistics are those of the rows of all.

    Args:
        norm: the layer, over C channels.
        rows: [N, C].
        row_mask: [N], which rows count; the others stay as they are. All of them when None.

    Example:
        >>> import torch
        >>> batch_norm(nn.BatchNorm1d(2), torch.tensor([[0.5, -2.0]])).detach()
        tensor([[ 0.5000, -2.0000]])
    """
    if row_mask is not None:
        return rows.masked_scatter(row_mask[:, None], batch_norm(norm, rows[row_mask]))
    if norm.training and is_shared():
        return _shared(norm, rows)
    if rows.size(0) > 1:
        return norm(rows)  # type: ignore[no-any-return]
    return _with_running_statistics(norm, rows)


def _shared(norm: nn.BatchNorm1d, rows: Tensor) -> Tensor:
    mean, variance, count = statistics(widened(rows))
    if count < 2:
        return _with_running_statistics(norm, rows)
    if norm.running_mean is not None and norm.running_var is not None and norm.num_batches_tracked is not None:
        with torch.no_grad():
            norm.num_batches_tracked += 1
            share = 1 / float(norm.num_batches_tracked) if norm.momentum is None else norm.momentum
            norm.running_mean.lerp_(mean.to(norm.running_mean), share)
            norm.running_var.lerp_((variance * count / (count - 1)).to(norm.running_var), share)
    out = (widened(rows) - mean) * torch.rsqrt(variance + norm.eps)
    return (out if norm.weight is None else out * norm.weight + norm.bias).to(rows.dtype)


def _with_running_statistics(norm: nn.BatchNorm1d, rows: Tensor) -> Tensor:
    return F.batch_norm(rows, norm.running_mean, norm.running_var, norm.weight, norm.bias, False, 0.0, norm.eps)
