from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from graphvtr.errors import DataError
from graphvtr.nn import FocalBCELoss


def by_definition(logits: Tensor, labels: Tensor, alpha: float, gamma: float, negatives: str) -> Tensor:
    """Eq 35 entry by entry in float64."""
    total = logits.new_zeros(())
    for x, y in zip(logits.flatten(), labels.flatten().tolist(), strict=True):
        p = 1 / (1 + torch.exp(-x))
        if y:
            total = total - alpha * (1 - p) ** gamma * torch.log(p)
        else:
            weight = p if negatives == "focal" else 1 - p
            total = total - alpha * weight**gamma * torch.log(1 - p)
    return total / logits.numel()


@pytest.mark.parametrize("negatives", ["focal", "printed"])
@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0, 5.0])
def test_equals_the_definition(negatives, gamma) -> None:
    logits = (3 * torch.randn(5, 7, dtype=torch.float64)).requires_grad_()
    labels = torch.rand(5, 7) < 0.3
    loss = FocalBCELoss(0.25, gamma, negatives)(logits, labels)
    expected = by_definition(logits, labels, 0.25, gamma, negatives)
    torch.testing.assert_close(loss, expected)
    printed = FocalBCELoss(0.25, gamma, negatives, norm="batch")(logits, labels)
    torch.testing.assert_close(printed, expected * 7)  # a sum over the classes
    torch.testing.assert_close(*(torch.autograd.grad(value, logits)[0] for value in (loss, expected)))


def test_the_two_negatives_differ_where_they_should() -> None:
    wrong, right = torch.tensor([[3.0]]), torch.tensor([[-3.0]])
    absent = torch.zeros(1, 1)
    focal, printed = FocalBCELoss(negatives="focal"), FocalBCELoss(negatives="printed")
    assert focal(wrong, absent) > 100 * focal(right, absent)
    assert printed(wrong, absent) < printed(right, absent)  # as printed, a right negative costs more than a wrong one
    present = torch.ones(1, 1)
    assert focal(wrong, present) == printed(wrong, present)


def test_without_focus_it_is_binary_cross_entropy() -> None:
    logits, labels = torch.randn(4, 6), torch.rand(4, 6)  # soft labels too
    expected = F.binary_cross_entropy_with_logits(logits, labels)
    torch.testing.assert_close(FocalBCELoss(alpha=1.0, gamma=0.0)(logits, labels), expected)


@pytest.mark.parametrize("negatives", ["focal", "printed"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_stable_at_extreme_logits(negatives, dtype) -> None:
    extreme = [-1e4, -100.0, -30.0, 0.0, 30.0, 100.0, 1e4]
    logits = torch.tensor([extreme, extreme], dtype=dtype).requires_grad_()
    labels = torch.tensor([[1] * 7, [0] * 7])
    loss = FocalBCELoss(negatives=negatives)(logits, labels)
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(logits.grad).all()
    one = FocalBCELoss(negatives=negatives)(torch.tensor([[-100.0]]), torch.ones(1, 1))
    assert one.item() == pytest.approx(0.25 * 100.0)  # a present label called absent costs its logit
    sure = FocalBCELoss(negatives=negatives)(torch.tensor([[100.0]]), torch.zeros(1, 1))
    assert sure.item() == pytest.approx(25.0 if negatives == "focal" else 0.0)
    assert FocalBCELoss(negatives=negatives)(torch.tensor([[100.0]]), torch.ones(1, 1)).item() == 0.0


def test_gradcheck() -> None:
    logits = torch.randn(2, 3, dtype=torch.float64, requires_grad=True)
    labels = torch.tensor([[1, 0, 1], [0, 0, 1]])
    for negatives in ("focal", "printed"):
        assert torch.autograd.gradcheck(lambda x, n=negatives: FocalBCELoss(negatives=n)(x, labels), logits)


def test_mask_averages_each_item_over_what_is_left() -> None:
    logits, labels = torch.randn(4, 5, dtype=torch.float64), torch.rand(4, 5) < 0.5
    mask = torch.tensor([[1, 1, 1, 1, 1], [1, 0, 0, 0, 0], [0, 0, 0, 0, 0], [0, 1, 1, 0, 1]], dtype=torch.bool)
    loss = FocalBCELoss(alpha=1.0)
    entry = torch.stack(
        [
            torch.stack([loss(x[None, None], y[None, None]) for x, y in zip(*row, strict=True)])
            for row in zip(logits, labels, strict=True)
        ]
    )
    expected = (entry[0].mean() + entry[1, 0] + entry[3, [1, 2, 4]].mean()) / 3
    torch.testing.assert_close(loss(logits, labels, mask), expected)
    everything = torch.ones_like(mask)
    torch.testing.assert_close(loss(logits, labels, everything), loss(logits, labels))


@pytest.mark.parametrize("shape", [(0, 4), (3, 0), (0, 0)])
def test_nothing_costs_nothing_and_stays_in_the_graph(shape) -> None:
    logits = torch.zeros(shape, requires_grad=True)
    for mask in (None, torch.zeros(shape, dtype=torch.bool)):
        loss = FocalBCELoss()(logits, torch.zeros(shape), mask)
        assert loss.item() == 0.0
        loss.backward()
    masked = FocalBCELoss()(torch.randn(2, 2), torch.zeros(2, 2), torch.zeros(2, 2, dtype=torch.bool))
    assert masked.item() == 0.0


def test_compiles() -> None:
    loss = FocalBCELoss()
    logits, labels = torch.randn(3, 4), torch.rand(3, 4) < 0.5
    compiled = torch.compile(loss, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(logits, labels), loss(logits, labels))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"alpha": -1.0}, "alpha: is -1.0"),
        ({"gamma": -0.1}, "gamma: is -0.1"),
        ({"negatives": "hard"}, "negatives: is"),
    ],
)
def test_bad_options(options, message) -> None:
    with pytest.raises(DataError, match=message):
        FocalBCELoss(**options)


def test_bad_shapes() -> None:
    with pytest.raises(DataError, match=r"labels: has shape \[2, 3\] for \[3, 2\]"):
        FocalBCELoss()(torch.zeros(3, 2), torch.zeros(2, 3))
    with pytest.raises(DataError, match=r"mask: has shape \[2\]"):
        FocalBCELoss()(torch.zeros(3, 2), torch.zeros(3, 2), torch.zeros(2, dtype=torch.bool))
    assert math.isclose(
        FocalBCELoss()(torch.zeros(1, 1), torch.ones(1, 1)).item(), 0.25 * 0.25 * math.log(2), rel_tol=1e-6
    )
