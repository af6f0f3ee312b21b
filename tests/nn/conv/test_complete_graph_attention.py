"""CompleteGraphAttention: fused, message passing and a float64 loop over nodes and heads are one."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch import Tensor
from torch_geometric.explain import Explainer, GNNExplainer

from graphvtr.errors import DataError
from graphvtr.nn import CompleteGraphAttention
from graphvtr.nn.conv.complete_graph_attention import complete_edge_index

WIDTH = 6


def plain(layer: CompleteGraphAttention, x: Tensor, edges: list[tuple[int, int]]) -> tuple[Tensor, Tensor]:
    """Eq 1-2 node by node; also the weight of each edge and head."""
    d = WIDTH // layer.heads
    bias = layer.qkv.bias if layer.qkv.bias is not None else x.new_zeros(3 * WIDTH)
    query, key, value = (x @ w.T + b for w, b in zip(layer.qkv.weight.chunk(3), bias.chunk(3), strict=True))
    rows = []
    weights = x.new_zeros(len(edges), layer.heads)
    for i in range(len(x)):
        incoming = [(edge, j) for edge, (j, target) in enumerate(edges) if target == i]
        parts = []
        for head in range(layer.heads):
            part = slice(head * d, (head + 1) * d)
            exponent = [torch.exp(query[i, part] @ key[j, part] / math.sqrt(d)) for _, j in incoming]
            out = x.new_zeros(d)
            for (edge, j), e in zip(incoming, exponent, strict=True):
                out = out + e / sum(exponent) * value[j, part]
                weights[edge, head] = (e / sum(exponent)).detach()
            parts.append(out)
        row = layer.out.weight @ torch.cat(parts)
        rows.append(row if layer.out.bias is None else row + layer.out.bias)
    return (torch.stack(rows) if rows else x), weights


def pairs(ptr: Tensor) -> list[tuple[int, int]]:
    ends = ptr.tolist()
    return [(j, i) for begin, end in itertools.pairwise(ends) for i in range(begin, end) for j in range(begin, end)]


def compare(out: Tensor, expected: Tensor, inputs: tuple[Tensor, ...]) -> None:
    torch.testing.assert_close(out, expected)
    probe = torch.linspace(-1, 1, out.numel(), dtype=out.dtype).view_as(out).sin()
    mine = torch.autograd.grad((out * probe).sum(), inputs)
    for gradient, other in zip(mine, torch.autograd.grad((expected * probe).sum(), inputs), strict=True):
        torch.testing.assert_close(gradient, other)


@pytest.mark.parametrize("counts", [[3, 1, 5], [0, 4, 0, 2], [1], [2, 2, 2]])
@pytest.mark.parametrize("path", ["fused", "edges", "shuffled edges", "weights"])
@pytest.mark.parametrize(("heads", "bias"), [(1, True), (3, False)])
def test_values_and_gradients(counts: list[int], path: str, heads: int, bias: bool) -> None:
    layer = CompleteGraphAttention(WIDTH, heads, bias=bias).double()
    if bias:
        torch.nn.init.normal_(layer.qkv.bias)
        torch.nn.init.normal_(layer.out.bias)
    ptr = torch.tensor([0, *counts]).cumsum(0)
    x = torch.randn(sum(counts), WIDTH, dtype=torch.double, requires_grad=True)
    edges = pairs(ptr)
    edge_index = torch.tensor(edges).T
    assert torch.equal(complete_edge_index(ptr), edge_index)
    expected, expected_weights = plain(layer, x, edges)
    if path == "fused":
        out = layer(x, ptr)
    elif path == "weights":
        out, (found, weights) = layer(x, ptr, return_attention_weights=True)
        assert torch.equal(found, edge_index)
        torch.testing.assert_close(weights, expected_weights)
    else:
        order = torch.randperm(len(edges)) if path == "shuffled edges" else torch.arange(len(edges))
        out, (_, weights) = layer(x, edge_index=edge_index[:, order], return_attention_weights=True)
        torch.testing.assert_close(weights, expected_weights[order])
        torch.testing.assert_close(layer(x, edge_index=edge_index[:, order]), out)
    compare(out, expected, (x, *layer.parameters()))


def test_any_edges() -> None:
    """A node without in-neighbours gets no context."""
    layer = CompleteGraphAttention(WIDTH, 2).double()
    x = torch.randn(4, WIDTH, dtype=torch.double, requires_grad=True)
    edges = [(3, 1), (0, 1), (2, 0)]
    expected, _ = plain(layer, x, edges)
    compare(layer(x, edge_index=torch.tensor(edges).T), expected, (x, *layer.parameters()))
    torch.testing.assert_close(expected[2:], layer.out.bias.expand(2, WIDTH))


def test_no_nodes_and_no_edges() -> None:
    layer = CompleteGraphAttention(WIDTH, 2)
    assert layer(torch.zeros(0, WIDTH), torch.tensor([0, 0])).shape == (0, WIDTH)
    assert layer(torch.zeros(0, WIDTH), edge_index=torch.zeros(2, 0, dtype=torch.long)).shape == (0, WIDTH)


def test_equal_graphs_may_stand_side_by_side() -> None:
    layer = CompleteGraphAttention(WIDTH, 2)
    x = torch.randn(3, 4, WIDTH)
    torch.testing.assert_close(layer(x).flatten(0, 1), layer(x.flatten(0, 1), torch.arange(0, 13, 4)))


def test_hooks_and_explainers_see_messages() -> None:
    layer, x, ptr = CompleteGraphAttention(WIDTH, 2), torch.randn(5, WIDTH), torch.tensor([0, 3, 5])
    expected = layer(x, ptr)
    seen: list[tuple[int, ...]] = []
    handle = layer.register_message_forward_hook(lambda conv, inputs, out: seen.append(tuple(out.shape)))
    torch.testing.assert_close(layer(x, ptr), expected)
    assert seen == [(13, 2, 3)]
    handle.remove()
    layer(x, ptr)
    assert len(seen) == 1

    class Net(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = layer

        def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
            return self.layer(x, edge_index=edge_index)

    explainer = Explainer(
        Net(),
        GNNExplainer(epochs=2),
        explanation_type="model",
        edge_mask_type="object",
        model_config={"mode": "regression", "task_level": "node", "return_type": "raw"},
    )
    explanation = explainer(x, complete_edge_index(ptr))
    assert explanation.edge_mask.shape == (13,)
    assert bool(explanation.edge_mask.any())


def test_compiles_to_one_graph_and_runs_in_bfloat16() -> None:
    layer, ptr = CompleteGraphAttention(WIDTH, 2), torch.tensor([0, 3, 3, 5])
    x = torch.randn(5, WIDTH, requires_grad=True)
    expected = layer(x, ptr)
    compare(torch.compile(layer, fullgraph=True, backend="aot_eager")(x, ptr), expected, (x, *layer.parameters()))
    with torch.autocast("cpu", torch.bfloat16):
        for mixed in (layer(x, ptr), layer(x, ptr, return_attention_weights=True)[0]):
            torch.testing.assert_close(mixed.float(), expected, atol=5e-2, rtol=5e-2)


def test_repr_and_reset() -> None:
    layer = CompleteGraphAttention(WIDTH, 2)
    before = layer.qkv.weight.clone()
    layer.reset_parameters()
    assert not torch.equal(before, layer.qkv.weight)
    assert repr(layer) == "CompleteGraphAttention(6, heads=2)"


def test_wrong_inputs() -> None:
    with pytest.raises(DataError, match="channels: is 6"):
        CompleteGraphAttention(WIDTH, 4)
    layer = CompleteGraphAttention(WIDTH, 2)
    with pytest.raises(DataError, match=r"CompleteGraphAttention: x: has shape \[5, 6\]"):
        layer(torch.randn(5, WIDTH))
    with pytest.raises(DataError, match=r"x: has shape \[5, 7\]"):
        layer(torch.randn(5, 7), torch.tensor([0, 5]))
    with pytest.raises(DataError, match="ptr: missing"):
        layer(torch.randn(1, 5, WIDTH), return_attention_weights=True)
