"""RoleGATConv against a dense float64 computation of HGR's Eq 7-10."""

from __future__ import annotations

import copy
import itertools
import math
from typing import Any

import pytest
import torch
from torch import Tensor
from torch_geometric.explain import Explainer, GNNExplainer

from graphvtr.errors import DataError
from graphvtr.nn import RoleGATConv

NODES, WIDTH, ROLES = 7, 8, 5
VARIANTS: dict[str, dict[str, Any]] = {
    "paper": {},
    "released": {"attention_channels": WIDTH // 2, "attention_bias": True, "norm": True},
    "roles": {"num_roles": ROLES},
    "heads": {"heads": 2, "num_roles": ROLES},
    "mean": {"attention": False},
    "mean, roles": {"attention": False, "num_roles": ROLES, "heads": 2},
    "other width": {"out": 6, "residual": False, "attention_channels": 4},
}


@pytest.fixture(params=list(VARIANTS))
def conv(request: pytest.FixtureRequest) -> RoleGATConv:
    options = dict(VARIANTS[request.param])
    layer = RoleGATConv(WIDTH, options.pop("out", WIDTH), **options).double()
    if layer.norm is not None:
        torch.nn.init.normal_(layer.norm.weight)
        torch.nn.init.normal_(layer.norm.bias)
    return layer


@pytest.fixture
def graph() -> tuple[Tensor, Tensor, Tensor]:
    """Features, edges in random order (node 0 receives none, node 6 none in or out), and their roles."""
    pairs = torch.tensor([(source, target) for source in range(6) for target in range(1, 6) if source != target])
    edge_index = pairs[torch.randperm(len(pairs))[:14]].t().contiguous()
    return torch.randn(NODES, WIDTH, dtype=torch.double), edge_index, torch.randint(ROLES, (14,))


def dense(conv: RoleGATConv, x: Tensor, edge_index: Tensor, role: Tensor | None) -> tuple[Tensor, dict[Any, Tensor]]:
    """Eq 7-10 node by node; also the weight of every (source, target)."""
    rows, weights = [], {}
    for i in range(len(x)):
        incoming = [edge for edge, target in enumerate(edge_index[1].tolist()) if target == i]
        context = x.new_zeros(x.size(1))
        for head in range(conv.heads):
            part = slice(head * x.size(1) // conv.heads, (head + 1) * x.size(1) // conv.heads)
            scores = []
            for edge in incoming:
                j = int(edge_index[0, edge])
                if not conv.attention:
                    scores.append(x.new_zeros(()))
                    continue
                d = conv.attention_channels // conv.heads
                channels = slice(head * d, (head + 1) * d)
                query, key = conv.lin_query.weight @ x[i], conv.lin_key.weight @ x[j]
                if conv.lin_query.bias is not None:
                    query, key = query + conv.lin_query.bias, key + conv.lin_key.bias
                scores.append(query[channels] @ key[channels] / math.sqrt(d))
            exponent = [torch.exp(score) for score in scores]
            pieces = x.new_zeros(part.stop - part.start)
            for edge, value in zip(incoming, exponent, strict=True):
                j, beta = int(edge_index[0, edge]), value / sum(exponent)
                weights[j, i, head] = beta
                message = x[j] if role is None else x[j] * conv.role_weight[role[edge]]
                pieces = pieces + beta * message[part]
            context = context + torch.cat([x.new_zeros(part.start), pieces, x.new_zeros(x.size(1) - part.stop)])
        row = conv.lin.weight @ context
        if conv.residual:
            row = x[i] + row
        if conv.norm is not None:
            row = (row - row.mean()) / torch.sqrt(row.var(correction=0) + 1e-5) * conv.norm.weight + conv.norm.bias
        rows.append(row)
    return torch.stack(rows), weights


def gradients(out: Tensor, conv: RoleGATConv, x: Tensor) -> dict[str, Tensor]:
    names, tensors = zip(*[("x", x), *conv.named_parameters()], strict=True)
    probe = torch.linspace(-1, 1, out.numel(), dtype=out.dtype).view_as(out).sin()
    return dict(zip(names, torch.autograd.grad((out * probe).sum(), tensors), strict=True))


@pytest.mark.parametrize("path", ["fused", "sorted", "message passing", "message passing, sorted"])
def test_values_and_gradients(conv: RoleGATConv, graph: tuple[Tensor, Tensor, Tensor], path: str) -> None:
    x, edge_index, role = graph
    x.requires_grad_()
    edge_role, ptr = (role if conv.num_roles else None), None
    if "sorted" in path:
        order = edge_index[1].argsort(stable=True)
        edge_index, edge_role = edge_index[:, order], None if edge_role is None else edge_role[order]
        ptr = torch.cat([torch.zeros(1, dtype=torch.long), edge_index[1].bincount(minlength=NODES).cumsum(0)])
    if "message" in path:
        out, (edges, weights) = conv(x, edge_index, edge_role, ptr=ptr, return_attention_weights=True)
        assert edges is edge_index
    else:
        out = conv(x, edge_index, edge_role, ptr=ptr)
    expected, expected_weights = dense(conv, x, edge_index, edge_role)
    torch.testing.assert_close(out, expected)
    mine, other = gradients(out, conv, x), gradients(expected, conv, x)
    for name, gradient in other.items():
        torch.testing.assert_close(mine[name], gradient, msg=name)
    if "message" in path:
        assert weights.shape == (14, conv.heads)
        for edge, head in itertools.product(range(14), range(conv.heads)):
            source, target = edge_index[:, edge].tolist()
            torch.testing.assert_close(weights[edge, head], expected_weights[source, target, head])


def test_nodes_without_in_neighbours_get_no_context(graph: tuple[Tensor, Tensor, Tensor]) -> None:
    x, edge_index, _ = graph
    conv = RoleGATConv(WIDTH, WIDTH).double()
    out = conv(x, edge_index)
    assert torch.equal(out[[0, 6]], x[[0, 6]])
    assert not torch.isclose(out[1:6], x[1:6]).all(1).any()
    normed = RoleGATConv(WIDTH, WIDTH, norm=True).double()(x, edge_index)
    torch.testing.assert_close(normed[[0, 6]], torch.nn.functional.layer_norm(x[[0, 6]], [WIDTH]))


def test_a_graph_without_edges(conv: RoleGATConv) -> None:
    x, edge_index = torch.randn(3, WIDTH).double(), torch.empty(2, 0, dtype=torch.long)
    role = torch.empty(0, dtype=torch.long) if conv.num_roles else None
    expected, _ = dense(conv, x, edge_index, role)
    torch.testing.assert_close(conv(x, edge_index, role), expected)
    out, (_, weights) = conv(x, edge_index, role, return_attention_weights=True)
    torch.testing.assert_close(out, expected)
    assert weights.shape == (0, conv.heads)


def test_no_nodes_at_all(conv: RoleGATConv) -> None:
    x, edge_index = torch.empty(0, WIDTH).double(), torch.empty(2, 0, dtype=torch.long)
    role = torch.empty(0, dtype=torch.long) if conv.num_roles else None
    assert conv(x, edge_index, role).shape == (0, conv.out_channels)
    assert conv(x, edge_index, role, return_attention_weights=True)[0].shape == (0, conv.out_channels)


def test_features_that_are_a_view(conv: RoleGATConv, graph: tuple[Tensor, Tensor, Tensor]) -> None:
    x, edge_index, role = graph
    edge_role, view = (role if conv.num_roles else None), x.t().contiguous().t()
    torch.testing.assert_close(conv(view, edge_index, edge_role), conv(x, edge_index, edge_role))
    out, _ = conv(view, edge_index, edge_role, return_attention_weights=True)
    torch.testing.assert_close(out, conv(x, edge_index, edge_role))


def test_renaming_the_nodes_renames_the_output(conv: RoleGATConv, graph: tuple[Tensor, Tensor, Tensor]) -> None:
    x, edge_index, role = graph
    edge_role = role if conv.num_roles else None
    new_name = torch.randperm(NODES)
    moved = torch.empty_like(x)
    moved[new_name] = x
    torch.testing.assert_close(conv(moved, new_name[edge_index], edge_role)[new_name], conv(x, edge_index, edge_role))


def test_float32_stays_close_to_float64(conv: RoleGATConv, graph: tuple[Tensor, Tensor, Tensor]) -> None:
    x, edge_index, role = graph
    edge_role = role if conv.num_roles else None
    single = copy.deepcopy(conv).float()(x.float(), edge_index, edge_role)
    assert single.dtype == torch.float32
    torch.testing.assert_close(single.double(), conv(x, edge_index, edge_role), rtol=1e-4, atol=1e-5)


def test_compiles_to_one_graph(conv: RoleGATConv, graph: tuple[Tensor, Tensor, Tensor]) -> None:
    x, edge_index, role = graph
    edge_role = role if conv.num_roles else None
    x.requires_grad_()
    compiled = torch.compile(conv, fullgraph=True, backend="aot_eager")
    out, expected = compiled(x, edge_index, edge_role), conv(x, edge_index, edge_role)
    torch.testing.assert_close(out, expected)
    mine, other = gradients(out, conv, x), gradients(expected, conv, x)
    for name, gradient in other.items():
        torch.testing.assert_close(mine[name], gradient, msg=name)


def test_hooks_see_the_messages_and_change_nothing(graph: tuple[Tensor, Tensor, Tensor]) -> None:
    x, edge_index, role = graph
    conv = RoleGATConv(WIDTH, WIDTH, heads=2, num_roles=ROLES).double()
    expected = conv(x, edge_index, role)
    seen: dict[str, Any] = {}
    handles = [
        conv.register_message_forward_hook(lambda module, inputs, out: seen.update(message=out)),
        conv.register_propagate_forward_pre_hook(lambda module, inputs: seen.update(propagate=inputs[0])),
        conv.register_edge_update_forward_hook(lambda module, inputs, out: seen.update(edge_update=out)),
        conv.register_aggregate_forward_hook(lambda module, inputs, out: seen.update(aggregate=out)),
    ]
    torch.testing.assert_close(conv(x, edge_index, role), expected)
    assert seen["message"].shape == (14, 2, WIDTH // 2)
    assert seen["edge_update"].shape == (14, 2)
    assert seen["aggregate"].shape == (NODES, 2, WIDTH // 2)
    assert torch.equal(seen["propagate"], edge_index)
    for handle in handles:
        handle.remove()
    seen.clear()
    conv(x, edge_index, role)
    assert not seen


def test_the_explainer_masks_edges_in_the_order_given(graph: tuple[Tensor, Tensor, Tensor]) -> None:
    x, edge_index, _ = graph
    conv = RoleGATConv(WIDTH, WIDTH).double()
    masked = 3
    conv.explain, conv._apply_sigmoid = True, False
    conv._edge_mask = torch.ones(14, dtype=torch.double)
    conv._loop_mask = torch.ones(14, dtype=torch.bool)
    torch.testing.assert_close(conv(x, edge_index), dense(conv, x, edge_index, None)[0])
    conv._edge_mask = torch.ones(14, dtype=torch.double).index_fill(0, torch.tensor([masked]), 0.0)
    source, target = edge_index[:, masked].tolist()
    _, weights = dense(conv, x, edge_index, None)
    expected = dense(conv, x, edge_index, None)[0]
    expected[target] -= conv.lin.weight @ (weights[source, target, 0] * x[source])
    torch.testing.assert_close(conv(x, edge_index), expected)


def test_gnn_explainer_runs(graph: tuple[Tensor, Tensor, Tensor]) -> None:
    x, edge_index, _ = graph
    explainer = Explainer(
        RoleGATConv(WIDTH, WIDTH).double(),
        GNNExplainer(epochs=3),
        explanation_type="model",
        edge_mask_type="object",
        model_config={"mode": "regression", "task_level": "node", "return_type": "raw"},
    )
    mask = explainer(x, edge_index).edge_mask
    assert mask.shape == (14,)
    assert (mask > 0).any()


def test_dropout_falls_on_the_context_only(graph: tuple[Tensor, Tensor, Tensor]) -> None:
    x, edge_index, _ = graph
    conv = RoleGATConv(WIDTH, WIDTH, dropout=0.5).double()
    kept = conv.eval()(x, edge_index) - x
    dropped = conv.train()(x, edge_index) - x
    ratio = (dropped / kept)[1:6]
    assert torch.isclose(ratio, torch.zeros_like(ratio)).any()
    assert (torch.isclose(ratio, torch.zeros_like(ratio)) | torch.isclose(ratio, 2 * torch.ones_like(ratio))).all()


@pytest.mark.parametrize("num_roles", [None, ROLES])
def test_lazy_width(graph: tuple[Tensor, Tensor, Tensor], num_roles: int | None) -> None:
    x, edge_index, role = graph
    edge_role = role if num_roles else None
    lazy = RoleGATConv(-1, WIDTH, num_roles=num_roles)
    assert repr(lazy) == "RoleGATConv(-1, 8, heads=1)"
    expected = lazy(x.float(), edge_index, edge_role)
    assert repr(lazy) == "RoleGATConv(8, 8, heads=1)"
    loaded = RoleGATConv(-1, WIDTH, num_roles=num_roles)
    loaded.load_state_dict(lazy.state_dict())
    assert torch.equal(loaded(x.float(), edge_index, edge_role), expected)
    with pytest.raises(DataError, match="in_channels: is 7 for out_channels = 8"):
        RoleGATConv(-1, WIDTH)(x[:, :7].float(), edge_index)


def test_reset_parameters_draws_new_ones() -> None:
    conv = RoleGATConv(WIDTH, WIDTH, num_roles=ROLES, norm=True)
    before = {name: parameter.clone() for name, parameter in conv.named_parameters()}
    conv.reset_parameters()
    for name, parameter in conv.named_parameters():
        assert torch.equal(before[name], parameter) == name.startswith("norm"), name


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"heads": 3, "attention_channels": 9}, "in_channels: is 8 \\(give a multiple of heads = 3\\)"),
        ({"heads": 2, "attention_channels": 5}, "attention_channels: is 5 \\(give a multiple of heads = 2\\)"),
        ({"out_channels": 6}, "in_channels: is 8 for out_channels = 6 \\(make them equal, or use residual=False\\)"),
    ],
)
def test_sizes_that_do_not_fit(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        RoleGATConv(**{"in_channels": 8, "out_channels": 8, **arguments})


def test_wrong_input(graph: tuple[Tensor, Tensor, Tensor]) -> None:
    x, edge_index, role = graph
    with pytest.raises(DataError, match=r"RoleGATConv: x: has shape \[7, 5\] \(give \[N, 8\]\)"):
        RoleGATConv(WIDTH, WIDTH).double()(x[:, :5], edge_index)
    with pytest.raises(DataError, match="edge_role: is not used"):
        RoleGATConv(WIDTH, WIDTH).double()(x, edge_index, role)
    with pytest.raises(DataError, match="edge_role: is missing"):
        RoleGATConv(WIDTH, WIDTH, num_roles=ROLES).double()(x, edge_index)


@pytest.mark.parametrize("variant", ["roles", "heads", "mean, roles"])
def test_roles_with_probabilities(graph: tuple[Tensor, Tensor, Tensor], variant: str) -> None:
    """One-hot rows are the roles; others mix their vectors, and have a gradient."""
    x, edge_index, role = graph
    conv = RoleGATConv(WIDTH, WIDTH, **VARIANTS[variant]).double()
    hot = torch.nn.functional.one_hot(role, ROLES).double().requires_grad_()
    torch.testing.assert_close(conv(x, edge_index, edge_attr=hot), conv(x, edge_index, role))
    (grad,) = torch.autograd.grad(conv(x, edge_index, edge_attr=hot).square().sum(), hot)
    assert (grad.norm(dim=1) > 0).all()
    with torch.no_grad():
        conv.role_weight[1] = conv.role_weight[[2, 3]].mean(0)
    mixed = hot.detach().clone()
    mixed[role == 1] = torch.tensor([0.0, 0.0, 0.5, 0.5, 0.0], dtype=torch.double)
    torch.testing.assert_close(conv(x, edge_index, edge_attr=mixed), conv(x, edge_index, role))
    for wrong, message in (
        ({"edge_attr": hot[:, :3]}, r"edge_attr: has shape \[14, 3\] \(give \[E, 5\]\)"),
        ({"edge_attr": hot, "edge_role": role}, "edge_attr: comes with edge_role"),
    ):
        with pytest.raises(DataError, match=message):
            conv(x, edge_index, **wrong)
    with pytest.raises(DataError, match="edge_attr: is not used"):
        RoleGATConv(WIDTH, WIDTH).double()(x, edge_index, edge_attr=hot)
