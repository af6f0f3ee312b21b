from __future__ import annotations

import pytest
import torch
from torch import Tensor

from graphvtr.errors import DataError
from graphvtr.ops import gather_segment_reduce
from graphvtr.ops.gather_segment_reduce import gather_segment_reduce_reference
from graphvtr.ops.segment_reduce import REDUCTIONS


def pair(target, graph, reduce: str, weighted: bool = True):
    """The op and its reference over the edges of a graph."""
    ptr, col = target.move(graph.ptr, graph.col)

    def op(x: Tensor, *weight: Tensor) -> Tensor:
        return gather_segment_reduce(x, col, ptr, reduce, *weight)

    def reference(x: Tensor, *weight: Tensor) -> Tensor:
        return gather_segment_reduce_reference(x, graph.col, graph.ptr, reduce, *weight)

    return op, reference


@pytest.mark.parametrize("reduce", REDUCTIONS)
@pytest.mark.parametrize("weighted", [False, True])
def test_values_and_gradients(target, compare, dtype, graph, weighted, reduce) -> None:
    inputs = [torch.randn(graph.nodes, 33), *([torch.randn(graph.edges)] if weighted else [])]
    compare(*pair(target, graph, reduce), inputs, dtype, target.device)


@pytest.mark.parametrize("reduce", REDUCTIONS)
@pytest.mark.parametrize(
    ("rows", "weight"),
    [((), ()), ((3,), (1,)), ((3,), (3,)), ((2, 5), (2, 1)), ((2, 5), (2, 5)), ((2, 5), (1, 5)), ((2, 5), ())],
)
def test_weights_widen_to_the_rows(target, compare, two_trees, rows, weight, reduce) -> None:
    inputs = [torch.randn(two_trees.nodes, *rows), torch.randn(two_trees.edges, *weight)]
    compare(*pair(target, two_trees, reduce), inputs, torch.float32, target.device)


def test_rows_may_be_fewer_or_more_than_segments(target, compare) -> None:
    col, ptr = torch.tensor([4, 4, 0], dtype=torch.int32), torch.tensor([0, 3, 3], dtype=torch.int32)
    moved = target.move(col, ptr)
    compare(
        lambda x: gather_segment_reduce(x, *moved),
        lambda x: gather_segment_reduce_reference(x, col, ptr),
        [torch.randn(5, 4)],
        torch.float32,
        target.device,
    )


def test_it_is_a_sparse_product(target) -> None:
    x, weight, index, ptr = target.move(
        torch.randn(4, 3), torch.randn(5), torch.tensor([3, 0, 0, 2, 1]), torch.tensor([0, 3, 3, 5])
    )
    matrix = torch.zeros(3, 4, device=x.device)
    matrix[0, 3], matrix[0, 0], matrix[2, 2], matrix[2, 1] = weight[0], weight[1] + weight[2], weight[3], weight[4]
    torch.testing.assert_close(gather_segment_reduce(x, index, ptr, "sum", weight), matrix @ x)


@pytest.mark.parametrize("reduce", REDUCTIONS)
def test_poisoned_memory_and_bitwise_repeat(target, poisoned, repeats, graph, reduce) -> None:
    op, _ = pair(target, graph, reduce)
    inputs = target.move(torch.randn(graph.nodes, 5), torch.randn(graph.edges))
    assert torch.isfinite(op(*inputs)).all()
    repeats(op, list(inputs))


@pytest.mark.parametrize("reduce", REDUCTIONS)
def test_gradcheck(target, two_trees, reduce) -> None:
    op, _ = pair(target, two_trees, reduce)
    x = torch.randn(two_trees.nodes, 2, dtype=torch.float64, device=target.device, requires_grad=True)
    weight = torch.rand(two_trees.edges, dtype=torch.float64, device=target.device).add(0.5).requires_grad_()
    assert torch.autograd.gradcheck(op, (x, weight))


def test_mixed_dtypes_widen(target) -> None:
    x, weight = target.move(torch.randn(2, 3).bfloat16(), torch.randn(2))
    index, ptr = target.move(torch.tensor([0, 1]), torch.tensor([0, 2]))
    assert gather_segment_reduce(x, index, ptr, "sum", weight).dtype == torch.float32


X, INDEX, PTR = torch.ones(3, 2), torch.tensor([0, 2]), torch.tensor([0, 2])


@pytest.mark.parametrize(
    ("args", "item"),
    [
        ((X.long(), INDEX, PTR), "x"),
        ((X, INDEX.float(), PTR), "index"),
        ((X, torch.tensor([0, 3]), PTR), "index"),
        ((X, torch.tensor([-1, 0]), PTR), "index"),
        ((X, INDEX, torch.tensor([0, 1])), "ptr"),
        ((X, INDEX, PTR, "median"), "reduce"),
        ((X, INDEX, PTR, "sum", torch.ones(3)), "weight"),
        ((X, INDEX, PTR, "sum", torch.ones(2, 3)), "weight"),
        ((X, INDEX, PTR, "sum", torch.ones(2, 1, 1)), "weight"),
        ((X, INDEX, PTR, "sum", torch.ones(2).long()), "weight"),
    ],
)
def test_bad_input_is_named(args, item) -> None:
    with pytest.raises(DataError, match=f"^{item}: "):
        gather_segment_reduce(*args)
