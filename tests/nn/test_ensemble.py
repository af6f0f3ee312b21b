"""An ensemble against its members one by one."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from graphvtr.nn.ensemble import Ensemble


def test_each_member_is_a_two_layer_network_of_its_own() -> None:
    torch.manual_seed(0)
    ensemble, x = Ensemble(4, 8, 6, members=3).double().eval(), torch.randn(5, 4, dtype=torch.float64)
    out = ensemble(x)
    for k in range(3):
        inner = F.gelu(x @ ensemble.weight_in[k] + ensemble.bias_in[k])
        expected = F.normalize(inner @ ensemble.weight_out[k] + ensemble.bias_out[k], dim=1)
        torch.testing.assert_close(out[:, k], expected)
    assert not torch.equal(ensemble.weight_in[0], ensemble.weight_in[1])


def test_one_vector_side_by_side_is_the_mean_of_the_cosines() -> None:
    torch.manual_seed(0)
    one, other = Ensemble(4, 8, 6, 3), Ensemble(7, 8, 6, 3)
    a, b = one(torch.randn(5, 4)), other(torch.randn(2, 7))
    mean = torch.einsum("nkd,mkd->nmk", a, b).mean(2)
    torch.testing.assert_close(F.normalize(a.flatten(1), dim=1) @ F.normalize(b.flatten(1), dim=1).T, mean)


def test_dropout_is_drawn_for_each_member() -> None:
    torch.manual_seed(0)
    ensemble = Ensemble(4, 8, 6, members=2, dropout=0.5)
    with torch.no_grad():
        for weight in ensemble.parameters():
            weight[1] = weight[0]
    out = ensemble.train()(torch.randn(20, 4))
    assert not torch.allclose(out[:, 0], out[:, 1])
    assert torch.equal(*ensemble.eval()(torch.randn(20, 4)).unbind(1))
    assert ensemble(torch.empty(0, 4)).shape == (0, 2, 6)
