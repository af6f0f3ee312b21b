"""The CPU recurrence against PyTorch's networks: values and all gradients, ragged sequences."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from graphvtr.nn.encoders.recurrent import run_bidirectional, run_sequences
from graphvtr.ops.csr import counts_to_ptr
from graphvtr.ops.recurrence import recurrence

SIZES = {
    "ragged": [5, 4, 4, 2, 1, 1],
    "equal": [3, 3, 3],
    "one sequence": [1, 1, 1, 1],
    "one word each": [4],
    "one word": [1],
}


def gradients(out: Tensor, probe: Tensor, rnn: nn.Module, x: Tensor) -> dict[str, Tensor]:
    parameters = {"x": x, **dict(rnn.named_parameters())}
    return dict(zip(parameters, torch.autograd.grad((out * probe).sum(), list(parameters.values())), strict=True))


@pytest.mark.parametrize("network", [nn.LSTM, nn.GRU])
@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES.keys())
def test_values_and_gradients(network: type[nn.LSTM | nn.GRU], sizes: list[int]) -> None:
    rnn = network(4, 6, bidirectional=True).double()
    x, batch_sizes = torch.randn(sum(sizes), 4, dtype=torch.double, requires_grad=True), torch.tensor(sizes)
    out, expected = run_bidirectional(rnn, x, batch_sizes), rnn(PackedSequence(x, batch_sizes))[0].data
    torch.testing.assert_close(out, expected)
    probe = torch.randn_like(out)
    mine, other = gradients(out, probe, rnn, x), gradients(expected, probe, rnn, x)
    for name, gradient in other.items():
        torch.testing.assert_close(mine[name], gradient, msg=name)
    with torch.no_grad():
        torch.testing.assert_close(run_bidirectional(rnn, x, batch_sizes), expected)


@pytest.mark.parametrize("network", [nn.LSTM, nn.GRU])
@pytest.mark.parametrize("both", [True, False])
def test_sequences_in_their_order(network: type[nn.LSTM | nn.GRU], both: bool) -> None:
    rnn, x = network(4, 6, bidirectional=both).double(), torch.randn(9, 4, dtype=torch.double, requires_grad=True)
    ptr = counts_to_ptr(torch.tensor([2, 0, 4, 3]))
    out = run_sequences(rnn, x, ptr)
    torch.testing.assert_close(out, recurrence(rnn, x, ptr))
    expected = torch.cat([rnn(part)[0] for part in x.split([2, 4, 3])])
    probe = torch.randn_like(out)
    mine, other = gradients(out, probe, rnn, x), gradients(expected, probe, rnn, x)
    for name, gradient in other.items():
        torch.testing.assert_close(mine[name], gradient, msg=name)


@pytest.mark.parametrize("sizes", [SIZES["equal"], SIZES["ragged"]])
def test_lstm_in_float32(sizes: list[int]) -> None:
    """Sequences of one length take another way than ragged ones."""
    rnn = nn.LSTM(4, 6, bidirectional=True)
    x, batch_sizes = torch.randn(sum(sizes), 4, requires_grad=True), torch.tensor(sizes)
    exact = nn.LSTM(4, 6, bidirectional=True).double()
    exact.load_state_dict(rnn.state_dict())
    double = x.detach().double().requires_grad_()
    out, expected = run_bidirectional(rnn, x, batch_sizes), exact(PackedSequence(double, batch_sizes))[0].data
    torch.testing.assert_close(out.double(), expected, rtol=1e-4, atol=1e-5)
    probe = torch.randn_like(out)
    mine, other = gradients(out, probe, rnn, x), gradients(expected, probe.double(), exact, double)
    for name, gradient in other.items():
        torch.testing.assert_close(mine[name].double(), gradient, rtol=1e-4, atol=1e-5, msg=name)


@pytest.mark.parametrize("network", [nn.LSTM, nn.GRU])
def test_gradients_by_finite_differences(network: type[nn.LSTM | nn.GRU]) -> None:
    rnn = network(2, 3, bidirectional=True).double()
    x = torch.randn(6, 2, dtype=torch.double, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: run_bidirectional(rnn, x, torch.tensor([3, 2, 1])), (x,))


@pytest.mark.parametrize("network", [nn.LSTM, nn.GRU])
def test_a_second_backward_pass_over_the_same_graph(network: type[nn.LSTM | nn.GRU]) -> None:
    """The backward pass must not eat what it saved."""
    rnn = network(4, 6, bidirectional=True)
    x = torch.randn(7, 4, requires_grad=True)
    out = run_bidirectional(rnn, x, torch.tensor([4, 2, 1]))
    probe = torch.randn_like(out)
    first = torch.autograd.grad(out, x, probe, retain_graph=True)[0]
    second = torch.autograd.grad(out, x, probe)[0]
    assert torch.equal(first, second)


@pytest.mark.parametrize("network", [nn.LSTM, nn.GRU])
def test_under_autocast(network: type[nn.LSTM | nn.GRU]) -> None:
    rnn, x, sizes = network(4, 6, bidirectional=True), torch.randn(7, 4, requires_grad=True), torch.tensor([4, 2, 1])
    with torch.autocast("cpu", torch.bfloat16):
        out = run_bidirectional(rnn, x, sizes)
    out.float().sum().backward()
    torch.testing.assert_close(out.float(), run_bidirectional(rnn, x, sizes), rtol=0.05, atol=0.02)
    assert rnn.weight_hh_l0.grad is not None
    assert rnn.weight_hh_l0.grad.dtype == torch.float32
