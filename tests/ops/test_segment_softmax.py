from __future__ import annotations

import pytest
import torch

from graphvtr.errors import DataError
from graphvtr.ops import segment_softmax
from graphvtr.ops.segment_softmax import segment_softmax_reference

PTR = torch.tensor([0, 2, 2, 5])


@pytest.mark.parametrize("width", [1, 33])
def test_values_and_gradients(target, compare, dtype, ptr, width) -> None:
    (moved,) = target.move(ptr)
    scores = torch.randn(int(ptr[-1]), width) * 4
    compare(
        lambda s: segment_softmax(s, moved), lambda s: segment_softmax_reference(s, ptr), [scores], dtype, target.device
    )


@pytest.mark.parametrize("trailing", [(), (2, 3)])
def test_any_trailing_shape_and_int32_pointers(target, compare, trailing) -> None:
    (moved,) = target.move(PTR.int())
    compare(
        lambda s: segment_softmax(s, moved),
        lambda s: segment_softmax_reference(s, PTR),
        [torch.randn(5, *trailing)],
        torch.float32,
        target.device,
    )


def test_each_segment_is_a_softmax(target) -> None:
    scores, ptr = target.move(torch.randn(5, 2), PTR)
    weights = segment_softmax(scores, ptr)
    torch.testing.assert_close(weights[:2], scores[:2].softmax(0))
    torch.testing.assert_close(weights[2:], scores[2:].softmax(0))


def test_large_and_minus_infinite_scores(target) -> None:
    scores, ptr = target.move(torch.tensor([1e4, -1e4, -torch.inf, -torch.inf, 3.0]), torch.tensor([0, 2, 4, 5]))
    assert segment_softmax(scores, ptr).tolist() == [1.0, 0.0, 0.0, 0.0, 1.0]


def test_poisoned_memory_and_bitwise_repeat(target, poisoned, repeats, ptr) -> None:
    scores, moved = target.move(torch.randn(int(ptr[-1]), 3), ptr)
    assert torch.isfinite(segment_softmax(scores, moved)).all()
    repeats(lambda s: segment_softmax(s, moved), [scores])


def test_gradcheck(target) -> None:
    scores, ptr = target.move(torch.randn(5, 2, dtype=torch.float64), PTR)
    assert torch.autograd.gradcheck(lambda s: segment_softmax(s, ptr), (scores.requires_grad_(),))


@pytest.mark.parametrize(
    ("score", "ptr", "item"),
    [
        (torch.ones(3, dtype=torch.int32), torch.tensor([0, 3]), "score"),
        (torch.ones(3), torch.tensor([0.0, 3.0]), "ptr"),
        (torch.ones(3), torch.tensor([0, 4]), "ptr"),
    ],
)
def test_bad_input_is_named(score, ptr, item) -> None:
    with pytest.raises(DataError, match=f"^{item}: "):
        segment_softmax(score, ptr)
