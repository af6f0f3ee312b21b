"""From scores to transition probabilities, the formula of ViSERN's walk: over pairs of nodes and over edges."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from graphvtr.errors import DataError
from graphvtr.ops.segment_reduce import segment_reduce
from graphvtr.ops.segment_softmax import segment_softmax

Normalization = Literal["random_walk", "symmetric", "row"]
Affinity = Literal["dot", "softplus", "exp"]
NORMALIZATIONS, AFFINITIES = ("random_walk", "symmetric", "row"), ("dot", "softplus", "exp")

#: Degrees under ``affinity="dot"`` are kept this far from 0, with their sign.
DEGREE_EPS = 1e-6
#: Below it softplus(r) is exp(r) to the last bit of a float64, and its logarithm r.
EXPONENTIAL = -40.0


def check_walk_options(normalization: str, affinity: str, known: tuple[str, ...] = NORMALIZATIONS) -> None:
    """Raise DataError unless both are known."""
    if normalization not in known:
        raise DataError("normalization", f"is '{normalization}'", f"use one of {', '.join(known)}")
    if affinity not in AFFINITIES:
        raise DataError("affinity", f"is '{affinity}'", f"use one of {', '.join(AFFINITIES)}")


def pair_scores(phi: Tensor, theta: Tensor) -> Tensor:
    r"""R of Eq 1 for all pairs of the nodes of each graph, ``[B, n, dk]`` twice -> ``[B, n, n]``: one product for both
    terms, :math:`A + A^\top` with :math:`A = \varphi\theta^\top`."""
    half = phi @ theta.mT
    return half + half.mT


def edge_scores(phi: tuple[Tensor, Tensor], theta: tuple[Tensor, Tensor], source: Tensor, target: Tensor) -> Tensor:
    """The same along edges, ``[E]``: phi and theta of the nodes that send, ``[M, dk]``, and that hear, ``[N, dk]``."""
    forth = (phi[1][target] * theta[0][source]).sum(-1)
    return forth + (theta[1][target] * phi[0][source]).sum(-1)


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
    if not in_log_space(normalization, affinity):
        matrix = _mask(affinity_of(score, affinity), outside, 0.0)
        if normalization == "row":
            count = score.size(-1) if columns is None else columns.sum(-1).clamp(min=1)[..., None, None]
            return matrix / count
        degree = matrix.sum(-1, keepdim=True)
        if normalization == "random_walk":
            return matrix / guard_degree(degree, eps)
        return matrix * inverse_root(degree, eps) * inverse_root(matrix.sum(-2, keepdim=True), eps)
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
    weight: Tensor | None = None,
) -> Tensor:
    r"""The same over edges: row i are the edges into node i, column j those out of node j.

    Args:
        score: ``[E]``, R of each edge; edges sorted by target.
        source: ``[E]``.
        target: ``[E]``, sorted.
        target_ptr: ``[N + 1]``, where each target's edges begin.
        num_sources: number of nodes that edges may come from.
        normalization: as in :func:`transition_matrix`.
        affinity: as in :func:`transition_matrix`.
        eps: as in :func:`transition_matrix`.
        weight: ``[E]``, factors of the affinities A, not negative unless the affinity is ``"dot"``; 1 when None.

    Returns:
        ``[E]``, P of each edge; float32 for scores of half precision.
    """
    score = _widen(score)
    if not in_log_space(normalization, affinity):
        value = affinity_of(score, affinity)
        value = value if weight is None else value * weight
        if normalization == "row":
            return value / target_ptr.diff()[target]
        degree = segment_reduce(value, target_ptr)[target]
        if normalization == "random_walk":
            return value / guard_degree(degree, eps)
        out_degree = segment_reduce(*_by_source(value, source, num_sources))[source]
        return value * inverse_root(degree, eps) * inverse_root(out_degree, eps)
    log = log_affinity(score, affinity)
    if weight is not None:  # an edge of weight 0 is none: far below all others, and finite for the gradient's sake
        lowest = torch.finfo(log.dtype).min / 4
        log = torch.where(weight > 0, log + torch.where(weight > 0, weight, 1.0).to(log.dtype).log(), lowest)
    if normalization == "random_walk":
        return segment_softmax(log, target_ptr)
    out_degree = _log_sum_exp(*_by_source(log, source, num_sources))[source]
    return (log - (_log_sum_exp(log, target_ptr)[target] + out_degree) / 2).exp()


def in_log_space(normalization: str, affinity: str) -> bool:
    """Whether P is an exponential of differences of log A: nothing overflows, and no degree underflows."""
    return affinity != "dot" and normalization != "row"


def affinity_of(score: Tensor, affinity: str) -> Tensor:
    """A from R."""
    if affinity == "dot":
        return score
    return F.softplus(score) if affinity == "softplus" else score.exp()


def log_affinity(score: Tensor, affinity: str) -> Tensor:
    """The logarithm of softplus(score) or exp(score), exact where the affinity itself would be 0."""
    if affinity == "exp":
        return score
    bounded = score.clamp(min=EXPONENTIAL)
    return F.softplus(bounded).log() + (score - bounded)


def guard_degree(degree: Tensor, eps: float) -> Tensor:
    """Degrees nearer to 0 than ``eps`` moved to ``eps``, sign kept; those have no gradient."""
    sign = torch.where(degree < 0, -eps, eps).to(degree.dtype)
    return torch.where(degree.abs() < eps, sign, degree)


def inverse_root(degree: Tensor, eps: float) -> Tensor:
    """:math:`|D|^{-1/2}`, degrees kept ``eps`` away from 0."""
    return degree.abs().clamp(min=eps).rsqrt()


def _by_source(value: Tensor, source: Tensor, num_sources: int) -> tuple[Tensor, Tensor]:
    """The edges' values in the order of their sources, and where each source's begin."""
    ordered, order = torch.sort(source, stable=True)
    return value[order], torch.searchsorted(ordered, torch.arange(num_sources + 1, device=source.device))


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
