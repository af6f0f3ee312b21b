"""Random walk on complete graphs whose edge weights come from the features of their nodes (ViSERN)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from graphvtr.errors import DataError
from graphvtr.ops._backend import requested_backend, resolve, run
from graphvtr.ops._segments import (
    accumulate_dtype,
    check_float,
    check_ptr,
    check_ptr_values,
    equal_length,
    promote,
)
from graphvtr.ops.transition import (
    DEGREE_EPS,
    Affinity,
    Normalization,
    check_walk_options,
    pair_scores,
    transition_matrix,
)

#: Logits are kept for backward where they take at most one over this of the features' memory.
KEPT_SHARE = 8


def complete_graph_walk(
    phi: Tensor,
    theta: Tensor,
    x: Tensor,
    ptr: Tensor | None = None,
    mask: Tensor | None = None,
    normalization: Normalization = "random_walk",
    affinity: Affinity = "dot",
    steps: int = 1,
    eps: float = DEGREE_EPS,
    shift: Tensor | None = None,
) -> Tensor:
    r"""Walk ``steps`` times over the complete graph of every segment: :math:`Y = P^k X` (ViSERN, Eq 1, 7, 12).

    The graph of n nodes, self loops included, has the symmetric logits :math:`L` and the weights :math:`R`:

    .. math::
        L_{ij} = \langle \varphi_i, \theta_j \rangle + \langle \theta_i, \varphi_j \rangle + s, \qquad
        R = L, \; \operatorname{softplus}(L) \text{ or } \exp(L), \qquad D_{ii} = \sum_j R_{ij}

    ======================  =====================================================================
    ``normalization``        :math:`P`
    ======================  =====================================================================
    ``"random_walk"``        :math:`D^{-1} R`; with ``affinity="exp"`` a softmax over the row
    ``"symmetric"``          :math:`|D|^{-1/2} R \, |D|^{-1/2}`
    ``"row"``                :math:`R / n`, without degrees
    ======================  =====================================================================

    With ``affinity="dot"`` (Eq 1 as printed) a degree may have either sign and be near 0: :math:`|D_{ii}|` is kept at
    least ``eps``, with the sign of :math:`D_{ii}`. The positive affinities are normalised by their logarithms except
    under ``"row"``: nothing overflows, and rows of :math:`D^{-1} R` sum to 1 whatever the logits.

    The matrices are small (n of 36 against 2048 features): k steps become one n x n matrix before x is touched, unless
    n exceeds the width of x; and where n exceeds what a product through the d_k features costs,
    :math:`R V = \varphi (\theta^\top V) + \theta (\varphi^\top V)` is used and no n x n matrix is built.

    Args:
        phi: ``[R, dk]``, the nodes of all graphs end to end, or ``[B, n, dk]``.
        theta: like ``phi``.
        x: ``[R, d]`` or ``[B, n, d]``, what walks.
        ptr: ``[N + 1]``, where each graph's nodes begin; for flat features only.
        mask: ``[B, n]`` bool, which nodes exist; for batched features only. All of them when None.
        normalization: how R becomes P.
        affinity: how logits become weights.
        steps: the number of steps k, at least 1.
        eps: the least absolute degree.
        shift: a number (0-dimensional), s: added to every logit; 0 when None.

    Returns:
        Like ``x``; 0 for a node that the mask leaves out.

    Raises:
        DataError: shapes or dtypes that do not go together, an unknown option, steps below 1, or (on a CPU) a
            pointer that does not fit.

    Example:
        >>> import torch
        >>> one = torch.ones(3, 1)
        >>> x = torch.tensor([[0.0], [2.0], [7.0]])
        >>> complete_graph_walk(one, one, x, ptr=torch.tensor([0, 2, 3])).tolist()
        [[1.0], [1.0], [7.0]]
    """
    check_walk(phi, theta, x, ptr, mask, normalization, affinity, steps, shift)
    dtype, shape = promote(phi, theta, x), x.shape
    if ptr is None:
        ptr = torch.arange(x.size(0) + 1, device=x.device) * x.size(1)
        phi, theta, x = (value.flatten(0, 1) for value in (phi, theta, x))
        mask = None if mask is None else mask.flatten()
    phi, theta, x = (value.to(dtype) for value in (phi, theta, x))
    shift = None if shift is None else shift.to(dtype)
    options = (normalization, affinity, int(steps), float(eps))
    nodes = _kept_nodes(phi, x, ptr, shape) if mask is None else 0
    out, _ = _complete_graph_walk(phi, theta, x, ptr, mask, shift, *options, requested_backend(), nodes)
    return out.view(shape)


def _kept_nodes(phi: Tensor, x: Tensor, ptr: Tensor, shape: torch.Size) -> int:
    """The nodes n of every graph, where their logits [n, n] are worth keeping for backward: small beside the features,
    and computed by products of PyTorch. Else 0."""
    traced = torch.compiler.is_compiling() or type(x) is not Tensor  # fake tensors, say
    if traced or x.device.type != "cpu" or not torch.is_grad_enabled():
        return 0
    if resolve("complete_graph_walk", requested_backend(), x.device, x.dtype, x.numel()) != "torch":
        return 0
    nodes = shape[1] if len(shape) == 3 else equal_length(ptr, x)
    return nodes if nodes * KEPT_SHARE <= min(phi.size(1), x.size(1)) else 0


def check_walk(
    phi: Tensor,
    theta: Tensor,
    x: Tensor,
    ptr: Tensor | None,
    mask: Tensor | None,
    normalization: str,
    affinity: str,
    steps: int,
    shift: Tensor | None = None,
) -> None:
    """Raise DataError unless the arguments of :func:`complete_graph_walk` go together."""
    dims, shape = (3, "[B, n, .]") if ptr is None else (2, "[R, .] with ptr")
    for name, value in (("phi", phi), ("theta", theta), ("x", x)):
        check_float(name, value)
        if value.dim() != dims or value.shape[:-1] != x.shape[:-1]:
            raise DataError(name, f"has shape {list(value.shape)}", f"give phi, theta and x as {shape}")
    if phi.shape != theta.shape:
        raise DataError("theta", f"has shape {list(theta.shape)}", f"give that of phi, {list(phi.shape)}")
    if ptr is not None:
        check_ptr("ptr", ptr)
    if mask is not None and (ptr is not None or mask.dtype != torch.bool or mask.shape != x.shape[:-1]):
        raise DataError("mask", f"is {mask.dtype} of shape {list(mask.shape)}", "give bool [B, n] beside [B, n, .]")
    check_walk_options(normalization, affinity)
    if steps < 1:
        raise DataError("steps", f"is {steps}", "walk at least 1 step")
    if shift is not None and shift.dim():
        raise DataError("shift", f"has shape {list(shift.shape)}", "give one number")


def complete_graph_walk_reference(
    phi: Tensor,
    theta: Tensor,
    x: Tensor,
    ptr: Tensor,
    normalization: str = "random_walk",
    affinity: str = "dot",
    steps: int = 1,
    eps: float = DEGREE_EPS,
    shift: Tensor | None = None,
) -> Tensor:
    """The plain form of :func:`complete_graph_walk`: one graph at a time, P built, k products with x."""
    dtype, out = accumulate_dtype(x.dtype), [x.new_zeros(0, x.size(1), dtype=accumulate_dtype(x.dtype))]
    for begin, end in zip(ptr[:-1].tolist(), ptr[1:].tolist(), strict=True):
        f, t, y = (value[begin:end].to(dtype) for value in (phi, theta, x))
        logits = pair_scores(f, t)
        logits = logits if shift is None else logits + shift
        walk = transition_matrix(logits, None, None, normalization, affinity, eps) if end > begin else logits
        for _ in range(steps):
            y = walk @ y
        out.append(y)
    return torch.cat(out).to(x.dtype)


@torch.library.custom_op("graphvtr::complete_graph_walk", mutates_args=())
def _complete_graph_walk(
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
    backend: str,
    nodes: int = 0,
) -> tuple[Tensor, Tensor]:
    check_ptr_values("ptr", ptr, x.size(0))
    args = (phi, theta, x, ptr, mask, shift, normalization, affinity, steps, eps)
    kept = _room_for_logits(x, nodes)
    out: Tensor = run("complete_graph_walk", "forward", backend, x, *args, *[kept] * bool(nodes))
    return out, kept


@torch.library.custom_op("graphvtr::complete_graph_walk_backward", mutates_args=())
def _complete_graph_walk_backward(
    grad: Tensor,
    phi: Tensor,
    theta: Tensor,
    x: Tensor,
    ptr: Tensor,
    mask: Tensor | None,
    shift: Tensor | None,
    kept: Tensor,
    normalization: str,
    affinity: str,
    steps: int,
    eps: float,
    backend: str,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    args = (grad, phi, theta, x, ptr, mask, shift, normalization, affinity, steps, eps)
    found = run("complete_graph_walk", "backward", backend, x, *args, *[kept] * bool(kept.numel()))
    grad_phi, grad_theta, grad_x, grad_shift = found
    return grad_phi, grad_theta, grad_x, grad_shift


def _room_for_logits(x: Tensor, nodes: int) -> Tensor:
    """[graphs, nodes, nodes], or nothing."""
    return x.new_empty(x.size(0) // nodes if nodes else 0, nodes, nodes, dtype=accumulate_dtype(x.dtype))


@_complete_graph_walk.register_fake
def _(phi: Tensor, theta: Tensor, x: Tensor, *rest: Any, nodes: int = 0) -> tuple[Tensor, Tensor]:
    return x.new_empty(x.shape), _room_for_logits(x, rest[8] if len(rest) > 8 else nodes)


@_complete_graph_walk_backward.register_fake
def _(grad: Tensor, phi: Tensor, theta: Tensor, x: Tensor, *rest: Any) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    return phi.new_empty(phi.shape), theta.new_empty(theta.shape), x.new_empty(x.shape), x.new_empty(())


def _save(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    tensors, ctx.options = inputs[:6], inputs[6:11]
    ctx.save_for_backward(*tensors, output[1])
    ctx.set_materialize_grads(False)


def _gradients(ctx: Any, grad: Tensor | None, _: Tensor | None) -> tuple[Tensor | None, ...]:
    if grad is None:
        return (None,) * 12
    *grads, grad_shift = _complete_graph_walk_backward(grad, *ctx.saved_tensors, *ctx.options)
    return (*grads, None, None, None if ctx.saved_tensors[5] is None else grad_shift, *[None] * 6)


_complete_graph_walk.register_autograd(_gradients, setup_context=_save)
