"""Products by oneDNN: the numbers and gradients of PyTorch's own, and only where nobody looks at the call."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from graphvtr.nn.encoders.recurrent import _run_on_cpu
from graphvtr.ops import backend, holographic_scores, local_match, products
from graphvtr.ops.products import linear

if not (torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")):
    pytest.skip("PyTorch without oneDNN", allow_module_level=True)


@pytest.fixture(autouse=True)
def calls(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """As on a processor where it pays, for small matrices too; and what was multiplied by oneDNN."""
    seen: list[int] = []
    whole = products.product
    monkeypatch.setattr(products, "_better_here", lambda: True)
    monkeypatch.setattr(products, "LEAST", 1)
    monkeypatch.setattr(products, "product", lambda *args: seen.append(1) or whole(*args))
    with backend("auto"):
        yield seen


def wide(*shape: int) -> Tensor:
    return torch.randn(shape, requires_grad=True)


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("shape", [(40, 20), (2, 20, 20), (2, 2, 10, 20)])
def test_values_and_gradients_are_those_of_pytorch(shape: tuple[int, ...], bias: bool, calls: list[int]) -> None:
    leaves = [wide(*shape), wide(24, 20), *[wide(24)] * bias]
    out = linear(*leaves)
    expected = F.linear(*leaves)
    torch.testing.assert_close(out, expected)
    upstream = torch.randn_like(out)
    for found, right in zip(
        torch.autograd.grad(out, leaves, upstream), torch.autograd.grad(expected, leaves, upstream), strict=True
    ):
        torch.testing.assert_close(found, right, atol=1e-4, rtol=1e-4)
    assert len(calls) == 3  # forward, and two gradients


def test_any_strides(calls: list[int]) -> None:
    x, weight = torch.randn(20, 40).t(), torch.randn(20, 24).t()
    torch.testing.assert_close(linear(x, weight), F.linear(x, weight))
    part = torch.randn(24, 60)[:, 10:50:2]
    torch.testing.assert_close(linear(x, part), F.linear(x, part))
    row = torch.randn(1, 20).expand(40, 20)
    torch.testing.assert_close(linear(row, weight), F.linear(row, weight))
    given = wide(40, 20)
    linear(given, weight).sum().backward()  # its gradient is one number, expanded
    torch.testing.assert_close(given.grad, weight.sum(0).expand(40, 20))
    assert len(calls) == 5


def test_second_derivatives() -> None:
    x, weight = wide(40, 20), wide(24, 20)
    found, right = (
        torch.autograd.grad(torch.autograd.grad(call(x, weight).pow(3).sum(), x, create_graph=True)[0].sum(), weight)[0]
        for call in (linear, F.linear)
    )
    torch.testing.assert_close(found, right, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize(
    ("where", "dtype"),
    [
        (nullcontext(), torch.float64),
        (nullcontext(), torch.bfloat16),
        (backend("torch"), torch.float32),
        (backend("message_passing"), torch.float32),
        (torch.autocast("cpu", dtype=torch.bfloat16), torch.float32),
        (FlopCounterMode(display=False), torch.float32),
    ],
)
def test_who_looks_sees_pytorchs_own(where: AbstractContextManager[None], dtype: torch.dtype, calls: list[int]) -> None:
    x, weight = torch.randn(40, 20, dtype=dtype), torch.randn(24, 20, dtype=dtype)
    with where:
        assert torch.equal(linear(x, weight), F.linear(x, weight))
    assert not calls


def test_transforms_compilers_and_other_devices_see_it_too(calls: list[int]) -> None:
    x, weight = torch.randn(40, 20), torch.randn(24, 20)
    pushed = torch.func.jvp(lambda x: linear(x, weight), (x,), (x,))[1]
    torch.testing.assert_close(pushed, F.linear(x, weight))
    torch.func.vmap(linear, (0, None))(x[None], weight)
    torch.func.grad(lambda x: linear(x, weight).sum())(x)
    assert linear(x.to("meta"), weight.to("meta")).shape == (40, 24)
    torch._dynamo.reset()
    assert torch.equal(torch.compile(linear, fullgraph=True, backend="eager")(x, weight), F.linear(x, weight))
    assert linear(x[:8], weight).shape == (8, 24)  # few rows
    assert linear(x[0], weight).shape == (24,)
    assert not calls


@pytest.mark.parametrize("network", [nn.GRU, nn.LSTM])
@pytest.mark.parametrize("lengths", [[7] * 20, [9] * 3 + [8] * 10 + [2] * 7 + [1] * 4])
def test_recurrent_networks(
    network: type[nn.GRU | nn.LSTM], lengths: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    packed: list[int] = []
    whole = products.packed
    monkeypatch.setattr("graphvtr.nn.encoders.recurrent.packed", lambda *args: packed.append(1) or whole(*args))
    rnn = network(18, 16, bidirectional=True)
    sizes = torch.tensor([sum(length > step for length in lengths) for step in range(lengths[0])])
    x = wide(sum(lengths), 18)
    leaves = [x, *rnn.parameters()]
    out = _run_on_cpu(rnn, x, sizes)
    grads = torch.autograd.grad(out.square().sum(), leaves)
    assert len(packed) == 4  # two directions, forth and back
    with backend("torch"):
        expected = _run_on_cpu(rnn, x, sizes)
        right = torch.autograd.grad(expected.square().sum(), leaves)
    assert len(packed) == 4
    torch.testing.assert_close(out, expected)
    for one, other in zip(grads, right, strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("op", ["sim", "embed", "holographic"])
def test_ops_multiply_so_too(op: str, calls: list[int]) -> None:
    """Forth and back, where the backend is chosen by us; the backward pass as the forward one."""
    leaves = [wide(40, 20), wide(48, 20), *[wide(20)] * (op == "holographic")]
    node_ptr, frame_ptr = torch.tensor([0, 1, 20, 40]), torch.tensor([0, 16, 32, 48])

    def call(a: Tensor, b: Tensor, *weight: Tensor) -> Tensor:
        return holographic_scores(a, b, *weight) if weight else local_match(a, node_ptr, b, frame_ptr, fusion=op)

    out = call(*leaves)
    found = torch.autograd.grad(out.square().sum(), leaves)
    assert len(calls) == (3 if op == "holographic" else 4)
    with backend("torch"):
        expected = call(*leaves)
    right = torch.autograd.grad(expected.square().sum(), leaves)  # still on the backend of its forward pass
    assert len(calls) == (3 if op == "holographic" else 4)
    torch.testing.assert_close(out, expected, atol=1e-5, rtol=1e-4)
    for one, other in zip(found, right, strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-3)


def test_only_where_mkl_stops_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    for capability, name, right in (
        ("AVX512", "AMD EPYC", True),
        ("AVX2", "AMD EPYC", False),
        ("AVX512", "Intel", False),
    ):
        products._better_here.cache_clear()
        monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda found=capability: found)
        monkeypatch.setattr(products, "device_name", lambda kind, found=name: found)
        monkeypatch.setattr(torch.backends.mkl, "is_available", lambda: True)
        assert products._better_here() == right
    products._better_here.cache_clear()
