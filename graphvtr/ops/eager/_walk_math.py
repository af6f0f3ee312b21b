"""The small matrices of ``complete_graph_walk`` and their gradients, for dense batches of graphs [B, n, .]."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from graphvtr.ops.transition import (
    EXPONENTIAL,
    affinity_of,
    guard_degree,
    in_log_space,
    inverse_root,
    log_affinity,
    pair_scores,
    transition_matrix,
)


@dataclass(frozen=True)
class Walk:
    """What :func:`graphvtr.ops.complete_graph_walk` is asked to do; P is the matrix of one step."""

    normalization: str
    affinity: str
    steps: int
    eps: float
    shift: Tensor | None = None

    def logits(self, f: Tensor, t: Tensor) -> Tensor:
        """L = R + s."""
        logits = pair_scores(f, t)
        return logits if self.shift is None else logits.add_(self.shift)

    def folds(self, x: Tensor) -> bool:
        """Whether the power of P costs less than further products with x."""
        return x.size(1) <= x.size(2)

    def matrix(self, logits: Tensor) -> Tensor:
        """P from L."""
        return transition_matrix(logits, None, None, self.normalization, self.affinity, self.eps)

    def degree_scale(self, degree: Tensor) -> Tensor:
        """1 / D or |D|^-1/2, degrees kept away from 0."""
        if self.normalization == "symmetric":
            return inverse_root(degree, self.eps)
        return guard_degree(degree, self.eps).reciprocal_()

    def degree_gradient(self, grad_scale: Tensor, degree: Tensor, scale: Tensor) -> Tensor:
        """From the gradient of :meth:`degree_scale` to that of the degree: 0 where it was kept away from 0."""
        if self.normalization == "symmetric":
            grad = grad_scale * scale.pow(3) * degree.sign() * -0.5
        else:
            grad = -grad_scale * scale.square()
        return grad * (degree.abs() >= self.eps)

    def powers(self, matrix: Tensor) -> list[Tensor]:
        """P, P^2, ..., P^k."""
        found = [matrix]
        while len(found) < self.steps:
            found.append(torch.bmm(found[-1], matrix))
        return found

    def product_gradients(self, grad: Tensor, matrix: Tensor, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """From the gradient of P^k x: that of x as the two factors of a last product, and that of P."""
        back = matrix.transpose(1, 2)
        if not self.folds(x):
            states = [x]
            while len(states) < self.steps:
                states.append(torch.bmm(matrix, states[-1]))
            grad_matrix = torch.bmm(grad, states.pop().transpose(1, 2))
            while states:
                grad = torch.bmm(back, grad)
                grad_matrix.baddbmm_(grad, states.pop().transpose(1, 2))
            return back, grad, grad_matrix
        powers = self.powers(matrix)
        grad_power = torch.bmm(grad, x.transpose(1, 2))
        grad_matrix = torch.zeros_like(matrix)
        for power in reversed(powers[:-1]):  # P^(t+1) = P^t P
            grad_matrix.baddbmm_(power.transpose(1, 2), grad_power)
            grad_power = torch.bmm(grad_power, back)
        return powers[-1].transpose(1, 2), grad, grad_matrix.add_(grad_power)

    def matrix_gradient(self, grad: Tensor, logits: Tensor) -> Tensor:
        """From the gradient of P to that of L."""
        if in_log_space(self.normalization, self.affinity):
            return self._log_space_gradient(grad, logits)
        weight = affinity_of(logits, self.affinity)
        if self.normalization == "row":
            grad = grad / logits.size(1)
        else:
            degree = weight.sum(-1, keepdim=True)
            scale = self.degree_scale(degree)
            mixed = grad * weight
            if self.normalization == "random_walk":
                grad_scale, grad = mixed.sum(-1, keepdim=True), grad * scale
            else:
                columns = scale.transpose(1, 2)
                grad_scale = (mixed * columns).sum(-1, keepdim=True) + (mixed * scale).sum(1).unsqueeze(-1)
                grad = grad * scale * columns
            grad = grad + self.degree_gradient(grad_scale, degree, scale)
        if self.affinity == "dot":
            return grad
        return grad * (torch.sigmoid(logits) if self.affinity == "softplus" else weight)

    def _log_space_gradient(self, grad: Tensor, logits: Tensor) -> Tensor:
        softmax = torch.softmax(log_affinity(logits, self.affinity), -1)
        if self.normalization == "random_walk":
            result = softmax * (grad - (grad * softmax).sum(-1, keepdim=True))
        else:
            mixed = grad * self.matrix(logits)
            grad_total = -(mixed.sum(-1) + mixed.sum(-2)).unsqueeze(-1) / 2
            result = mixed + grad_total * softmax
        if self.affinity == "exp":
            return result
        bounded = logits.clamp(min=EXPONENTIAL)
        return result * torch.sigmoid(bounded).div_(F.softplus(bounded))  # 1 below: there log R = L


def low_rank_walk(f: Tensor, t: Tensor, x: Tensor, walk: Walk) -> Tensor:
    """P^k x with dot products as weights and no n x n matrix: every product goes through the dk features."""
    scale, _ = _scales(f, t, walk)
    for _ in range(walk.steps):
        x = _step(f, t, x, scale, walk)
    return x


def _step(f: Tensor, t: Tensor, x: Tensor, scale: Tensor, walk: Walk) -> Tensor:
    return _product(f, t, x * scale if walk.normalization == "symmetric" else x).mul_(scale)


def low_rank_backward(grad: Tensor, f: Tensor, t: Tensor, x: Tensor, walk: Walk) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of phi, theta and x of :func:`low_rank_walk`."""
    scale, degree = _scales(f, t, walk)
    states = [x]
    while len(states) < walk.steps:
        states.append(_step(f, t, states[-1], scale, walk))
    grad_f, grad_t, grad_scale = torch.zeros_like(f), torch.zeros_like(t), torch.zeros_like(scale)
    symmetric = walk.normalization == "symmetric"
    for state in reversed(states):  # next = scale * R (scale * state), the inner scale only where symmetric
        inner = state * scale if symmetric else state
        grad_scale.add_((grad * _product(f, t, inner)).sum(-1, keepdim=True))
        grad_inner = _product_gradients(f, t, inner, grad * scale, grad_f, grad_t)
        if symmetric:
            grad_scale.add_((grad_inner * state).sum(-1, keepdim=True))
        grad = grad_inner * scale if symmetric else grad_inner
    if walk.normalization != "row":
        grad_degree = walk.degree_gradient(grad_scale, degree, scale)
        _product_gradients(f, t, torch.ones_like(degree), grad_degree, grad_f, grad_t)
    return grad_f, grad_t, grad


def _product(f: Tensor, t: Tensor, w: Tensor) -> Tensor:
    """R w = phi (theta^T w) + theta (phi^T w)."""
    return torch.bmm(f, torch.bmm(t.transpose(1, 2), w)).baddbmm_(t, torch.bmm(f.transpose(1, 2), w))


def _product_gradients(f: Tensor, t: Tensor, w: Tensor, grad: Tensor, grad_f: Tensor, grad_t: Tensor) -> Tensor:
    """The gradient of w; those of phi and theta are added to ``grad_f`` and ``grad_t``."""
    through_t, through_f = torch.bmm(t.transpose(1, 2), grad), torch.bmm(f.transpose(1, 2), grad)  # [B, dk, d]
    for result, own, other in ((grad_f, t, through_t), (grad_t, f, through_f)):
        result.baddbmm_(grad, torch.bmm(w.transpose(1, 2), own)).baddbmm_(w, other.transpose(1, 2))
    return torch.bmm(f, through_t).baddbmm_(t, through_f)


def _scales(f: Tensor, t: Tensor, walk: Walk) -> tuple[Tensor, Tensor]:
    """What one step multiplies its rows with (and its columns, where symmetric), and the degrees [B, n, 1]."""
    degree = _product(f, t, f.new_ones(f.size(0), f.size(1), 1))
    if walk.normalization == "row":
        return torch.full_like(degree, 1 / f.size(1)), degree
    return walk.degree_scale(degree), degree
