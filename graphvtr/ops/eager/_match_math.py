"""The arithmetic of ``local_match`` between the two matrix products, on similarities ``s`` [B, T, n].

B videos of T frames against n nodes. Softmax over the frames is written without its shift where the temperature
allows: its argument lies in 0..temperature. Names follow :func:`graphvtr.ops.local_match`.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from graphvtr.ops._segments import NORM_EPS, SIMILARITY_EPS

#: exp of this is far from the largest float32, also when summed over frames.
_SAFE_EXPONENT = 60.0


#: Rows and elements of a block on a CPU: the matrix product is at its full speed, the elements stay in a 2 MiB cache.
CPU_BLOCK = (320, 160 * 1024)


@dataclass(frozen=True)
class Options:
    """What a match is asked to do."""

    temperature: float
    fusion: str
    norm: str


@dataclass
class Run:
    """Videos with equally many frames: what of them enters a score beside the similarities."""

    norm: Tensor  # [B, T, 1] lengths of the frames
    gram: Tensor  # [B, T, T] their inner products; empty for fusion "sim"
    grad_norm: Tensor  # [B, T, 1] gradients, summed over blocks of nodes
    grad_gram: Tensor  # [B, T, T]


def attention(s: Tensor, options: Options) -> tuple[Tensor, Tensor]:
    """Unnormalised attention over the frames [B, T, n], and the norms it was computed with [B, 1, n]."""
    clipped = s.clamp(min=0)
    normed = clipped if options.norm == "clipped" else s
    # not vector_norm: over a dimension that is not the last it takes a multiple of the time of the products
    norm = torch.linalg.vecdot(normed, normed, dim=1).sqrt_().unsqueeze(1)
    exponent = clipped.mul_(options.temperature / (norm + SIMILARITY_EPS))
    if abs(options.temperature) > _SAFE_EXPONENT:
        exponent.sub_(exponent.amax(1, keepdim=True))
    return exponent.exp_(), norm


def node_scores(s: Tensor, run: Run, options: Options) -> Tensor:
    """What each node scores with each video, [B, n]."""
    weight, _ = attention(s, options)
    if options.fusion == "sim":
        return (weight * s).sum(1).div_(weight.sum(1))
    # the cosine does not change with the length of the attended vector: no need to divide by the sum of weights
    square = torch.bmm(run.gram, weight).mul_(weight).sum(1)
    total = weight.sum(1)
    inverse = _inverse_length(square.div_(total.square()))
    return weight.mul_(run.norm).mul_(s).sum(1).div_(total).mul_(inverse)


def node_gradients(s: Tensor, grad: Tensor, run: Run, options: Options) -> Tensor:
    """The gradient of the similarities [B, T, n] from that of the scores [B, n]; adds to the gradients in ``run``."""
    weight, norm = attention(s, options)
    weight.div_(weight.sum(1, keepdim=True))
    slope = _sim_slopes(s, weight) if options.fusion == "sim" else _embed_slopes(s, weight, grad, run)
    direct, exponent = slope
    # exponent -> similarity, through the norm over the frames
    clipped = s.clamp(min=0)
    padded = norm + SIMILARITY_EPS
    through_norm = (exponent * clipped).sum(1, keepdim=True).div_(padded * norm.clamp(min=SIMILARITY_EPS**2))
    normalised = clipped if options.norm == "clipped" else s
    result = exponent.mul_(s > 0).sub_(normalised * through_norm)
    return result.mul_(options.temperature / padded).add_(direct).mul_(grad.unsqueeze(1))


def _sim_slopes(s: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Slopes of :math:`\\sum_j a_j s_j` in the similarities themselves and in the exponents."""
    score = (weight * s).sum(1, keepdim=True)
    return weight, (s - score).mul_(weight)


def _embed_slopes(s: Tensor, weight: Tensor, grad: Tensor, run: Run) -> tuple[Tensor, Tensor]:
    """The same of :math:`y = \\sum_j a_j m_j s_j / \\sqrt{a^T G a}`; its slopes along a sum to 0 with weights a."""
    mixed = torch.bmm(run.gram, weight)  # [B, T, n] G a
    inverse = _inverse_length((mixed * weight).sum(1, keepdim=True))  # [B, 1, n]
    direct = weight * run.norm * inverse
    score = (direct * s).sum(1, keepdim=True)
    exponent = mixed.mul_(score * inverse.square()).neg_().add_(s * run.norm * inverse).mul_(weight)
    grad = grad.unsqueeze(1)
    run.grad_norm.add_((weight * s * (inverse * grad)).sum(2, keepdim=True))
    run.grad_gram.baddbmm_(weight * (score * inverse.square() * grad), weight.transpose(1, 2), alpha=-0.5)
    return direct, exponent


def _inverse_length(square: Tensor) -> Tensor:
    small = square <= NORM_EPS**2
    return square.masked_fill(small, 1.0).rsqrt_().masked_fill_(small, 0.0)
