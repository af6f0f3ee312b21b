from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from graphvtr.nn.lazy_linear import LazyLinear


def test_known_widths_are_a_linear_layer() -> None:
    torch.manual_seed(3)
    ours = LazyLinear(4, 5)
    torch.manual_seed(3)
    theirs = nn.Linear(4, 5)
    assert torch.equal(ours.weight, theirs.weight)
    assert torch.equal(ours.bias, theirs.bias)


@pytest.mark.parametrize("bias", [False, True])
def test_widths_come_later(bias: bool) -> None:
    layer = LazyLinear(-1, -1, bias)
    other, loaded = copy.deepcopy(layer), LazyLinear(-1, -1, bias)
    layer.reset_parameters()  # nothing to draw yet
    assert set(layer.state_dict()) == {"weight", "bias"} - (set() if bias else {"bias"})
    loaded.load_state_dict(layer.state_dict())
    layer.materialize(4, 5)
    before = layer.weight.clone()
    layer.materialize(4, 5)
    assert torch.equal(layer.weight, before)
    x = torch.randn(2, 4)
    for module in (other, loaded):
        assert module.is_lazy
        module.load_state_dict(layer.state_dict())
        torch.testing.assert_close(module(x), layer(x))
        assert (module.in_features, module.out_features) == (4, 5)
