from __future__ import annotations

from functools import partial

import pytest
import torch
from torch import Tensor

from graphvtr.errors import DataError
from graphvtr.ops import gather_segment_reduce, segment_reduce
from graphvtr.ops.segment_reduce import REDUCTIONS, segment_reduce_reference

PTR = torch.tensor([0, 2, 2, 5])


def ops(target, ptr: Tensor, reduce: str):
    (moved,) = target.move(ptr)
    return lambda x: segment_reduce(x, moved, reduce), lambda x: segment_reduce_reference(x, ptr, reduce)


@pytest.mark.parametrize("reduce", REDUCTIONS)
@pytest.mark.parametrize("width", [1, 33])
def test_values_and_gradients(target, compare, dtype, ptr, width, reduce) -> None:
    op, reference = ops(target, ptr, reduce)
    compare(op, reference, [torch.randn(int(ptr[-1]), width)], dtype, target.device)


@pytest.mark.parametrize("reduce", REDUCTIONS)
@pytest.mark.parametrize("trailing", [(), (0,), (3, 5)])
def test_any_trailing_shape_and_int32_pointers(target, compare, trailing, reduce) -> None:
    op, reference = ops(target, PTR.int(), reduce)
    compare(op, reference, [torch.randn(5, *trailing)], torch.float32, target.device)


@pytest.mark.parametrize("reduce", REDUCTIONS)
def test_poisoned_memory_and_bitwise_repeat(target, poisoned, repeats, ptr, reduce) -> None:
    op, _ = ops(target, ptr, reduce)
    x = torch.randn(int(ptr[-1]), 7).to(target.device)
    assert torch.isfinite(op(x)).all()
    repeats(op, [x])


@pytest.mark.parametrize("reduce", REDUCTIONS)
def test_gradcheck(target, reduce) -> None:
    x = torch.randn(5, 3, dtype=torch.float64, device=target.device, requires_grad=True)
    assert torch.autograd.gradcheck(ops(target, PTR, reduce)[0], (x,))


def test_equal_extremes_share_the_gradient(target) -> None:
    x = torch.tensor([2.0, 2.0, 1.0, 5.0], device=target.device, requires_grad=True)
    op, _ = ops(target, torch.tensor([0, 3, 4]), "max")
    op(x).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [0.5, 0.5, 0.0, 1.0]


def test_half_precision_sums_in_single(target) -> None:
    x = torch.full((4096,), 0.001, dtype=torch.float16, device=target.device)  # 16-bit sums would stall near 2
    op, _ = ops(target, torch.tensor([0, 4096]), "sum")
    assert op(x).item() == pytest.approx(float(x[0]) * 4096, rel=1e-3)


@pytest.mark.parametrize(
    ("x", "ptr", "reduce", "item"),
    [
        (torch.ones(3, dtype=torch.long), torch.tensor([0, 3]), "sum", "x"),
        (torch.ones(3), torch.tensor([0.0, 3.0]), "sum", "ptr"),
        (torch.ones(3), torch.tensor([[0, 3]]), "sum", "ptr"),
        (torch.ones(3), torch.empty(0, dtype=torch.long), "sum", "ptr"),
        (torch.ones(3), torch.tensor([0, 2]), "sum", "ptr"),
        (torch.ones(3), torch.tensor([1, 3]), "sum", "ptr"),
        (torch.ones(3), torch.tensor([0, 2, 1, 3]), "sum", "ptr"),
        (torch.ones(3), torch.tensor([0, 3]), "product", "reduce"),
    ],
)
def test_bad_input_is_named(x, ptr, reduce, item) -> None:
    with pytest.raises(DataError, match=f"^{item}: "):
        segment_reduce(x, ptr, reduce)


def test_reference_by_hand() -> None:
    x = torch.tensor([[1.0, -1.0], [3.0, -5.0], [7.0, 2.0]])
    reduce = partial(segment_reduce_reference, x, torch.tensor([0, 2, 2, 3]))
    assert reduce("sum").tolist() == [[4.0, -6.0], [0.0, 0.0], [7.0, 2.0]]
    assert reduce("mean").tolist() == [[2.0, -3.0], [0.0, 0.0], [7.0, 2.0]]
    assert reduce("max").tolist() == [[3.0, -1.0], [0.0, 0.0], [7.0, 2.0]]
    assert reduce("min").tolist() == [[1.0, -5.0], [0.0, 0.0], [7.0, 2.0]]


@pytest.mark.parametrize("reduce", ["max", "min"])
def test_nan_comes_through(target, reduce) -> None:
    x = torch.tensor([[1.0, 2.0], [float("nan"), 3.0], [0.5, 4.0], [7.0, 8.0]])
    moved, ptr, index = target.move(x, torch.tensor([0, 3, 4]), torch.arange(4))
    for out in (segment_reduce(moved, ptr, reduce), gather_segment_reduce(moved, index, ptr, reduce)):
        assert out.cpu().isnan().tolist() == [[True, False], [False, False]]
