from __future__ import annotations

import pytest
import torch
from torch import Tensor

from graphvtr.errors import DataError
from graphvtr.ops import complete_edges, role_attention, segment_attention
from graphvtr.ops.role_attention import role_attention_reference

ROLES, SCALE = 5, 0.3


def pair(target, graph):
    """The op and its reference over the edges of a graph, with the weights; roles where a fourth input is given."""
    ptr, col, role = target.move(graph.ptr, graph.col, graph.role)

    def op(q: Tensor, k: Tensor, v: Tensor, *weight: Tensor) -> tuple[Tensor, Tensor]:
        roles = (role, *weight) if weight else ()
        return role_attention(q, k, v, ptr, col, *roles, scale=SCALE, return_weights=True)

    def reference(q: Tensor, k: Tensor, v: Tensor, *weight: Tensor) -> tuple[Tensor, Tensor]:
        roles = (graph.role, *weight) if weight else (None, None)
        return role_attention_reference(q, k, v, graph.ptr, graph.col, *roles, SCALE)

    return op, reference


def inputs(nodes: int, heads: tuple[int, ...], key: int, value: int, roles: bool = True) -> list[Tensor]:
    shapes = [(nodes, *heads, key), (nodes, *heads, key), (nodes, *heads, value)]
    return [torch.randn(*shape) for shape in [*shapes, *([(ROLES, *heads, value)] if roles else [])]]


@pytest.mark.parametrize("roles", [False, True])
def test_values_and_gradients(target, compare, dtype, graph, roles) -> None:
    compare(*pair(target, graph), inputs(graph.nodes, (), 33, 17, roles), dtype, target.device)


@pytest.mark.parametrize("heads", [1, 3])
@pytest.mark.parametrize("roles", [False, True])
def test_heads(target, compare, two_trees, heads, roles) -> None:
    compare(
        *pair(target, two_trees), inputs(two_trees.nodes, (heads,), 8, 5, roles), torch.float32, target.device, factor=2
    )


def test_two_sets_of_nodes_and_int32(target, compare) -> None:
    ptr, col = torch.tensor([0, 2, 2, 3], dtype=torch.int32), torch.tensor([4, 0, 4], dtype=torch.int32)
    moved = target.move(ptr, col)
    compare(
        lambda q, k, v: role_attention(q, k, v, *moved, scale=SCALE),
        lambda q, k, v: role_attention_reference(q, k, v, ptr, col, None, None, SCALE)[0],
        [torch.randn(3, 4), torch.randn(5, 4), torch.randn(5, 6)],
        torch.float32,
        target.device,
    )


def test_scale_is_one_over_root_of_the_key_width(target, two_trees) -> None:
    tensors = target.move(*inputs(two_trees.nodes, (), 16, 16, roles=False), two_trees.ptr, two_trees.col)
    torch.testing.assert_close(role_attention(*tensors), role_attention(*tensors, scale=0.25))


def test_edges_of_the_complete_graph_give_segment_attention(target) -> None:
    ptr = torch.tensor([0, 3, 4, 4, 9])
    (q, k, v), (moved,) = target.move(*(torch.randn(9, 2, 4) for _ in range(3))), target.move(ptr)
    out, weights = role_attention(q, k, v, *complete_edges(moved), return_weights=True)
    torch.testing.assert_close(out, segment_attention(q, k, v, moved))
    assert weights.shape == (9 + 1 + 25, 2)
    torch.testing.assert_close(weights[:3].sum(0), torch.ones(2, device=out.device))


def test_poisoned_memory_and_bitwise_repeat(target, poisoned, repeats, graph) -> None:
    op, _ = pair(target, graph)
    tensors = list(target.move(*inputs(graph.nodes, (2,), 5, 3)))
    assert all(torch.isfinite(x).all() for x in op(*tensors))
    repeats(op, tensors)


@pytest.mark.parametrize("roles", [False, True])
def test_gradcheck(target, two_trees, roles) -> None:
    op, _ = pair(target, two_trees)
    tensors = [x.double().to(target.device).requires_grad_() for x in inputs(two_trees.nodes, (2,), 3, 2, roles)]
    assert torch.autograd.gradcheck(op, tensors)


@pytest.mark.parametrize("used", [0, 1])
def test_a_loss_may_use_only_the_output_or_only_the_weights(target, two_trees, used) -> None:
    op, reference = pair(target, two_trees)
    ours = [x.to(target.device).requires_grad_() for x in inputs(two_trees.nodes, (), 4, 4)]
    theirs = [x.detach().cpu().double().requires_grad_() for x in ours]
    found = torch.autograd.grad(op(*ours)[used].square().sum(), ours[:2])
    wanted = torch.autograd.grad(reference(*theirs)[used].square().sum(), theirs[:2])
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one.cpu().double(), other, rtol=1e-4, atol=1e-5)


def test_mixed_dtypes_widen(target, two_trees) -> None:
    q, k, v, weight = inputs(two_trees.nodes, (), 4, 4)
    ptr, col, role = target.move(two_trees.ptr, two_trees.col, two_trees.role)
    q, k, v, weight = target.move(q.bfloat16(), k.bfloat16(), v.bfloat16(), weight)
    assert role_attention(q, k, v, ptr, col, role, weight).dtype == torch.float32


Q, PTR, COL, ROLE, WEIGHT = (
    torch.ones(2, 4),
    torch.tensor([0, 1, 1]),
    torch.tensor([1]),
    torch.tensor([0]),
    torch.ones(1, 4),
)


@pytest.mark.parametrize(
    ("args", "item"),
    [
        ((Q.long(), Q, Q, PTR, COL), "q"),
        ((Q[0], Q[0], Q[0], PTR, COL), "q"),
        ((Q, Q.unsqueeze(1), Q, PTR, COL), "k"),
        ((Q, torch.ones(2, 3), Q, PTR, COL), "k"),
        ((Q, Q, torch.ones(3, 4), PTR, COL), "v"),
        ((Q, Q, Q, PTR[:2], COL), "ptr"),
        ((Q, Q, Q, torch.tensor([0, 2, 2]), COL), "ptr"),
        ((Q, Q, Q, PTR, COL.float()), "col"),
        ((Q, Q, Q, PTR, torch.tensor([2])), "col"),
        ((Q, Q, Q, PTR, COL, ROLE), "role_weight"),
        ((Q, Q, Q, PTR, COL, None, WEIGHT), "role"),
        ((Q, Q, Q, PTR, COL, torch.tensor([0, 0]), WEIGHT), "role"),
        ((Q, Q, Q, PTR, COL, torch.tensor([1]), WEIGHT), "role"),
        ((Q, Q, Q, PTR, COL, ROLE, torch.ones(1, 3)), "role_weight"),
    ],
)
def test_bad_input_is_named(args, item) -> None:
    with pytest.raises(DataError, match=f"^{item}: "):
        role_attention(*args)
