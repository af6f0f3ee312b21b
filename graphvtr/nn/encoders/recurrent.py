"""A bidirectional LSTM or GRU over ragged sequences that trains at the speed of its matrix products on a CPU.

PyTorch's own loop computes the gradient of the recurrent weights one time step at a time and, for each step, fills
a tensor as large as the whole batch's gates with zeros. Here a step of the backward pass is one matrix product, and
the weights' gradient is a single product over all words (``benchmarks/speed/hgr_step.py`` compares). Elsewhere
PyTorch's network runs as it is: on other devices, and for an LSTM over sequences of one length, for which it has
oneDNN.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.utils.rnn import PackedSequence

from graphvtr.ops.csr import counts_to_ptr, inverse_order, time_major
from graphvtr.ops.products import linear, packed, pays, product
from graphvtr.ops.recurrence import recurrence


def run_sequences(rnn: nn.LSTM | nn.GRU, x: Tensor, ptr: Tensor) -> Tensor:
    """Outputs of a network of one layer for every element of its sequences, [W, D], or [W, 2 D] in both directions.

    Args:
        rnn: the network.
        x: [W, I], the elements of all sequences, end to end.
        ptr: [N + 1], where each sequence begins.
    """
    if torch.compiler.is_exporting():
        return recurrence(rnn, x, ptr)
    order, batch_sizes = time_major(ptr, x.device)
    rows = x.index_select(0, order)
    if rnn.bidirectional:
        out = run_bidirectional(rnn, rows, batch_sizes)
    else:
        out = rnn(PackedSequence(rows, batch_sizes))[0].data
    return out.index_select(0, inverse_order(order))


def run_bidirectional(rnn: nn.LSTM | nn.GRU, x: Tensor, batch_sizes: Tensor) -> Tensor:
    """Outputs of both directions, [W, 2 D], of a network with one layer.

    Args:
        rnn: a bidirectional network of one layer.
        x: [W, I], the rows of a :class:`torch.nn.utils.rnn.PackedSequence`: the first words of all sequences,
            longest sequence first, then the second words, and so on.
        batch_sizes: [T], how many sequences have a t-th word; on the CPU.
    """
    one_length = int(batch_sizes[0]) == int(batch_sizes[-1])
    # not under autocast: oneDNN's LSTM would run in a half precision that many processors lack, and fail
    plain = x.dtype == torch.float32 and not torch.is_autocast_enabled("cpu")
    has_onednn = isinstance(rnn, nn.LSTM) and plain and torch.backends.mkldnn.is_available()
    if x.device.type != "cpu" or (one_length and has_onednn):
        return rnn(PackedSequence(x, batch_sizes))[0].data  # type: ignore[no-any-return]
    return _run_on_cpu(rnn, x, batch_sizes)


@torch.compiler.disable  # a loop over time, of another length for every batch
def _run_on_cpu(rnn: nn.LSTM | nn.GRU, x: Tensor, batch_sizes: Tensor) -> Tensor:
    sizes, flipped = batch_sizes.tolist(), _flip_in_time(batch_sizes)
    cell = _LSTM if isinstance(rnn, nn.LSTM) else _GRU
    outputs = []
    for suffix, order in (("", None), ("_reverse", flipped)):
        w_ih, w_hh, b_ih, b_hh = (
            getattr(rnn, f"{name}_l0{suffix}") for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        )
        gates = linear(x if order is None else x.index_select(0, order), w_ih, b_ih)
        out = cell.apply(gates, w_hh, b_hh, sizes)
        outputs.append(out if order is None else out.index_select(0, order))
    return torch.cat(outputs, 1)


def _flip_in_time(batch_sizes: Tensor) -> Tensor:
    """The permutation of the rows that reverses every sequence (its own inverse)."""
    begin = counts_to_ptr(batch_sizes)
    length = (torch.arange(int(batch_sizes[0])) < batch_sizes[:, None]).sum(0)  # [N]
    step = torch.repeat_interleave(batch_sizes)  # [W]
    sequence = torch.arange(int(begin[-1])) - begin[step]
    return begin[length[sequence] - 1 - step] + sequence


def _steps(sizes: list[int]) -> list[tuple[int, int]]:
    """Where the rows of each time step begin and end."""
    steps, begin = [], 0
    for size in sizes:
        steps.append((begin, begin + size))
        begin += size
    return steps


class _StepProducts:
    """The recurrent weight [G, D] against the rows of a step, laid out once for all steps where that pays."""

    def __init__(self, weight: Tensor, sizes: list[int], back: bool = False) -> None:
        self.weight, self.packed = weight, None
        if pays(weight, weight, sizes[0]):
            self.packed = packed(weight.t() if back else weight, sizes[0])

    def gates(self, hidden: Tensor, bias: Tensor) -> Tensor:
        """``hidden @ weight.T + bias``. MKL's product of a tall and a narrow matrix is up to twice as fast as that of a
        flat one and a wide one."""
        if self.packed is not None:
            return product(hidden, self.packed, bias)
        return (self.weight @ hidden.t()).t().contiguous().add_(bias)

    def carry(self, grad: Tensor) -> Tensor:
        """``grad @ weight``."""
        return grad @ self.weight if self.packed is None else product(grad, self.packed)


def _previous(state: Tensor, sizes: list[int]) -> Tensor:
    """The state before each row: that of the same sequence one step earlier, 0 at the first."""
    before = torch.empty_like(state)
    before[: sizes[0]] = 0
    earlier = 0
    for (begin, end), size in zip(_steps(sizes)[1:], sizes, strict=False):
        before[begin:end] = state[earlier : earlier + end - begin]
        earlier += size
    return before


def _times_one_minus(x: Tensor, y: Tensor, out: Tensor) -> Tensor:
    """x (1 - y), written to ``out``."""
    return torch.addcmul(x, x, y, value=-1, out=out)


class _GRU(torch.autograd.Function):
    """One direction: r, z = σ(x + Wh), n = tanh(x + r (Wh)), h' = n + z (h - n)."""

    @staticmethod
    @torch.amp.custom_fwd(device_type="cpu", cast_inputs=torch.float32)
    def forward(ctx: Any, gates: Tensor, weight: Tensor, bias: Tensor, sizes: list[int]) -> Tensor:
        """Hidden states [W, D] from the input's part of the gates [W, 3 D]."""
        width = weight.size(1)
        out = gates.new_empty(len(gates), width)
        reset_update = gates.new_empty(len(gates), 2 * width)
        new, hidden_new = torch.empty_like(out), torch.empty_like(out)
        hidden, products = gates.new_zeros(sizes[0], width), _StepProducts(weight, sizes)
        for begin, end in _steps(sizes):
            hidden = hidden[: end - begin]
            recurrent = products.gates(hidden, bias)  # [b, 3 D]
            rz = torch.add(gates[begin:end, : 2 * width], recurrent[:, : 2 * width], out=reset_update[begin:end])
            reset, update = rz.sigmoid_().chunk(2, 1)
            hidden_new[begin:end] = recurrent[:, 2 * width :]
            candidate = torch.addcmul(
                gates[begin:end, 2 * width :], reset, hidden_new[begin:end], out=new[begin:end]
            ).tanh_()
            hidden = torch.lerp(candidate, hidden, update, out=out[begin:end])
        ctx.save_for_backward(weight, out, reset_update, new, hidden_new)
        ctx.sizes = sizes
        return out

    @staticmethod
    @once_differentiable
    @torch.amp.custom_bwd(device_type="cpu")
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:  # type: ignore[override]
        weight, out, reset_update, new, hidden_new = ctx.saved_tensors
        before, width = _previous(out, ctx.sizes), weight.size(1)
        reset, update = reset_update.chunk(2, 1)
        recurrent = grad.new_empty(len(grad), 3 * width)  # gradient of W h + b
        d_new, carry = torch.empty_like(grad), grad.new_zeros(0, width)
        scratch = [grad.new_empty(ctx.sizes[0], width) for _ in range(4)]  # a step at a time stays in the cache
        products = _StepProducts(weight, ctx.sizes, back=True)
        for begin, end in reversed(_steps(ctx.sizes)):
            d_out, kept, one, two = (buffer[: end - begin] for buffer in scratch)
            r, z, n = reset[begin:end], update[begin:end], new[begin:end]
            d_reset, d_update, d_hidden = recurrent[begin:end].chunk(3, 1)
            d_out.copy_(grad[begin:end])
            d_out[: len(carry)] += carry
            torch.sub(d_out, torch.mul(d_out, z, out=kept), out=one)
            step = _times_one_minus(one, torch.mul(n, n, out=two), d_new[begin:end])
            torch.mul(one.mul_(z), torch.sub(before[begin:end], n, out=two), out=d_update)
            _times_one_minus(torch.mul(torch.mul(step, r, out=d_hidden), hidden_new[begin:end], out=one), r, d_reset)
            carry = products.carry(recurrent[begin:end]).add_(kept)
        d_weight, d_bias = linear(recurrent.t(), before.t()), recurrent.sum(0)
        recurrent[:, 2 * width :] = d_new  # now the gradient of the input's part
        return recurrent, d_weight, d_bias, None


class _LSTM(torch.autograd.Function):
    """One direction: i, f, o = σ(x + Wh), g = tanh(x + Wh), c' = f c + i g, h' = o tanh(c')."""

    @staticmethod
    @torch.amp.custom_fwd(device_type="cpu", cast_inputs=torch.float32)
    def forward(ctx: Any, gates: Tensor, weight: Tensor, bias: Tensor, sizes: list[int]) -> Tensor:
        """Hidden states [W, D] from the input's part of the gates [W, 4 D]."""
        width = weight.size(1)
        out = gates.new_empty(len(gates), width)
        cells, gates, products = torch.empty_like(out), gates.clone(), _StepProducts(weight, sizes)
        hidden = cell = gates.new_zeros(sizes[0], width)
        for begin, end in _steps(sizes):
            hidden, cell = hidden[: end - begin], cell[: end - begin]
            step = gates[begin:end].add_(products.gates(hidden, bias))
            step[:, : 2 * width].sigmoid_()
            step[:, 2 * width : 3 * width].tanh_()
            step[:, 3 * width :].sigmoid_()
            take, forget, candidate, show = step.chunk(4, 1)
            cell = torch.mul(forget, cell, out=cells[begin:end]).addcmul_(take, candidate)
            hidden = torch.mul(show, cell.tanh(), out=out[begin:end])
        ctx.save_for_backward(weight, out, cells, gates)
        ctx.sizes = sizes
        return out

    @staticmethod
    @once_differentiable
    @torch.amp.custom_bwd(device_type="cpu")
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:  # type: ignore[override]
        weight, out, cells, gates = ctx.saved_tensors
        width, before = weight.size(1), _previous(cells, ctx.sizes)
        d_gates, carry = torch.empty_like(gates), grad.new_zeros(0, width)
        carry_cell = carry
        scratch = [grad.new_empty(ctx.sizes[0], width) for _ in range(6)]  # a step at a time stays in the cache
        products = _StepProducts(weight, ctx.sizes, back=True)
        for begin, end in reversed(_steps(ctx.sizes)):
            d_out, d_cell, kept, shown, one, two = (buffer[: end - begin] for buffer in scratch)
            i, f, g, o = gates[begin:end].chunk(4, 1)
            d_i, d_f, d_g, d_o = d_gates[begin:end].chunk(4, 1)
            d_out.copy_(grad[begin:end])
            d_out[: len(carry)] += carry
            torch.tanh(cells[begin:end], out=two)
            _times_one_minus(torch.mul(d_out, two, out=one).mul_(o), o, d_o)
            _times_one_minus(torch.mul(d_out, o, out=shown), two.mul_(two), d_cell)
            d_cell[: len(carry_cell)] += carry_cell
            _times_one_minus(torch.mul(d_cell, i, out=one), torch.mul(g, g, out=two), d_g)
            _times_one_minus(one.mul_(g), i, d_i)
            carry_cell = torch.mul(d_cell, f, out=kept)
            _times_one_minus(torch.mul(kept, before[begin:end], out=one), f, d_f)
            carry = products.carry(d_gates[begin:end])
        return d_gates, linear(d_gates.t(), _previous(out, ctx.sizes).t()), d_gates.sum(0), None
