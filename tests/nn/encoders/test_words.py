"""WordEncoder against PyTorch's own network run on one caption at a time (HGR, Eq 1-3)."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from graphvtr.errors import DataError
from graphvtr.nn import WordEncoder


def one_by_one(encoder: WordEncoder, ids: Tensor, ptr: Tensor) -> Tensor:
    rows = []
    for begin, end in zip(ptr[:-1].tolist(), ptr[1:].tolist(), strict=True):
        if begin < end:
            out, _ = encoder.rnn(encoder.embedding.weight[ids[begin:end]])
            rows.append((out[:, : encoder.hidden] + out[:, encoder.hidden :]) / 2)
    return torch.cat(rows)


@pytest.mark.parametrize("rnn", ["lstm", "gru"])
@pytest.mark.parametrize("counts", [[3, 7, 1, 7, 2], [1], [4, 4], [2, 0, 3]])
def test_values_and_gradients(rnn: Any, counts: list[int]) -> None:
    encoder = WordEncoder(20, 5, 6, rnn).double()
    ptr, ids = torch.tensor([0, *counts]).cumsum(0), torch.randint(20, (sum(counts),))
    out, expected = encoder(ids, ptr), one_by_one(encoder, ids, ptr)
    torch.testing.assert_close(out, expected)
    probe = torch.randn_like(out)
    parameters = dict(encoder.named_parameters())
    mine = torch.autograd.grad((out * probe).sum(), parameters.values())
    other = torch.autograd.grad((expected * probe).sum(), parameters.values())
    for name, gradient, wanted in zip(parameters, mine, other, strict=True):
        torch.testing.assert_close(gradient, wanted, msg=name)


def test_orthogonal_weights() -> None:
    encoder = WordEncoder(20, 5, 6, "gru", "orthogonal")
    for name, weight in encoder.rnn.named_parameters():
        if name.startswith("weight"):
            torch.testing.assert_close(weight.T @ weight, torch.eye(weight.size(1)), rtol=0, atol=1e-5)
    uniform = WordEncoder(20, 5, 6, "gru").rnn.weight_hh_l0
    assert uniform.abs().max() <= 6**-0.5
    assert not torch.allclose(uniform.T @ uniform, torch.eye(6), atol=1e-2)


def test_reset_parameters_draws_new_ones() -> None:
    encoder = WordEncoder(20, 5, 6)
    before = {name: parameter.clone() for name, parameter in encoder.named_parameters()}
    encoder.reset_parameters()
    assert not any(torch.equal(before[name], parameter) for name, parameter in encoder.named_parameters())


def test_dropout_is_on_the_embeddings_in_training() -> None:
    encoder = WordEncoder(20, 5, 6, dropout=1.0)
    ids, ptr = torch.tensor([3, 4, 5]), torch.tensor([0, 3])
    silent = WordEncoder(20, 5, 6)
    silent.load_state_dict(encoder.state_dict())
    torch.nn.init.zeros_(silent.embedding.weight)
    torch.testing.assert_close(encoder.train()(ids, ptr), silent(ids, ptr))
    assert not torch.isclose(encoder.eval()(ids, ptr), silent(ids, ptr)).all()


@pytest.mark.parametrize("bad", [-1, 20])
def test_an_id_outside_the_vocabulary(bad: int) -> None:
    with pytest.raises(DataError, match=f"word.id: has id {bad} for 20 words"):
        WordEncoder(20, 5, 6)(torch.tensor([1, bad]), torch.tensor([0, 2]))


@pytest.mark.parametrize(("option", "value"), [("rnn", "rnn"), ("rnn_init", "zeros")])
def test_unknown_options(option: str, value: str) -> None:
    with pytest.raises(DataError, match=f"{option}: is '{value}'"):
        WordEncoder(20, 5, 6, **{option: value})  # type: ignore[arg-type]
