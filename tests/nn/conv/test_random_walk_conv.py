"""The layer along edges, its weights and its place among PyG's layers."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch_geometric.explain import Explainer, GNNExplainer

from graphvtr.errors import DataError
from graphvtr.nn import DenseRandomWalkGCN, RandomWalkGCN, RandomWalkGCNConv
from tests.nn.conv.walks import (
    COUNTS,
    OPTIONS,
    D,
    boxes,
    complete_edges,
    run,
    temporal_edges,
)


def test_gradcheck() -> None:
    gcn = RandomWalkGCN(3, affinity="softplus", num_steps=2).double()
    x = torch.randn(5, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: gcn(x, ptr=torch.tensor([0, 2, 2, 5])), x)
    assert torch.autograd.gradcheck(lambda x: gcn(x, complete_edges([2, 0, 3])), x)


def test_nodes_without_edges_have_no_context() -> None:
    gcn = RandomWalkGCN(D)
    x = torch.randn(3, D)
    out = gcn(x, torch.tensor([[0, 1], [1, 1]]))
    assert torch.equal(out[[0, 2]], x[[0, 2]])
    assert not torch.equal(out[1], x[1])
    assert torch.equal(gcn(x, torch.zeros(2, 0, dtype=torch.long)), x)


def test_one_set_of_weights() -> None:
    options = {"batch_norm": True, "location": True, "temporal": True}
    conv, dense = RandomWalkGCNConv(D, **options), DenseRandomWalkGCN(D, **options)
    dense.load_state_dict(conv.state_dict())
    stack = RandomWalkGCN(D, **options)
    stack.layers[0].load_state_dict(dense.state_dict())
    x, box = torch.randn(4, 5, D), boxes(20, torch.float32).view(4, 5, 4)
    edges = {"edge_index": complete_edges([5] * 4), "temporal_edge_index": temporal_edges([5] * 4, torch.zeros(4))}
    expected = dense(x, box=box)
    torch.testing.assert_close(stack(x, box=box), expected)
    torch.testing.assert_close(conv(x.flatten(0, 1), box=box.flatten(0, 1), **edges).view_as(x), expected)
    one = dense(x, box=box, clip=torch.arange(4))  # every frame its own clip: nothing comes from before
    assert not torch.allclose(one[1:], expected[1:])


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("temporal", [False, True])
def test_zero_init_is_the_identity(batch_norm: bool, temporal: bool) -> None:
    x = torch.randn(2, 4, D)
    options = {"num_layers": 2, "batch_norm": batch_norm, "temporal": temporal}
    gcn = RandomWalkGCN(D, zero_init=True, **options)
    assert torch.equal(gcn(x), x)
    gcn(x).square().sum().backward()
    last = gcn.layers[0].norm if batch_norm else gcn.layers[0].residual
    assert last.weight.grad.abs().max() > 0
    assert not torch.allclose(RandomWalkGCN(D, zero_init=False, **options)(x), x)


def test_no_reasoning_has_no_parameters() -> None:
    gcn = RandomWalkGCN(D, normalization="none")
    x = torch.randn(2, 4, D)
    assert list(gcn.parameters()) == []
    assert torch.equal(gcn(x), x)
    assert torch.equal(gcn(x[0], complete_edges([4])), x[0])
    for call in (
        lambda: gcn.transition(x),
        lambda: gcn.layers[0](x[0], complete_edges([4]), return_attention_weights=True),
    ):
        with pytest.raises(DataError, match="no transition matrix"):
            call()


def test_a_seed_gives_the_weights_again() -> None:
    gcn = RandomWalkGCN(D, batch_norm=True, location=True, temporal=True)
    before = {name: value.clone() for name, value in gcn.state_dict().items()}
    torch.manual_seed(5)
    gcn.reset_parameters()
    first = gcn.layers[0].phi.weight.clone()
    assert not torch.equal(first, before["layers.0.phi.weight"])
    assert not torch.equal(gcn.layers[0].edge_bias.mlp[0].weight, before["layers.0.edge_bias.mlp.0.weight"])
    torch.manual_seed(5)
    gcn.reset_parameters()
    assert torch.equal(gcn.layers[0].phi.weight, first)


@pytest.mark.parametrize("training", [False, True])
def test_a_hook_sees_the_messages(training: bool) -> None:
    conv = RandomWalkGCNConv(D, num_steps=2).train(training)
    x, edge_index = torch.randn(5, D), complete_edges([3, 2])
    expected = conv(x, edge_index)
    seen: list[Tensor] = []
    handle = conv.register_message_forward_hook(lambda module, inputs, out: seen.append(out))
    torch.testing.assert_close(conv(x, edge_index), expected)
    handle.remove()
    assert [list(message.shape) for message in seen] == [[13, D], [13, D]]
    conv(x, edge_index)
    assert len(seen) == 2


def test_explainer_masks_the_edges_as_given() -> None:
    """A mask over the edges takes messages away, whatever order the edges come in."""
    conv = RandomWalkGCNConv(D).double()
    x, edge_index = torch.randn(5, D, dtype=torch.float64), complete_edges([3, 2])
    _, (_, matrix) = conv(x, edge_index, return_attention_weights=True)
    kept = torch.arange(13) % 3 > 0
    conv.explain, conv._edge_mask, conv._apply_sigmoid = True, kept.double(), False
    conv._loop_mask = torch.ones(13, dtype=torch.bool)
    context = torch.zeros_like(x)
    for weight, (source, target) in zip(matrix[kept], edge_index[:, kept].T.tolist(), strict=True):
        context[target] += weight * x[source]
    torch.testing.assert_close(conv(x, edge_index), x + conv.residual(conv.gcn(context)))
    explainer = Explainer(
        RandomWalkGCNConv(D),
        GNNExplainer(epochs=3),
        explanation_type="model",
        edge_mask_type="object",
        model_config={"mode": "regression", "task_level": "node", "return_type": "raw"},
    )
    assert explainer(x.float(), edge_index).edge_mask.shape == (13,)


@pytest.mark.parametrize("path", ["ptr", "dense"])
@pytest.mark.parametrize("options", list(OPTIONS))
def test_message_passing_when_asked(options: str, path: str) -> None:
    gcn = RandomWalkGCN(D, **OPTIONS[options]).double()
    x, box = torch.randn(sum(COUNTS), D, dtype=torch.float64), boxes(sum(COUNTS))
    expected = run(gcn, path, x, box)
    seen: list[Tensor] = []
    for layer in gcn.layers:
        layer.register_propagate_forward_hook(lambda module, inputs, out: seen.append(out))
    torch.testing.assert_close(run(gcn, path, x, box), expected)
    assert len(seen) >= gcn.num_layers


def test_repr() -> None:
    assert repr(DenseRandomWalkGCN(4, affinity="exp", num_steps=2)) == (
        "DenseRandomWalkGCN(4, normalization=random_walk, affinity=exp, num_steps=2)"
    )
