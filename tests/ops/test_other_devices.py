"""The torch backend off the CPU gathers rows instead of using the CPU's sparse kernels: the same numbers."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
import torch
from torch import Tensor

from graphvtr import ops
from graphvtr.ops.eager import _sparse, local_match
from graphvtr.ops.segment_reduce import REDUCTIONS


@pytest.fixture(params=["gather", "without sampled product"])
def elsewhere(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch):
    """Switches the torch backend to its path for other devices, or for a CPU without MKL."""

    def switch() -> None:
        if request.param == "gather":
            monkeypatch.setattr(_sparse, "on_cpu", lambda x: False)
            monkeypatch.setattr(local_match, "on_cpu", lambda x: False)
        else:
            monkeypatch.setattr(_sparse, "_HAS_SAMPLED_PRODUCT", False)

    return switch


def outcomes(op, inputs: list[Tensor]) -> list[Tensor]:
    leaves = [x.clone().requires_grad_() for x in inputs]
    out = op(*leaves)
    return [out, *torch.autograd.grad(out.square().sum(), leaves)]


def check(elsewhere, op, inputs: list[Tensor]) -> None:
    with ops.backend("torch"):
        here = outcomes(op, inputs)
        elsewhere()
        for one, other in zip(outcomes(op, inputs), here, strict=True):
            torch.testing.assert_close(one, other)


@pytest.mark.parametrize("reduce", REDUCTIONS)
def test_reductions(elsewhere, graph, reduce) -> None:
    edges, rows, weight = torch.randn(graph.edges, 3), torch.randn(graph.nodes, 3), torch.randn(graph.edges)

    def op(edges: Tensor, rows: Tensor, weight: Tensor) -> Tensor:
        gathered = ops.gather_segment_reduce(rows, graph.col, graph.ptr, reduce, weight)
        return ops.segment_reduce(edges, graph.ptr, reduce) + gathered

    check(elsewhere, op, [edges, rows, weight])


@pytest.mark.parametrize("roles", [False, True])
def test_attention(elsewhere, graph, roles) -> None:
    inputs = [torch.randn(graph.nodes, 2, 4) for _ in range(3)] + [torch.randn(5, 2, 4)] * roles

    def op(q: Tensor, k: Tensor, v: Tensor, *weight: Tensor) -> Tensor:
        return ops.role_attention(q, k, v, graph.ptr, graph.col, *((graph.role, *weight) if weight else ()))

    check(elsewhere, op, inputs)


@pytest.mark.parametrize("fusion", ["sim", "embed"])
def test_match(elsewhere, fusion) -> None:
    nodes, frames = torch.tensor([0, 2, 2, 7]), torch.tensor([0, 3, 4, 4, 9])
    check(
        elsewhere,
        lambda n, f: ops.local_match(n, nodes, f, frames, fusion=fusion),
        [torch.randn(7, 5), torch.randn(9, 5)],
    )


def test_chunks_smaller_than_a_segment(monkeypatch, graph) -> None:
    """Rows are added across chunks: the same sums as in one chunk."""
    inputs = [torch.randn(graph.nodes, 4) for _ in range(3)] + [torch.randn(5, 4)]

    def op(q: Tensor, k: Tensor, v: Tensor, weight: Tensor) -> Tensor:
        out = ops.role_attention(q, k, v, graph.ptr, graph.col, graph.role, weight)
        messages = ops.segment_softmax(v.index_select(0, graph.col), graph.ptr)
        return (
            out
            + ops.gather_segment_reduce(v, graph.col, graph.ptr, "max")
            + ops.segment_reduce(messages, graph.ptr, "min")
        )

    with ops.backend("torch"):
        whole = outcomes(op, inputs)
        monkeypatch.setattr(_sparse, "CHUNK_ELEMENTS", 12)
        for one, other in zip(outcomes(op, inputs), whole, strict=True):
            torch.testing.assert_close(one, other)


def copies_that_wait(source: str) -> list[int]:
    """Lines that copy from the CPU to a device and wait for all that is queued there, or read from it."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        named = {keyword.arg for keyword in node.keywords}
        to_device = any(getattr(value, "attr", getattr(value, "id", "")) == "device" for value in node.args)
        waits = {
            "tensor": "device" in named,
            "as_tensor": "device" in named,
            "to": to_device and "non_blocking" not in named,
            "item": True,
            "cpu": True,
        }
        if waits.get(node.func.attr, False):
            found.append(node.lineno)
    return found


@pytest.mark.parametrize("folder", ["eager", "triton", "scatter"])
def test_no_kernel_waits_for_its_device(folder: str) -> None:
    paths = sorted((Path(ops.__file__).parent / folder).glob("*.py"))
    assert len(paths) > 3
    assert {path.name: lines for path in paths if (lines := copies_that_wait(path.read_text()))} == {}
    waiting = "torch.tensor(x, device=d)\nx.to(y.device)\nx.to(y.device, non_blocking=True)\nx.item()"
    assert copies_that_wait(waiting) == [1, 2, 4]
