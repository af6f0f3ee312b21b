from __future__ import annotations

import pytest
import torch

from graphvtr.errors import DataError
from graphvtr.ops import holographic_keys, holographic_scores
from graphvtr.ops.holographic_scores import holographic_scores_reference


def by_definition(v: torch.Tensor, t: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    """The sums of the paper, one term at a time."""
    width = len(w)
    correlation = [sum(v[i] * t[(i + k) % width] for i in range(width)) for k in range(width)]
    return sum((w[k] * correlation[k] for k in range(width)), torch.zeros(()))


@pytest.mark.parametrize("width", [1, 2, 5, 8])
def test_three_forms_agree(target, width) -> None:
    v, t, w = torch.randn(3, width), torch.randn(4, width), torch.randn(width)
    wanted = torch.stack([torch.stack([by_definition(one, other, w) for other in t]) for one in v])
    transforms = torch.fft.rfft(v)[:, None].conj() * torch.fft.rfft(t)[None]
    torch.testing.assert_close(torch.fft.irfft(transforms, n=width) @ w, wanted, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(holographic_scores_reference(v, t, w), wanted, rtol=1e-4, atol=1e-5)
    found = holographic_scores(*target.move(v, t, w)).cpu()
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(v @ holographic_keys(t, w).T, wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("videos", "captions"), [(0, 3), (3, 0), (1, 1), (7, 4), (4, 7)])
@pytest.mark.parametrize("width", [1, 8, 33])
def test_values_and_gradients(target, compare, dtype, videos, captions, width) -> None:
    inputs = [torch.randn(videos, width), torch.randn(captions, width), torch.randn(width)]
    compare(holographic_scores, holographic_scores_reference, inputs, dtype, target.device, factor=2)


def test_gradcheck(target) -> None:
    leaves = [torch.randn(*shape, dtype=torch.float64, device=target.device) for shape in ((2, 5), (3, 5), (5,))]
    assert torch.autograd.gradcheck(holographic_scores, [x.requires_grad_() for x in leaves])


def test_poisoned_memory_and_bitwise_repeat(target, poisoned, repeats) -> None:
    repeats(holographic_scores, list(target.move(torch.randn(3, 9), torch.randn(2, 9), torch.randn(9))))


V, T, W = torch.ones(2, 3), torch.ones(4, 3), torch.ones(3)


@pytest.mark.parametrize(
    ("args", "item"),
    [((V.long(), T, W), "v"), ((V, T[0], W), "t"), ((V, torch.ones(4, 2), W), "t"), ((V, T, torch.ones(2)), "w")],
)
def test_bad_input_is_named(args, item) -> None:
    with pytest.raises(DataError, match=f"^{item}: "):
        holographic_scores(*args)
