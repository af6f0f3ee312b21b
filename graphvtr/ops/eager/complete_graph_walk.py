"""``complete_graph_walk`` on the torch backend: dense batches of graphs with equally many nodes.

Backward goes through the same small matrices, computed again; where all graphs have as many nodes and those are few
beside the features, their logits are kept instead: one product of seven less, for a few per cent of memory.
"""

from __future__ import annotations

import torch
from torch import Tensor

from graphvtr.ops._segments import accumulate_dtype
from graphvtr.ops.csr import counts_to_ptr
from graphvtr.ops.eager._groups import Group, groups
from graphvtr.ops.eager._walk_math import Walk, low_rank_backward, low_rank_walk

#: Elements of phi that a group of graphs may have: fewer calls against what backward holds at a time.
_GROUP_ELEMENTS = 1 << 23


def forward(
    phi: Tensor,
    theta: Tensor,
    x: Tensor,
    ptr: Tensor,
    mask: Tensor | None,
    shift: Tensor | None,
    normalization: str,
    affinity: str,
    steps: int,
    eps: float,
    kept: Tensor | None = None,
) -> Tensor:
    """What has walked, like x; ``kept`` [graphs, n, n] is filled with the logits, where all graphs have n nodes."""
    rows, ptr = _existing(ptr, mask)
    walk = _walk(shift, x, normalization, affinity, steps, eps)
    out = torch.zeros_like(x) if rows is not None else torch.empty_like(x)
    for group in _groups(ptr, rows, phi):
        f, t, y = (group.take(value).to(accumulate_dtype(x.dtype)) for value in (phi, theta, x))
        if _is_low_rank(group, f.size(2), y.size(2), walk):
            group.put(out, low_rank_walk(f, t, y, walk))
            continue
        logits = walk.logits(f, t)
        if kept is not None:
            group.of_equal(kept).copy_(logits)
        matrix = walk.matrix(logits)
        if walk.folds(y):
            matrix = walk.powers(matrix)[-1]
        else:
            for _ in range(steps - 1):
                y = torch.bmm(matrix, y)
        group.product(out, matrix, y)
    return out


def backward(
    grad: Tensor,
    phi: Tensor,
    theta: Tensor,
    x: Tensor,
    ptr: Tensor,
    mask: Tensor | None,
    shift: Tensor | None,
    normalization: str,
    affinity: str,
    steps: int,
    eps: float,
    kept: Tensor | None = None,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Gradients of phi, theta, x and the shift; ``kept`` as forward has filled it."""
    rows, ptr = _existing(ptr, mask)
    walk, dtype = _walk(shift, x, normalization, affinity, steps, eps), accumulate_dtype(x.dtype)
    grad_shift = x.new_zeros((), dtype=dtype)
    results = tuple(torch.zeros_like(v) if rows is not None else torch.empty_like(v) for v in (phi, theta, x))
    for group in _groups(ptr, rows, phi):
        f, t, y, g = (group.take(value).to(dtype) for value in (phi, theta, x, grad))
        if _is_low_rank(group, f.size(2), y.size(2), walk):
            for result, gradient in zip(results, low_rank_backward(g, f, t, y, walk), strict=True):
                group.put(result, gradient)
            continue
        logits = walk.logits(f, t) if kept is None else group.of_equal(kept)
        back, flow, grad_matrix = walk.product_gradients(g, walk.matrix(logits), y)
        grad_logits = walk.matrix_gradient(grad_matrix, logits)
        if shift is not None:
            grad_shift += grad_logits.sum()
        sides = grad_logits + grad_logits.transpose(1, 2)
        for result, small, wide in zip(results, (sides, sides, back), (t, f, flow), strict=True):
            group.product(result, small, wide)
    return results[0], results[1], results[2], grad_shift.to(x.dtype)


def _walk(shift: Tensor | None, x: Tensor, normalization: str, affinity: str, steps: int, eps: float) -> Walk:
    wide = None if shift is None else shift.to(accumulate_dtype(x.dtype))
    return Walk(normalization, affinity, steps, eps, wide)


def _existing(ptr: Tensor, mask: Tensor | None) -> tuple[Tensor | None, Tensor]:
    """The rows that the mask keeps, and the pointer over them; None for all rows."""
    if mask is None:
        return None, ptr.long()
    before = counts_to_ptr(mask)
    return mask.nonzero().squeeze(1), before[ptr.long()]


def _groups(ptr: Tensor, rows: Tensor | None, phi: Tensor) -> list[Group]:
    found = list(groups(ptr, max(1, _GROUP_ELEMENTS // max(1, phi.size(1)))))
    if rows is not None:
        for group in found:
            group.rows = rows[group.rows]
    return found


def _is_low_rank(group: Group, key_width: int, width: int, walk: Walk) -> bool:
    """Whether two products through the dk features cost less than the n x n matrix: by count of multiplications."""
    n = group.length
    return walk.affinity == "dot" and walk.shift is None and 4 * n * key_width * width < n * n * (key_width + width)
