"""The three paths of the random walk layer against loops over nodes, and against each other."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch import Tensor, nn
from torch_geometric.explain import Explainer, GNNExplainer

from graphvtr.errors import DataError
from graphvtr.nn import DenseRandomWalkGCN, RandomWalkGCN, RandomWalkGCNConv
from graphvtr.nn.conv import random_walk_gcn

D = 6
COUNTS = [3, 0, 5, 1, 4, 0]  # regions a frame
CLIP = torch.tensor([0, 0, 0, 0, 1, 1])
NORMALIZATIONS = ["random_walk", "symmetric", "row", "none"]
AFFINITIES = ["dot", "softplus", "exp"]
TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-10}


def make_ptr(counts: list[int]) -> Tensor:
    return torch.tensor([0, *itertools.accumulate(counts)])


def complete_edges(counts: list[int]) -> Tensor:
    """All pairs within each graph, i = j included, in shuffled order."""
    pairs, begin = [], 0
    for count in counts:
        pairs += [(begin + i, begin + j) for i in range(count) for j in range(count)]
        begin += count
    return torch.tensor(pairs)[torch.randperm(len(pairs))].T


def temporal_edges(counts: list[int], clip: Tensor) -> Tensor:
    """From every region of a frame to every region of the next one of the same clip."""
    begin = make_ptr(counts).tolist()
    pairs = [
        (begin[b - 1] + j, begin[b] + i)
        for b in range(1, len(counts))
        if clip[b] == clip[b - 1]
        for i in range(counts[b])
        for j in range(counts[b - 1])
    ]
    return torch.tensor(pairs).T


def boxes(count: int, dtype: torch.dtype = torch.float64) -> Tensor:
    corner = torch.rand(count, 2, dtype=dtype) / 2
    return torch.cat([corner, corner + 0.1 + torch.rand(count, 2, dtype=dtype) * 0.4], dim=1)


def pad(rows: Tensor, counts: list[int], fill: float = 0.0) -> tuple[Tensor, Tensor]:
    dense = rows.new_full((len(counts), max(counts), rows.size(1)), fill)
    mask = torch.zeros(len(counts), max(counts), dtype=torch.bool)
    for b, part in enumerate(rows.split(counts)):
        dense[b, : len(part)], mask[b, : len(part)] = part, True
    return dense, mask


# ---- the reference: one frame, one pair of nodes at a time ----------------------------------------------------------


def geometry(a: list[float], b: list[float]) -> Tensor:
    wa, ha, wb, hb = a[2] - a[0], a[3] - a[1], b[2] - b[0], b[3] - b[1]
    dx = ((b[0] + b[2]) / 2 - (a[0] + a[2]) / 2) / wa
    dy = ((b[1] + b[3]) / 2 - (a[1] + a[3]) / 2) / ha
    both = max(0, min(a[2], b[2]) - max(a[0], b[0])) * max(0, min(a[3], b[3]) - max(a[1], b[1]))
    iou = both / (wa * ha + wb * hb - both)
    return torch.tensor(
        [math.asinh(dx), math.asinh(dy), math.log(wb / wa), math.log(hb / ha), iou], dtype=torch.float64
    )


def affinity_of(score: Tensor, affinity: str) -> Tensor:
    return {"dot": lambda r: r, "softplus": lambda r: (1 + r.exp()).log(), "exp": torch.exp}[affinity](score)


def normalize(matrix: Tensor, normalization: str) -> Tensor:
    n, m = matrix.shape
    rows, columns = matrix.sum(1), matrix.sum(0)
    out = torch.zeros_like(matrix)
    for i in range(n):
        for j in range(m):
            out[i, j] = (
                matrix[i, j]
                / {
                    "random_walk": rows[i],
                    "symmetric": (rows[i].abs() * columns[j].abs()).sqrt(),
                    "row": torch.tensor(float(m)),
                }[normalization]
            )
    return out


def reference_layer(layer: nn.Module, x: Tensor, counts: list[int], clip: Tensor, box: Tensor) -> Tensor:
    """One layer by Eq 1, 7 and 12, frame by frame."""
    if layer.normalization == "none":
        return x
    frames, places = x.split(counts), box.split(counts)
    walked, before = [], []
    for b, v in enumerate(frames):
        score = torch.zeros(len(v), len(v), dtype=x.dtype)
        for i in range(len(v)):
            for j in range(len(v)):
                score[i, j] = layer.phi(v[i]) @ layer.theta(v[j]) + layer.theta(v[i]) @ layer.phi(v[j])
                if layer.location:
                    for one, other in ((i, j), (j, i)):
                        edge = geometry(places[b][one].tolist(), places[b][other].tolist())
                        score[i, j] = score[i, j] + layer.edge_bias.mlp(edge).squeeze()
        matrix = normalize(affinity_of(score, layer.affinity), layer.normalization)
        step = v
        for _ in range(layer.num_steps):
            step = matrix @ step
        walked.append(step)
        past = torch.zeros_like(v)
        if layer.temporal and b > 0 and clip[b] == clip[b - 1] and len(frames[b - 1]) and len(v):
            score = layer.temporal_phi(v) @ layer.temporal_theta(frames[b - 1]).T
            past = normalize(affinity_of(score, layer.affinity), layer.normalization) @ frames[b - 1]
        before.append(past)
    out = layer.residual(layer.gcn(torch.cat(walked)))
    if layer.temporal:
        out = out + layer.temporal_gcn(torch.cat(before))
    return x + (out if layer.norm is None else layer.norm(out))


# ---- values and gradients -----------------------------------------------------------------------------------------


def run(gcn: RandomWalkGCN, path: str, x: Tensor, box: Tensor) -> Tensor:
    """The stack by one of its paths, rows as a packed batch has them."""
    options = {"box": box} if gcn.layers[0].location else {}
    temporal = gcn.layers[0].temporal
    ptr = make_ptr(COUNTS)
    if path == "edges":
        edges = {"temporal_edge_index": temporal_edges(COUNTS, CLIP)} if temporal else {}
        return gcn(x, complete_edges(COUNTS), **options, **edges)
    if path == "ptr":
        return gcn(x, ptr=ptr, clip=CLIP, **options)
    if path == "batch":
        batch = torch.repeat_interleave(torch.tensor(COUNTS))
        return gcn(x, batch=batch, clip=CLIP, **options)
    dense, mask = pad(x, COUNTS, fill=float("nan"))  # nothing of the padding may get out
    if options:
        options["box"] = pad(box, COUNTS)[0]
    out = gcn(dense, mask=mask, clip=CLIP, **options)
    assert (out[~mask] == 0).all()
    return out[mask]


OPTIONS = {
    "plain": {},
    "steps": {"num_steps": 3},
    "layers": {"num_layers": 2},
    "keys": {"key_channels": 3},
    "wide_keys": {"key_channels": 9},
    "batch_norm": {"batch_norm": True, "num_layers": 2},
    "location": {"location": True},
    "temporal": {"temporal": True},
    "all": {"num_steps": 2, "num_layers": 2, "batch_norm": True, "location": True, "temporal": True, "key_channels": 4},
}


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


def test_gradcheck() -> None:
    gcn = RandomWalkGCN(3, affinity="softplus", num_steps=2).double()
    x = torch.randn(5, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: gcn(x, ptr=torch.tensor([0, 2, 2, 5])), x)
    assert torch.autograd.gradcheck(lambda x: gcn(x, complete_edges([2, 0, 3])), x)


# ---- properties -----------------------------------------------------------------------------------------------------


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


def test_nodes_without_edges_have_no_context() -> None:
    gcn = RandomWalkGCN(D)
    x = torch.randn(3, D)
    out = gcn(x, torch.tensor([[0, 1], [1, 1]]))
    assert torch.equal(out[[0, 2]], x[[0, 2]])
    assert not torch.equal(out[1], x[1])
    assert torch.equal(gcn(x, torch.zeros(2, 0, dtype=torch.long)), x)


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


# ---- weights, options, errors ---------------------------------------------------------------------------------------


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


def test_half_precision_sums_in_single() -> None:
    gcn = RandomWalkGCN(D, affinity="exp").bfloat16()
    x = torch.randn(2, 4, D).bfloat16()
    assert gcn.transition(x).dtype == torch.float32
    assert gcn(x).dtype == torch.bfloat16
    expected = gcn.float()(x.float())
    torch.testing.assert_close(gcn.bfloat16()(x).float(), expected, atol=0.05, rtol=0.05)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        torch.testing.assert_close(gcn.float()(x.float()), expected, atol=0.05, rtol=0.05)


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
        RandomWalkGCNConv(D), GNNExplainer(epochs=3), explanation_type="model", edge_mask_type="object",
        model_config={"mode": "regression", "task_level": "node", "return_type": "raw"},
    )  # fmt: skip
    assert explainer(x.float(), edge_index).edge_mask.shape == (13,)


def test_compiles() -> None:
    torch._dynamo.reset()
    gcn = RandomWalkGCN(D, num_layers=2, num_steps=2)
    x = torch.randn(3, 5, D, requires_grad=True)
    mask = torch.rand(3, 5) > 0.3
    whole = torch.compile(gcn, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(whole(x), gcn(x))
    torch.testing.assert_close(whole(x, mask=mask), gcn(x, mask=mask))
    (compiled,) = torch.autograd.grad(whole(x).square().sum(), x)
    torch.testing.assert_close(compiled, torch.autograd.grad(gcn(x).square().sum(), x)[0])
    for affinity in AFFINITIES:
        ragged = torch.compile(RandomWalkGCN(D, affinity=affinity), fullgraph=True, backend="aot_eager")
        ptr = make_ptr([4, 0, 1])
        torch.testing.assert_close(ragged(x[0], ptr=ptr), ragged._orig_mod(x[0], ptr=ptr))
    for graph in ({"ptr": make_ptr([4, 0, 1])}, {"edge_index": complete_edges([4, 0, 1])}):
        torch.testing.assert_close(torch.compile(gcn, backend="aot_eager")(x[0], **graph), gcn(x[0], **graph))


@pytest.mark.parametrize("options", list(OPTIONS))
def test_default_options_run_on_the_op(options: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """All but a layer with boxes, whose scores stand in a matrix already."""
    calls = []
    whole = random_walk_gcn.complete_graph_walk
    monkeypatch.setattr(random_walk_gcn, "complete_graph_walk", lambda *args: calls.append(1) or whole(*args))
    gcn = RandomWalkGCN(D, **OPTIONS[options])
    run(gcn, "ptr", torch.randn(sum(COUNTS), D), boxes(sum(COUNTS), torch.float32))
    assert len(calls) == (0 if gcn.layers[0].location else gcn.num_layers)


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


def test_misspelt_options_are_named() -> None:
    with pytest.raises(TypeError, match=r"RandomWalkGCN\.__init__.*'num_layer'"):
        RandomWalkGCN(D, num_layer=2)
    with pytest.raises(TypeError, match=r"RandomWalkGCNConv\.__init__.*'num_step'"):
        RandomWalkGCNConv(D, num_step=2)


def test_repr() -> None:
    assert repr(DenseRandomWalkGCN(4, affinity="exp", num_steps=2)) == (
        "DenseRandomWalkGCN(4, normalization=random_walk, affinity=exp, num_steps=2)"
    )


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
        ({"x": X[:, :2], "ptr": PTR}, "x: has features"),
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
