"""The op that exported encoders call, against PyTorch's networks one sequence at a time."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from graphvtr.ops.csr import counts_to_ptr
from graphvtr.ops.recurrence import recurrence


@pytest.mark.parametrize("network", [nn.LSTM, nn.GRU])
@pytest.mark.parametrize("both", [True, False])
@pytest.mark.parametrize("counts", [[3, 0, 5, 1], [2, 2], [0]])
def test_every_sequence_alone(network: type[nn.LSTM | nn.GRU], both: bool, counts: list[int]) -> None:
    rnn = network(4, 6, bidirectional=both).double()
    x = torch.randn(sum(counts), 4, dtype=torch.double)
    out = recurrence(rnn, x, counts_to_ptr(torch.tensor(counts)))
    alone = [rnn(part)[0] if len(part) else part.new_zeros(0, 6 * (1 + both)) for part in x.split(counts)]
    torch.testing.assert_close(out, torch.cat(alone))


def test_it_is_one_op_of_any_size() -> None:
    class Runs(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rnn = nn.GRU(3, 2)

        def forward(self, x: torch.Tensor, ptr: torch.Tensor) -> torch.Tensor:
            return recurrence(self.rnn, x, ptr)

    rows = torch.export.Dim.AUTO
    runs = Runs().eval()
    inputs = torch.randn(5, 3), torch.tensor([0, 2, 5])
    program = torch.export.export(runs, inputs, dynamic_shapes=({0: rows}, {0: rows}))
    other = torch.randn(9, 3), torch.tensor([0, 1, 4, 9])
    torch.testing.assert_close(program.module()(*other), runs(*other))


def test_forward_mode_raises() -> None:
    rnn, x, ptr = nn.GRU(3, 2), torch.randn(5, 3), torch.tensor([0, 2, 5])
    with pytest.raises(NotImplementedError, match="x carries a tangent"):
        torch.func.jvp(lambda x: recurrence(rnn, x, ptr), (x,), (x,))
    weights = {name: weight.detach() for name, weight in rnn.named_parameters()}

    class Runs(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rnn = rnn

        def forward(self) -> torch.Tensor:
            return recurrence(self.rnn, x, ptr)

    named = {f"rnn.{name}": weight for name, weight in weights.items()}
    with pytest.raises(NotImplementedError, match="weights carries a tangent"):
        torch.func.jvp(lambda w: torch.func.functional_call(Runs(), w, ()), (named,), (named,))
