"""Transition matrices of ViSERN's random walk, over dense scores and over edges."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from graphvtr.errors import DataError
from graphvtr.ops import segment_reduce, segment_softmax

Normalization = Literal["random_walk", "symmetric", "row", "none"]
Affinity = Literal["dot", "softplus", "exp"]
NORMALIZATIONS = ("random_walk", "symmetric", "row", "none")
AFFINITIES = ("dot", "softplus", "exp")

#: Degrees under ``affinity="dot"`` are kept this far from 0.
DEGREE_EPS = 1e-6
#: Below it softplus(r) is exp(r) to the last bit of a float64, and its logarithm r.
_EXPONENTIAL = -40.0


def check_options(normalization: str, affinity: str, num_steps: int, eps: float) -> None:
    """Raise DataError unless these are options of the walk."""
    for name, value, known in (("normalization", normalization, NORMALIZATIONS), ("affinity", affinity, AFFINITIES)):
        if value not in known:
            raise DataError(name, f"is '{value}'", f"use one of {', '.join(known)}")
    if num_steps < 1:
        raise DataError("num_steps", f"is {num_steps}", "give 1 or more")
    if eps <= 0:
        raise DataError("eps", f"is {eps}", "give a positive number")


def transition_matrix(
    score: Tensor,
    rows: Tensor | None = None,
    columns: Tensor | None = None,
    normalization: str = "random_walk",
    affinity: str = "dot",
    eps: float = DEGREE_EPS,
) -> Tensor:
    r"""P of many graphs from their scores R (ViSERN, Eq 7 and Table 3).

    With :math:`A = R` (``"dot"``), :math:`\operatorname{softplus}(R)` or :math:`\exp(R)`, row sums :math:`D` and
    column sums :math:`C` (equal where R is symmetric), P is :math:`D^{-1} A` (``"random_walk"``),
    :math:`D^{-1/2} A C^{-1/2}` (``"symmetric"``) or :math:`A / n` (``"row"``).

    A positive affinity is normalised by its logarithm, so that nothing overflows and no row sum underflows: rows of
    :math:`D^{-1}A` sum to 1 whatever the scores. A dot product has any sign: degrees are guarded instead, those
    nearer to 0 than ``eps`` are moved to ``eps`` with their sign, and ``"symmetric"`` takes :math:`|D|`.

    Args:
        score: ``[..., n, m]``, R.
        rows: ``[..., n]`` of bool, the rows that are nodes; None for all.
        columns: ``[..., m]`` of bool, the columns that are nodes; None for all.
        normalization: ``"random_walk"``, ``"symmetric"`` or ``"row"``.
        affinity: ``"dot"``, ``"softplus"`` or ``"exp"``.
        eps: bound on degrees under ``"dot"``.

    Returns:
        ``[..., n, m]``, 0 outside of ``rows`` and ``columns``; float32 for scores of half precision.
    """
    score = _widen(score)
    outside = _outside(rows, columns)
    if affinity == "dot" or normalization == "row":
        matrix = _mask(_affinity(score, affinity), outside, 0.0)
        if normalization == "row":
            count = score.size(-1) if columns is None else columns.sum(-1).clamp(min=1)[..., None, None]
            return matrix / count
        degree = matrix.sum(-1, keepdim=True)
        if normalization == "random_walk":
            return matrix / guard_degree(degree, eps)
        return matrix * _inverse_root(degree, eps) * _inverse_root(matrix.sum(-2, keepdim=True), eps)
    # a quarter of the lowest number instead of -inf: a row without nodes stays finite, and so does its gradient
    log = _mask(log_affinity(score, affinity), outside, torch.finfo(score.dtype).min / 4)
    if normalization == "random_walk":
        return _mask(log.softmax(-1), outside, 0.0)
    half_degrees = (log.logsumexp(-1, keepdim=True) + log.logsumexp(-2, keepdim=True)) / 2
    return _mask(_mask(log - half_degrees, outside, 0.0).exp(), outside, 0.0)


def edge_transition(
    score: Tensor,
    source: Tensor,
    target: Tensor,
    target_ptr: Tensor,
    num_sources: int,
    normalization: str = "random_walk",
    affinity: str = "dot",
    eps: float = DEGREE_EPS,
) -> Tensor:
    """The same over edges: row i are the edges into node i, column j those out of node j.

    Args:
        score: ``[E]``, R of each edge; edges sorted by target.
        source: ``[E]``.
        target: ``[E]``, sorted.
        target_ptr: ``[N + 1]``, where each target's edges begin.
        num_sources: number of nodes that edges may come from.
        normalization: as in :func:`transition_matrix`.
        affinity: as in :func:`transition_matrix`.
        eps: as in :func:`transition_matrix`.

    Returns:
        ``[E]``, P of each edge; float32 for scores of half precision.
    """
    score = _widen(score)
    if affinity == "dot" or normalization == "row":
        value = _affinity(score, affinity)
        if normalization == "row":
            return value / target_ptr.diff()[target]
        degree = segment_reduce(value, target_ptr)[target]
        if normalization == "random_walk":
            return value / guard_degree(degree, eps)
        by_source, source_ptr = sort_by(source, num_sources)
        return (
            value
            * _inverse_root(degree, eps)
            * _inverse_root(segment_reduce(value[by_source], source_ptr)[source], eps)
        )
    log = log_affinity(score, affinity)
    if normalization == "random_walk":
        return segment_softmax(log, target_ptr)
    by_source, source_ptr = sort_by(source, num_sources)
    out_degree = _log_sum_exp(log[by_source], source_ptr)[source]
    return (log - (_log_sum_exp(log, target_ptr)[target] + out_degree) / 2).exp()


def walk(matrix: Tensor, x: Tensor, num_steps: int) -> Tensor:
    """``matrix`` to the power ``num_steps`` times ``x`` [..., n, d], in the cheaper order."""
    matrix = matrix.to(x.dtype)
    if num_steps > 1 and x.size(-2) < x.size(-1):  # a product of two n x n beats one with d-wide features
        return torch.linalg.matrix_power(matrix, num_steps) @ x
    for _ in range(num_steps):
        x = matrix @ x
    return x


def guard_degree(degree: Tensor, eps: float) -> Tensor:
    """Degrees nearer to 0 than ``eps`` moved to ``eps``, sign kept; those have no gradient."""
    sign = torch.where(degree < 0, -eps, eps).to(degree.dtype)
    return torch.where(degree.abs() < eps, sign, degree)


def log_affinity(score: Tensor, affinity: str) -> Tensor:
    """The logarithm of softplus(score) or exp(score), exact where the affinity itself would be 0."""
    if affinity == "exp":
        return score
    bounded = score.clamp(min=_EXPONENTIAL)
    return F.softplus(bounded).log() + (score - bounded)


def sort_by(index: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """The stable order that sorts ``index`` [E], and where each of its ``size`` values then begins [size + 1]."""
    values, order = torch.sort(index, stable=True)
    return order, torch.searchsorted(values, torch.arange(size + 1, device=index.device))


def _affinity(score: Tensor, affinity: str) -> Tensor:
    if affinity == "dot":
        return score
    return F.softplus(score) if affinity == "softplus" else score.exp()


def _inverse_root(degree: Tensor, eps: float) -> Tensor:
    return degree.abs().clamp(min=eps).rsqrt()


def _log_sum_exp(log: Tensor, ptr: Tensor) -> Tensor:
    """Per segment; an empty one gets a value that nothing reads."""
    largest = segment_reduce(log.detach(), ptr, "max")
    shifted = (log - torch.repeat_interleave(largest, ptr.diff(), output_size=log.size(0))).exp()
    total = segment_reduce(shifted, ptr)
    return torch.where(total > 0, total, 1.0).log() + largest


def _outside(rows: Tensor | None, columns: Tensor | None) -> Tensor | None:
    if rows is None and columns is None:
        return None
    if rows is None or columns is None:
        known = rows[..., :, None] if rows is not None else columns[..., None, :]  # type: ignore[index]
        return ~known
    return ~(rows[..., :, None] & columns[..., None, :])


def _mask(value: Tensor, outside: Tensor | None, fill: float) -> Tensor:
    return value if outside is None else value.masked_fill(outside, fill)


def _widen(score: Tensor) -> Tensor:
    """Sums over neighbours are kept in float32 or better."""
    return score.float() if score.dtype in (torch.float16, torch.bfloat16) else score
