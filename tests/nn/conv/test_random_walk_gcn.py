"""Every path of the stack against the definition, and its options."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from graphvtr.errors import DataError
from graphvtr.nn import DenseRandomWalkGCN, RandomWalkGCN, RandomWalkGCNConv
from tests.nn.conv.walks import (
    AFFINITIES,
    CLIP,
    COUNTS,
    NORMALIZATIONS,
    OPTIONS,
    D,
    boxes,
    complete_edges,
    make_ptr,
    pad,
    reference_layer,
    run,
)


@pytest.mark.parametrize("path", ["edges", "ptr", "batch", "dense"])
@pytest.mark.parametrize("affinity", AFFINITIES)
@pytest.mark.parametrize("normalization", NORMALIZATIONS)
@pytest.mark.parametrize("options", list(OPTIONS))
def test_every_path_is_the_definition(path: str, affinity: str, normalization: str, options: str) -> None:
    torch.manual_seed(3)
    gcn = RandomWalkGCN(D, normalization=normalization, affinity=affinity, **OPTIONS[options]).double()
    x, box = torch.randn(sum(COUNTS), D, dtype=torch.float64), boxes(sum(COUNTS))
    weight = torch.randn(sum(COUNTS), D, dtype=torch.float64)
    expected, wanted = x.clone().requires_grad_(), [x, *gcn.parameters()]
    out = expected
    for layer in gcn.layers:
        out = reference_layer(layer, out, COUNTS, CLIP, box)
    wanted = torch.autograd.grad((out * weight).sum(), [expected, *gcn.parameters()])
    given = x.clone().requires_grad_()
    found = run(gcn, path, given, box)
    torch.testing.assert_close(found, out, atol=1e-10, rtol=1e-9)
    gradients = torch.autograd.grad((found * weight).sum(), [given, *gcn.parameters()])
    for gradient, right in zip(gradients, wanted, strict=True):
        torch.testing.assert_close(gradient, right, atol=1e-9, rtol=1e-8)


@pytest.mark.parametrize("affinity", AFFINITIES)
@pytest.mark.parametrize("normalization", NORMALIZATIONS)
def test_permutation_equivariance(affinity: str, normalization: str) -> None:
    gcn = RandomWalkGCN(D, num_layers=2, affinity=affinity, normalization=normalization, location=True).double()
    x, box, order = torch.randn(7, D, dtype=torch.float64), boxes(7), torch.randperm(7)
    edge_index = complete_edges([7])[:, :20]  # any graph, not the complete one
    place = torch.empty_like(order)
    place[order] = torch.arange(7)
    for graph, permuted in (
        ({"edge_index": edge_index}, {"edge_index": place[edge_index]}),
        ({"ptr": torch.tensor([0, 7])}, {"ptr": torch.tensor([0, 7])}),
    ):
        torch.testing.assert_close(gcn(x[order], box=box[order], **permuted), gcn(x, box=box, **graph)[order])


@pytest.mark.parametrize("options", list(OPTIONS))
@pytest.mark.parametrize("counts", [[0, 0], [0], [], [1], [0, 2]])
def test_empty_frames(options: str, counts: list[int]) -> None:
    gcn = RandomWalkGCN(D, affinity="exp", **OPTIONS[options])
    x, box = torch.randn(sum(counts), D, requires_grad=True), boxes(sum(counts), torch.float32)
    box_or_none = box if gcn.layers[0].location else None
    out = gcn(x, ptr=make_ptr(counts), box=box_or_none)
    assert out.shape == x.shape
    assert torch.isfinite(out).all()
    out.sum().backward()
    assert torch.isfinite(x.grad).all()
    if counts and max(counts):
        dense, mask = pad(x.detach(), counts)
        out = gcn(dense, mask=mask, box=None if box_or_none is None else pad(box, counts)[0])
        assert torch.isfinite(out).all()


def test_compiles() -> None:
    torch._dynamo.reset()
    gcn = RandomWalkGCN(D, num_layers=2, num_steps=2)
    x = torch.randn(3, 5, D, requires_grad=True)
    mask = torch.rand(3, 5) > 0.3
    whole = torch.compile(gcn, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(whole(x, mask=mask), gcn(x, mask=mask))
    (compiled,) = torch.autograd.grad(whole(x, mask=mask).square().sum(), x)
    torch.testing.assert_close(compiled, torch.autograd.grad(gcn(x, mask=mask).square().sum(), x)[0])


@pytest.mark.parametrize("affinity", AFFINITIES)
def test_compiles_ragged(affinity: str) -> None:
    torch._dynamo.reset()
    gcn, x, ptr = RandomWalkGCN(D, affinity=affinity), torch.randn(5, D), make_ptr([4, 0, 1])
    whole = torch.compile(gcn, fullgraph=True, backend="eager")  # how the op compiles: tests/ops/test_registration.py
    torch.testing.assert_close(whole(x, ptr=ptr), gcn(x, ptr=ptr))


def test_compiles_along_edges() -> None:
    torch._dynamo.reset()
    gcn, x, edges = RandomWalkGCN(D), torch.randn(5, D), complete_edges([4, 0, 1])
    torch.testing.assert_close(torch.compile(gcn, backend="eager")(x, edges), gcn(x, edges))


def test_misspelt_options_are_named() -> None:
    with pytest.raises(TypeError, match=r"RandomWalkGCN\.__init__.*'num_layer'"):
        RandomWalkGCN(D, num_layer=2)
    with pytest.raises(TypeError, match=r"RandomWalkGCNConv\.__init__.*'num_step'"):
        RandomWalkGCNConv(D, num_step=2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"normalization": "column"}, "normalization: is 'column'"),
        ({"affinity": "relu"}, "affinity: is 'relu'"),
        ({"num_steps": 0}, "num_steps: is 0"),
        ({"num_layers": 0}, "num_layers: is 0"),
        ({"eps": 0.0}, "eps: is 0.0"),
        ({"key_channels": 0}, "key_channels: is 0"),
        ({"in_channels": 0}, "in_channels: is 0"),
    ],
)
def test_wrong_options(options: dict[str, object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        RandomWalkGCN(**{"in_channels": D, **options})


X, PTR, EDGES = torch.zeros(4, D), torch.tensor([0, 4]), torch.zeros(2, 1, dtype=torch.long)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"x": X}, "graphs: are missing"),
        ({"x": X, "ptr": PTR, "batch": torch.zeros(4).long()}, "batch and ptr"),
        ({"x": X, "ptr": torch.tensor([0, 3])}, "ptr"),
        ({"x": X, "batch": torch.tensor([0, 1, 0, 1])}, "batch: is not sorted"),
        ({"x": X[:, :2], "ptr": PTR}, r"RandomWalkGCN\w*: x: has features"),
        ({"x": X, "ptr": PTR, "mask": torch.ones(1, 4).bool()}, "mask: comes with"),
        ({"x": X[None], "mask": torch.ones(1, 3).bool()}, "mask: is torch.bool of shape"),
        ({"x": X[None], "mask": torch.ones(1, 4)}, "mask: is torch.float32"),
        ({"x": X[None], "ptr": PTR}, "x: has shape"),
        ({"x": X, "edge_index": EDGES.float()}, "edge_index: is torch.float32"),
        ({"x": X, "edge_index": EDGES[0]}, "edge_index: is torch.int64 of shape"),
        ({"x": X, "edge_index": EDGES, "mask": torch.ones(1, 4).bool()}, "mask: comes with edge_index"),
        ({"x": X, "edge_index": EDGES, "temporal_edge_index": EDGES}, "temporal_edge_index: is not used"),
        ({"x": X, "ptr": PTR, "temporal_edge_index": EDGES}, "comes without edge_index"),
    ],
)
def test_wrong_inputs(inputs: dict[str, Tensor], message: str) -> None:
    with pytest.raises(DataError, match=message):
        RandomWalkGCN(D)(**inputs)


def test_options_that_need_more() -> None:
    with pytest.raises(DataError, match="box: is missing"):
        RandomWalkGCN(D, location=True)(X, ptr=PTR)
    with pytest.raises(DataError, match="box: has shape"):
        RandomWalkGCN(D, location=True)(X, EDGES, box=torch.zeros(4, 3))
    with pytest.raises(DataError, match="clip: has shape"):
        RandomWalkGCN(D, temporal=True)(X, ptr=PTR, clip=torch.zeros(3))
    with pytest.raises(DataError, match=r"give \[B, n, d\]"):
        DenseRandomWalkGCN(D)(X)
