"""The walk over complete graphs: orders of products agree, and P has the properties of a random walk."""

from __future__ import annotations

import pytest
import torch

from graphvtr.nn import DenseRandomWalkGCN, RandomWalkGCN
from graphvtr.nn.conv import random_walk_conv
from tests.nn.conv.walks import (
    AFFINITIES,
    COUNTS,
    NORMALIZATIONS,
    OPTIONS,
    TOLERANCE,
    D,
    boxes,
    complete_edges,
    make_ptr,
    pad,
    run,
)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("affinity", AFFINITIES)
@pytest.mark.parametrize("normalization", NORMALIZATIONS[:3])
def test_paths_agree_at_width(dtype: torch.dtype, affinity: str, normalization: str) -> None:
    """With more channels than nodes no weights are folded and powers are taken first; with fewer, they are."""
    for channels, graphs in ((64, 2), (8, 16)):
        gcn = RandomWalkGCN(channels, normalization=normalization, affinity=affinity, num_steps=2).to(dtype)
        x = torch.rand(graphs, 9, channels, dtype=dtype).requires_grad_()
        outputs = [gcn(x), gcn(x.flatten(0, 1), ptr=torch.arange(graphs + 1) * 9).view_as(x)]
        outputs.append(gcn(x.flatten(0, 1), complete_edges([9] * graphs)).view_as(x))
        gradients = [torch.autograd.grad(out.square().sum(), x)[0] for out in outputs]
        for values in (outputs, gradients):
            for value in values[1:]:
                scale = values[0].abs().max().item()
                torch.testing.assert_close(value, values[0], atol=TOLERANCE[dtype] * scale, rtol=TOLERANCE[dtype])


@pytest.mark.parametrize("num_steps", [1, 3])
@pytest.mark.parametrize("normalization", NORMALIZATIONS[:3])
@pytest.mark.parametrize("ragged", [False, True])
def test_low_rank_form(normalization: str, num_steps: int, ragged: bool) -> None:
    """Far more nodes than channels: the n x n matrix is never built, the numbers are the same."""
    counts = [40, 25, 0, 31] if ragged else [40, 40]
    gcn = RandomWalkGCN(4, key_channels=2, normalization=normalization, affinity="dot", num_steps=num_steps).double()
    x = torch.randn(sum(counts), 4, dtype=torch.float64, requires_grad=True)
    outputs = [gcn(x, complete_edges(counts)), gcn(x, ptr=make_ptr(counts))]
    dense, mask = pad(x, counts, fill=float("nan"))
    outputs.append(gcn(dense, mask=mask)[mask])
    parameters = [x, *gcn.parameters()]
    gradients = [torch.autograd.grad(out.square().sum(), parameters) for out in outputs]
    for out, gradient in zip(outputs[1:], gradients[1:], strict=True):
        torch.testing.assert_close(out, outputs[0], atol=1e-9, rtol=1e-8)
        for value, right in zip(gradient, gradients[0], strict=True):
            torch.testing.assert_close(value, right, atol=1e-8, rtol=1e-6)


@pytest.mark.parametrize("affinity", ["softplus", "exp"])
@pytest.mark.parametrize("scale", [0.1, 1.0, 30.0])  # at 30 scores reach tens of thousands: exp would overflow
def test_rows_of_the_walk_sum_to_one(affinity: str, scale: float) -> None:
    gcn = RandomWalkGCN(D, affinity=affinity)
    x = torch.randn(sum(COUNTS), D) * scale
    dense, mask = pad(x, COUNTS)
    edge_index = complete_edges(COUNTS)
    _, (_, weights) = gcn.layers[0](x, edge_index, return_attention_weights=True)
    sparse = torch.zeros(sum(COUNTS)).index_add(0, edge_index[1], weights)
    for matrix in (gcn.transition(x, ptr=make_ptr(COUNTS)), gcn.transition(dense, mask=mask)):
        assert (matrix >= 0).all()
        torch.testing.assert_close(matrix.sum(-1)[mask], torch.ones(sum(COUNTS)))
        assert (matrix[~mask] == 0).all()
        assert (matrix.mT[~mask] == 0).all()
    torch.testing.assert_close(sparse, torch.ones(sum(COUNTS)))
    assert torch.isfinite(gcn(x, ptr=make_ptr(COUNTS))).all()


@pytest.mark.parametrize("affinity", ["softplus", "exp"])
@pytest.mark.parametrize("normalization", ["random_walk", "symmetric"])
@pytest.mark.parametrize("location", [False, True])
def test_eigenvalues_of_the_laplacian(affinity: str, normalization: str, location: bool) -> None:
    """Eq 7: real and within [0, 2] for a positive affinity."""
    gcn = RandomWalkGCN(D, affinity=affinity, normalization=normalization, location=location).double()
    x, box = torch.randn(9, D, dtype=torch.float64), boxes(9)
    matrix = gcn.transition(x, ptr=torch.tensor([0, 9]), box=box)[0]
    values = torch.linalg.eigvals(torch.eye(9, dtype=torch.float64) - matrix)
    assert values.imag.abs().max() < 1e-7
    assert values.real.min() > -1e-9
    assert values.real.max() < 2 + 1e-9


def test_dot_breaks_the_bound() -> None:
    """Why the positive affinities exist: with scores of both signs, eigenvalues leave [0, 2]."""
    worst = 0.0
    for seed in range(20):
        torch.manual_seed(seed)
        gcn = RandomWalkGCN(D, affinity="dot").double()
        matrix = gcn.transition(torch.randn(1, 9, D, dtype=torch.float64))[0].detach()
        values = torch.linalg.eigvals(torch.eye(9, dtype=torch.float64) - matrix).real
        worst = max(worst, float(values.max()), 2 - float(values.min()))
    assert worst > 3


@pytest.mark.parametrize("affinity", AFFINITIES)
@pytest.mark.parametrize("normalization", NORMALIZATIONS[:3])
def test_three_transitions_agree(affinity: str, normalization: str) -> None:
    gcn = RandomWalkGCN(D, affinity=affinity, normalization=normalization, location=True).double()
    x, box = torch.randn(sum(COUNTS), D, dtype=torch.float64), boxes(sum(COUNTS))
    edge_index = complete_edges(COUNTS)
    out, (edges, weights) = gcn.layers[0](x, edge_index, box=box, return_attention_weights=True)
    assert edges is edge_index
    whole = torch.zeros(len(x), len(x), dtype=x.dtype)
    whole[edge_index[1], edge_index[0]] = weights
    ragged = gcn.transition(x, ptr=make_ptr(COUNTS), box=box)
    (dense, mask), dense_box = pad(x, COUNTS), pad(box, COUNTS)[0]
    torch.testing.assert_close(gcn.transition(dense, mask=mask, box=dense_box), ragged)
    for begin, count, matrix in zip(make_ptr(COUNTS).tolist(), COUNTS, ragged, strict=False):
        torch.testing.assert_close(matrix[:count, :count], whole[begin : begin + count, begin : begin + count])
    torch.testing.assert_close(out, gcn(x, edge_index, box=box))


@pytest.mark.parametrize("affinity", AFFINITIES)
@pytest.mark.parametrize("normalization", ["random_walk", "symmetric"])
def test_one_node_stays_with_itself(affinity: str, normalization: str) -> None:
    """n = 1: P is 1 (for a symmetric dot, its sign), so Z = v W_g W_r + v."""
    gcn = RandomWalkGCN(D, affinity=affinity, normalization=normalization).double()
    x = torch.randn(1, 1, D, dtype=torch.float64)
    layer = gcn.layers[0]
    sign = gcn.transition(x).item()
    assert abs(sign) == pytest.approx(1)
    assert sign > 0 or (affinity, normalization) == ("dot", "symmetric")
    expected = x + sign * layer.residual(layer.gcn(x))
    torch.testing.assert_close(gcn(x), expected)
    torch.testing.assert_close(gcn(x[0], torch.zeros(2, 1, dtype=torch.long)), expected[0])


@pytest.mark.parametrize("normalization", ["random_walk", "symmetric"])
def test_degrees_are_guarded(normalization: str) -> None:
    """Rows that sum to 0 or nearly so: |D| is eps, its sign is kept, nothing is infinite."""
    conv = DenseRandomWalkGCN(2, normalization=normalization, affinity="dot", eps=0.1).double()
    with torch.no_grad():
        for linear in (conv.phi, conv.theta):
            linear.bias.zero_()
        conv.phi.weight.copy_(torch.tensor([[1.0, 0.0], [0.0, 0.0]]))
        conv.theta.weight.copy_(torch.tensor([[0.5, 0.0], [0.0, 0.0]]))  # R_ij = a_i b_j with a = b = x[:, 0]
    for first, second in ((1.0, -1.0), (1.0, -1.02), (1.02, -1.0)):
        x = torch.tensor([[[first, 5.0], [second, 7.0]]], dtype=torch.float64, requires_grad=True)
        row = torch.outer(x[0, :, 0], x[0, :, 0]).detach()
        degree = row.sum(1)
        assert (degree.abs() < 0.1).all()
        guarded = torch.where(degree < 0, -0.1, 0.1)
        expected = row / (guarded[:, None] if normalization == "random_walk" else 0.1)
        torch.testing.assert_close(conv.transition(x)[0], expected)
        conv(x).sum().backward()
        assert torch.isfinite(x.grad).all()


def test_half_precision_sums_in_single() -> None:
    gcn = RandomWalkGCN(D, affinity="exp").bfloat16()
    x = torch.randn(2, 4, D).bfloat16()
    assert gcn.transition(x).dtype == torch.float32
    assert gcn(x).dtype == torch.bfloat16
    expected = gcn.float()(x.float())
    torch.testing.assert_close(gcn.bfloat16()(x).float(), expected, atol=0.05, rtol=0.05)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        torch.testing.assert_close(gcn.float()(x.float()), expected, atol=0.05, rtol=0.05)


@pytest.mark.parametrize("options", list(OPTIONS))
def test_default_options_run_on_the_op(options: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """All but a layer with boxes, whose scores stand in a matrix already."""
    calls = []
    whole = random_walk_conv.complete_graph_walk
    monkeypatch.setattr(random_walk_conv, "complete_graph_walk", lambda *args: calls.append(1) or whole(*args))
    gcn = RandomWalkGCN(D, **OPTIONS[options])
    run(gcn, "ptr", torch.randn(sum(COUNTS), D), boxes(sum(COUNTS), torch.float32))
    assert len(calls) == (0 if gcn.layers[0].location else gcn.num_layers)
