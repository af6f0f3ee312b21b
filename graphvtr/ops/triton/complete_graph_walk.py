"""Triton kernels of ``complete_graph_walk``: one program a graph, its n x n matrices in registers.

The features are read in blocks of columns: forward reads phi, theta and x once and writes the result once, whatever
the number of steps. Ragged graphs cost what they have, not what the largest one has.
"""

from __future__ import annotations

import torch
from torch import Tensor

from graphvtr.ops._segments import longest
from graphvtr.ops.eager import complete_graph_walk as eager
from graphvtr.ops.triton._launch import block_of, leave_to_torch, product, tl, triton

#: The largest graph whose matrices a program holds; larger ones go to the torch backend.
MAX_NODES = 64
BLOCK_D = 32
#: No variants of a kernel for these; widths keep theirs, rows that 16 divides are read in wider words.
SIZES = ("eps", "steps")


@triton.jit
def load_rows(x, begin, alive, start, width, NODES: tl.constexpr, BLOCK: tl.constexpr):
    """Columns ``start``.. of the graph's rows as a tile, 0 outside."""
    row, column = tl.arange(0, NODES), start + tl.arange(0, BLOCK)
    inside = alive[:, None] & (column < width)[None, :]
    return tl.load(x + (begin + row)[:, None] * width + column[None, :], mask=inside, other=0.0)


@triton.jit
def store_rows(x, value, begin, n, start, width, NODES: tl.constexpr, BLOCK: tl.constexpr):
    row, column = tl.arange(0, NODES), start + tl.arange(0, BLOCK)
    inside = (row < n)[:, None] & (column < width)[None, :]
    tl.store(x + (begin + row)[:, None] * width + column[None, :], value, mask=inside)


@triton.jit
def graph_of(ptr, mask, NODES: tl.constexpr, MASKED: tl.constexpr):
    """Where the program's graph begins, its rows, and which of them are nodes."""
    graph, row = tl.program_id(0).to(tl.int64), tl.arange(0, NODES)
    begin = tl.load(ptr + graph).to(tl.int64)
    n = (tl.load(ptr + graph + 1).to(tl.int64) - begin).to(tl.int32)
    alive = row < n
    if MASKED:
        alive = alive & (tl.load(mask + begin + row, mask=alive, other=0) != 0)
    return begin, n, alive


@triton.jit
def logits_of(phi, theta, shift, begin, alive, width, SHIFTED: tl.constexpr, NODES: tl.constexpr, BLOCK: tl.constexpr):
    """L = A + A^T + s with A = phi theta^T."""
    a = tl.zeros([NODES, NODES], tl.float32)
    for start in range(0, width, BLOCK):
        f = load_rows(phi, begin, alive, start, width, NODES, BLOCK)
        t = load_rows(theta, begin, alive, start, width, NODES, BLOCK)
        a += product(f, tl.trans(t))
    logits = a + tl.trans(a)
    if SHIFTED:
        logits += tl.load(shift).to(tl.float32)
    return logits


@triton.jit
def softmax_of(logits, valid):
    """The softmax over the rows, and the logarithms of their sums."""
    largest = tl.max(tl.where(valid, logits, float("-inf")), axis=1)
    largest = tl.where(largest == float("-inf"), 0.0, largest)
    weight = tl.where(valid, tl.exp(logits - largest[:, None]), 0.0)
    total = tl.sum(weight, axis=1)
    total = tl.where(total == 0, 1.0, total)
    return weight / total[:, None], largest + tl.log(total)


@triton.jit
def softplus_of(logits):
    """log(1 + exp(L)); for L far below 0, where the sum with 1 would lose it, exp(L)."""
    small = tl.exp(-tl.abs(logits))
    return tl.maximum(logits, 0.0) + tl.where(small < 1e-4, small * (1.0 - 0.5 * small), tl.log(1.0 + small))


@triton.jit
def weights_of(logits, valid, AFFINITY: tl.constexpr):
    if AFFINITY == "softplus":
        logits = softplus_of(logits)
    elif AFFINITY == "exp":
        logits = tl.exp(logits)
    return tl.where(valid, logits, 0.0)


@triton.jit
def log_weights_of(logits, AFFINITY: tl.constexpr):
    """log R, for positive R."""
    if AFFINITY == "softplus":
        bounded = tl.maximum(logits, -40.0)
        logits = tl.log(softplus_of(bounded)) + (logits - bounded)
    return logits


@triton.jit
def scale_of(degree, eps, SYMMETRIC: tl.constexpr):
    """1 / D or |D|^-1/2, degrees kept away from 0."""
    if SYMMETRIC:
        return 1.0 / tl.sqrt(tl.maximum(tl.abs(degree), eps))
    return 1.0 / tl.where(degree < 0, tl.minimum(degree, -eps), tl.maximum(degree, eps))


@triton.jit
def matrix_of(logits, valid, n, eps, NORMALIZATION: tl.constexpr, AFFINITY: tl.constexpr):
    """P from L."""
    if AFFINITY != "dot" and NORMALIZATION == "random_walk":
        matrix, _ = softmax_of(log_weights_of(logits, AFFINITY), valid)
    elif AFFINITY != "dot" and NORMALIZATION == "symmetric":
        log = log_weights_of(logits, AFFINITY)
        _, total = softmax_of(log, valid)
        matrix = tl.where(valid, tl.exp(log - (total[:, None] + total[None, :]) * 0.5), 0.0)
    else:
        matrix = weights_of(logits, valid, AFFINITY)
        if NORMALIZATION == "row":
            matrix = matrix / tl.maximum(n, 1)
        else:
            scale = scale_of(tl.sum(matrix, axis=1), eps, NORMALIZATION == "symmetric")
            matrix = matrix * scale[:, None]
            if NORMALIZATION == "symmetric":
                matrix = matrix * scale[None, :]
    return matrix


@triton.jit
def matrix_gradient(grad, logits, valid, n, eps, NORMALIZATION: tl.constexpr, AFFINITY: tl.constexpr):
    """From the gradient of P to that of L."""
    if AFFINITY != "dot" and NORMALIZATION == "random_walk":
        matrix, _ = softmax_of(log_weights_of(logits, AFFINITY), valid)
        result = matrix * (grad - tl.sum(grad * matrix, axis=1)[:, None])
    elif AFFINITY != "dot" and NORMALIZATION == "symmetric":
        softmax, _ = softmax_of(log_weights_of(logits, AFFINITY), valid)
        mixed = grad * matrix_of(logits, valid, n, eps, NORMALIZATION, AFFINITY)
        result = mixed - softmax * ((tl.sum(mixed, axis=1) + tl.sum(tl.trans(mixed), axis=1)) * 0.5)[:, None]
    else:
        weight = weights_of(logits, valid, AFFINITY)
        if NORMALIZATION == "row":
            result = grad / tl.maximum(n, 1)
        else:
            degree = tl.sum(weight, axis=1)
            scale = scale_of(degree, eps, NORMALIZATION == "symmetric")
            mixed = grad * weight
            if NORMALIZATION == "symmetric":
                of_scale = tl.sum(mixed * scale[None, :], axis=1) + tl.sum(tl.trans(mixed * scale[:, None]), axis=1)
                sign = tl.where(degree < 0, -1.0, 1.0)
                of_degree = -0.5 * of_scale * scale * scale * scale * sign
                result = grad * scale[:, None] * scale[None, :]
            else:
                of_degree = -tl.sum(mixed, axis=1) * scale * scale
                result = grad * scale[:, None]
            result = result + tl.where(tl.abs(degree) >= eps, of_degree, 0.0)[:, None]
        if AFFINITY == "softplus":
            result = result / (1.0 + tl.exp(-logits))
        elif AFFINITY == "exp":
            result = result * weight
    if AFFINITY == "softplus" and NORMALIZATION != "row":
        bounded = tl.maximum(logits, -40.0)
        result = result / ((1.0 + tl.exp(-bounded)) * softplus_of(bounded))
    return tl.where(valid, result, 0.0)


@triton.jit(do_not_specialize=SIZES)
def forward_kernel(
    phi, theta, x, ptr, mask, shift, out, key_width, width, eps, steps,
    NORMALIZATION: tl.constexpr, AFFINITY: tl.constexpr, MASKED: tl.constexpr, SHIFTED: tl.constexpr,
    NODES: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    begin, n, alive = graph_of(ptr, mask, NODES, MASKED)
    valid, count = alive[:, None] & alive[None, :], tl.sum(alive.to(tl.int32), axis=0)
    logits = logits_of(phi, theta, shift, begin, alive, key_width, SHIFTED, NODES, BLOCK)
    matrix = matrix_of(logits, valid, count, eps, NORMALIZATION, AFFINITY)
    power = matrix
    for _ in range(steps - 1):
        power = product(power, matrix)
    for start in range(0, width, BLOCK):
        rows = load_rows(x, begin, alive, start, width, NODES, BLOCK)
        store_rows(out, product(power, rows), begin, n, start, width, NODES, BLOCK)


@triton.jit(do_not_specialize=SIZES)
def backward_kernel(
    grad, phi, theta, x, ptr, mask, shift, grad_phi, grad_theta, grad_x, grad_shift, key_width, width, eps, steps,
    NORMALIZATION: tl.constexpr, AFFINITY: tl.constexpr, MASKED: tl.constexpr, SHIFTED: tl.constexpr,
    NODES: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    begin, n, alive = graph_of(ptr, mask, NODES, MASKED)
    valid, count = alive[:, None] & alive[None, :], tl.sum(alive.to(tl.int32), axis=0)
    logits = logits_of(phi, theta, shift, begin, alive, key_width, SHIFTED, NODES, BLOCK)
    back = tl.trans(matrix_of(logits, valid, count, eps, NORMALIZATION, AFFINITY))
    power_back = back
    for _ in range(steps - 1):
        power_back = product(back, power_back)
    of_power = tl.zeros([NODES, NODES], tl.float32)
    for start in range(0, width, BLOCK):
        flow = load_rows(grad, begin, alive, start, width, NODES, BLOCK)
        rows = load_rows(x, begin, alive, start, width, NODES, BLOCK)
        of_power += product(flow, tl.trans(rows))
        store_rows(grad_x, product(power_back, flow), begin, n, start, width, NODES, BLOCK)
    of_matrix = tl.zeros([NODES, NODES], tl.float32)
    for taken in range(steps - 1):  # P^(t + 1) = P^t P, t = steps - 1, ..., 1
        lower = back
        for _ in range(steps - 2 - taken):
            lower = product(back, lower)
        of_matrix += product(lower, of_power)
        of_power = product(of_power, back)
    of_logits = matrix_gradient(of_matrix + of_power, logits, valid, count, eps, NORMALIZATION, AFFINITY)
    if SHIFTED:
        tl.store(grad_shift + tl.program_id(0), tl.sum(tl.sum(of_logits, axis=1), axis=0))
    sides = of_logits + tl.trans(of_logits)
    for start in range(0, key_width, BLOCK):
        f = load_rows(phi, begin, alive, start, key_width, NODES, BLOCK)
        t = load_rows(theta, begin, alive, start, key_width, NODES, BLOCK)
        store_rows(grad_phi, product(sides, t), begin, n, start, key_width, NODES, BLOCK)
        store_rows(grad_theta, product(sides, f), begin, n, start, key_width, NODES, BLOCK)


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
) -> Tensor:
    """What has walked, like x."""
    nodes = _padded_nodes(ptr)
    if nodes == 0:
        return eager.forward(phi, theta, x, ptr, mask, shift, normalization, affinity, steps, eps)
    phi, theta, x, ptr = (value.contiguous() for value in (phi, theta, x, ptr))
    out = torch.empty_like(x)
    forward_kernel[(ptr.size(0) - 1,)](
        phi, theta, x, ptr, x if mask is None else mask.contiguous(), x if shift is None else shift, out,
        phi.size(1), x.size(1), eps, steps, normalization, affinity, mask is not None, shift is not None,
        nodes, BLOCK_D, num_warps=4,
    )  # fmt: skip
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
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Gradients of phi, theta, x and the shift."""
    nodes = _padded_nodes(ptr)
    if nodes == 0:
        return eager.backward(grad, phi, theta, x, ptr, mask, shift, normalization, affinity, steps, eps)
    grad, phi, theta, x, ptr = (value.contiguous() for value in (grad, phi, theta, x, ptr))
    grad_phi, grad_theta, grad_x = torch.empty_like(phi), torch.empty_like(theta), torch.empty_like(x)
    grad_shift = x.new_zeros(ptr.size(0) - 1, dtype=torch.float32)
    backward_kernel[(ptr.size(0) - 1,)](
        grad, phi, theta, x, ptr, x if mask is None else mask.contiguous(), x if shift is None else shift,
        grad_phi, grad_theta, grad_x, grad_shift, phi.size(1), x.size(1), eps, steps,
        normalization, affinity, mask is not None, shift is not None, nodes, BLOCK_D, num_warps=8,
    )  # fmt: skip
    return grad_phi, grad_theta, grad_x, grad_shift.sum().to(x.dtype)


def _padded_nodes(ptr: Tensor) -> int:
    """Rows of a tile that holds the largest graph; 0 for what the kernels do not do."""
    largest = longest(ptr)
    if largest > MAX_NODES:
        leave_to_torch("complete_graph_walk", f"a graph has more than {MAX_NODES} nodes")
    return block_of(largest, least=16) if 0 < largest <= MAX_NODES else 0
