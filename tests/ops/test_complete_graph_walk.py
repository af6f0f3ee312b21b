from __future__ import annotations

import sys

import pytest
import torch
from torch import Tensor

from graphvtr.errors import DataError
from graphvtr.ops import complete_graph_walk
from graphvtr.ops.complete_graph_walk import complete_graph_walk_reference
from graphvtr.ops.eager._walk_math import Walk
from graphvtr.ops.transition import AFFINITIES, NORMALIZATIONS

RAGGED = torch.tensor([0, 3, 3, 8, 9, 12])


def pair(target, ptr: Tensor, normalization: str = "random_walk", affinity: str = "dot", steps: int = 1):
    (moved,) = target.move(ptr)
    options = {"normalization": normalization, "affinity": affinity, "steps": steps}
    return (
        lambda phi, theta, x: complete_graph_walk(phi, theta, x, moved, **options),
        lambda phi, theta, x: complete_graph_walk_reference(phi, theta, x, ptr, **options),
    )


def inputs(rows: int, key: int, width: int) -> list[Tensor]:
    """Positive features: with dot products as weights, degrees stay away from 0."""
    return [torch.rand(rows, key) * 0.5 + 0.1, torch.rand(rows, key) * 0.5 + 0.1, torch.randn(rows, width)]


@pytest.mark.parametrize("normalization", NORMALIZATIONS)
@pytest.mark.parametrize("affinity", AFFINITIES)
@pytest.mark.parametrize("steps", [1, 3])
def test_values_and_gradients(target, compare, dtype, small_ptr, normalization, affinity, steps) -> None:
    op, reference = pair(target, small_ptr, normalization, affinity, steps)
    compare(op, reference, inputs(int(small_ptr[-1]), 7, 33), dtype, target.device, factor=4)


@pytest.mark.parametrize("normalization", NORMALIZATIONS)
@pytest.mark.parametrize("affinity", AFFINITIES)
@pytest.mark.parametrize(("key", "width"), [(3, 20), (3, 400), (200, 20)])
def test_large_graphs(target, compare, normalization, affinity, key, width) -> None:
    """300 nodes: through the few features where that is cheaper, else the matrix; and x both wider and narrower."""
    op, reference = pair(target, torch.tensor([0, 300, 310]), normalization, affinity, steps=2)
    scaled = [x * 0.2 if place < 2 else x for place, x in enumerate(inputs(310, key, width))]
    compare(op, reference, scaled, torch.float32, target.device, factor=10)
    compare(op, reference, scaled, torch.float64, target.device, factor=10)


def test_degrees_of_either_sign_and_near_zero(target, compare) -> None:
    """Two nodes whose weights cancel: the degree 0 is kept at eps, the other keeps its sign."""
    phi = torch.tensor([[1.0, 0.0], [-1.0, 0.0], [-1.0, 1.0], [0.0, -3.0]])
    theta = torch.tensor([[1.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.5, -1.0]])
    ptr = torch.tensor([0, 2, 4])
    for normalization in ("random_walk", "symmetric"):
        op, reference = pair(target, ptr, normalization)
        compare(op, reference, [phi, theta, torch.randn(4, 3)], torch.float64, target.device)


@pytest.mark.parametrize("affinity", ["softplus", "exp"])
def test_a_positive_affinity_gives_a_stochastic_matrix(target, affinity) -> None:
    (phi, theta, _), eye = inputs(6, 4, 1), torch.eye(6)
    op, _ = pair(target, torch.tensor([0, 6]), "random_walk", affinity)
    walk = op(*target.move(phi, theta, eye)).cpu()
    torch.testing.assert_close(walk.sum(-1), torch.ones(6))
    spectrum = torch.linalg.eigvals(eye - walk)
    assert spectrum.imag.abs().max() < 1e-5
    assert spectrum.real.min() > -1e-5
    assert spectrum.real.max() < 2


def test_exponential_affinity_does_not_overflow(target) -> None:
    phi, theta, x = target.move(torch.full((3, 1), 30.0), torch.full((3, 1), 30.0), torch.eye(3))
    (ptr,) = target.move(torch.tensor([0, 3]))
    for normalization in ("random_walk", "symmetric"):
        walked = complete_graph_walk(phi, theta, x, ptr, normalization=normalization, affinity="exp")
        torch.testing.assert_close(walked, torch.full_like(x, 1 / 3), rtol=1e-3, atol=1e-3)


def test_softplus_affinity_does_not_underflow(target) -> None:
    """Weights of exp(-200): their sums are 0 in single precision, yet rows sum to 1."""
    phi, theta, x = target.move(torch.full((3, 1), 10.0), torch.full((3, 1), -10.0), torch.eye(3))
    (ptr,) = target.move(torch.tensor([0, 3]))
    for normalization in ("random_walk", "symmetric"):
        walked = complete_graph_walk(phi, theta, x, ptr, normalization=normalization, affinity="softplus")
        torch.testing.assert_close(walked, torch.full_like(x, 1 / 3), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("dense_mask", [False, True])
def test_batches_with_and_without_a_mask_agree_with_ragged_graphs(target, dense_mask) -> None:
    phi, theta, x = (value.view(3, 6, -1) for value in inputs(18, 4, 5))
    mask = torch.ones(3, 6, dtype=torch.bool)
    if dense_mask:
        mask[0, 4:], mask[1, :] = False, False
        mask[2, ::2] = False
    ptr = torch.cat([torch.zeros(1, dtype=torch.long), mask.sum(1).cumsum(0)])
    ours = [value.clone().to(target.device).requires_grad_() for value in (phi, theta, x)]
    theirs = [value.clone().requires_grad_() for value in (phi, theta, x)]
    found = complete_graph_walk(*ours, mask=mask.to(target.device) if dense_mask else None)
    wanted = torch.zeros(3, 6, 5)
    wanted[mask] = complete_graph_walk_reference(*(value[mask] for value in theirs), ptr)
    torch.testing.assert_close(found.cpu(), wanted)
    grads = torch.autograd.grad(found.square().sum(), ours)
    for one, other in zip(grads, torch.autograd.grad(wanted.square().sum(), theirs), strict=True):
        torch.testing.assert_close(one.cpu(), other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("normalization", NORMALIZATIONS)
@pytest.mark.parametrize("affinity", AFFINITIES)
def test_gradcheck(target, normalization, affinity) -> None:
    op, _ = pair(target, RAGGED, normalization, affinity, steps=2)
    leaves = [x.double().to(target.device).requires_grad_() for x in inputs(12, 2, 3)]
    assert torch.autograd.gradcheck(op, leaves)


@pytest.mark.parametrize("normalization", NORMALIZATIONS)
@pytest.mark.parametrize("affinity", AFFINITIES)
def test_a_shift_of_every_logit(target, compare, dtype, normalization, affinity) -> None:
    (ptr,) = target.move(RAGGED)

    def op(phi, theta, x, shift):
        return complete_graph_walk(phi, theta, x, ptr, None, normalization, affinity, 2, 1e-6, shift.squeeze(0))

    def reference(phi, theta, x, shift):
        options = (normalization, affinity, 2, 1e-6)
        return complete_graph_walk_reference(phi, theta, x, RAGGED, *options, shift.squeeze(0))

    # degrees far from 0: whatever is rounded does not matter more there
    leaves = [value.abs() if affinity == "dot" else value for value in (*inputs(12, 4, 5), torch.tensor([1.5]))]
    compare(op, reference, leaves, dtype, target.device, factor=4)


def test_poisoned_memory_and_bitwise_repeat(target, poisoned, repeats, ptr) -> None:
    op, _ = pair(target, ptr)
    leaves = [x.to(target.device) for x in inputs(int(ptr[-1]), 4, 6)]
    assert torch.isfinite(op(*leaves)).all()
    repeats(op, leaves)


FLAT, BATCH, PTR = torch.ones(4, 2), torch.ones(2, 2, 2), torch.tensor([0, 4])


@pytest.mark.parametrize(
    ("args", "change", "item"),
    [
        ((FLAT.long(), FLAT, FLAT, PTR), {}, "phi"),
        ((FLAT, torch.ones(4, 3), FLAT, PTR), {}, "theta"),
        ((FLAT, FLAT, torch.ones(3, 2), PTR), {}, "phi"),
        ((FLAT, FLAT, FLAT), {}, "phi"),
        ((BATCH, BATCH, BATCH, PTR), {}, "phi"),
        ((FLAT, FLAT, FLAT, torch.tensor([0, 5])), {}, "ptr"),
        ((BATCH, BATCH, BATCH), {"mask": torch.ones(2, 3, dtype=torch.bool)}, "mask"),
        ((BATCH, BATCH, BATCH), {"mask": torch.ones(2, 2)}, "mask"),
        ((FLAT, FLAT, FLAT, PTR), {"mask": torch.ones(4, dtype=torch.bool)}, "mask"),
        ((FLAT, FLAT, FLAT, PTR), {"normalization": "none"}, "normalization"),
        ((FLAT, FLAT, FLAT, PTR), {"affinity": "cosine"}, "affinity"),
        ((FLAT, FLAT, FLAT, PTR), {"steps": 0}, "steps"),
        ((FLAT, FLAT, FLAT, PTR), {"shift": torch.ones(1)}, "shift"),
    ],
)
def test_bad_input_is_named(args, change, item) -> None:
    with pytest.raises(DataError, match=f"^{item}: "):
        complete_graph_walk(*args, **change)


@pytest.mark.parametrize("normalization", ["random_walk", "symmetric", "row"])
@pytest.mark.parametrize("steps", [1, 2])
def test_kept_logits_change_nothing(normalization: str, steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small graphs of equally many nodes keep their logits for backward; the gradients are those without."""
    phi, theta, x = (torch.randn(4 * 3, width, dtype=torch.float64) for width in (24, 24, 32))
    ptr, shift = torch.arange(5) * 3, torch.tensor(0.3, dtype=torch.float64)
    leaves = [value.requires_grad_() for value in (phi, theta, x, shift)]
    plain, computed = Walk.logits, []
    monkeypatch.setattr(Walk, "logits", lambda self, f, t: computed.append(1) or plain(self, f, t))

    def gradients() -> list[Tensor]:
        out = complete_graph_walk(*leaves[:3], ptr, None, normalization, "softplus", steps, shift=shift)
        return list(torch.autograd.grad(out, leaves, torch.ones_like(out).cumsum(0)))

    found = gradients()
    assert len(computed) == 1
    monkeypatch.setattr(sys.modules[complete_graph_walk.__module__], "KEPT_SHARE", 9)
    again = gradients()
    assert len(computed) == 3
    for a, b in zip(found, again, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)
