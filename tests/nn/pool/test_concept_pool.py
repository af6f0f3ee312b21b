from __future__ import annotations

import math

import pytest
import torch

from graphvtr.errors import DataError
from graphvtr.nn import ConceptPool
from graphvtr.nn.pool.concept_pool import mean_of_top


@pytest.mark.parametrize("lengths", [(9, 1, 0, 8, 17), (3,), (0, 0), ()])
def test_mean_of_top(lengths) -> None:
    ptr = torch.tensor([0, *lengths]).cumsum(0)
    x = torch.rand(int(ptr[-1]), 4, dtype=torch.float64, requires_grad=True)
    found = mean_of_top(x, ptr)
    expected = x.new_zeros(len(lengths), 4)
    for index, part in enumerate(x.split(list(lengths))):
        if len(part):
            count = math.ceil(len(part) / 8)
            expected[index] = torch.stack([c.sort(descending=True).values[:count].mean() for c in part.T])
    torch.testing.assert_close(found, expected)
    if x.numel():
        grad = torch.randn_like(found)
        torch.testing.assert_close(*(torch.autograd.grad(value, x, grad)[0] for value in (found, expected)))


@pytest.mark.parametrize("kernel", [1, 3, 5])
def test_elements_do_not_see_the_next_sequence(kernel) -> None:
    pool = ConceptPool(4, 3, kernel).eval()
    x = torch.randn(6, 4)
    together, of_elements = pool(x, torch.tensor([0, 4, 6]))
    for index, part in enumerate(x.split([4, 2])):
        alone, elements = pool(part, torch.tensor([0, len(part)]))
        torch.testing.assert_close(alone[0], together[index])
        torch.testing.assert_close(elements, of_elements.split([4, 2])[index])


def test_nothing() -> None:
    ptr = torch.tensor([0, 2])
    assert ConceptPool(4, 0)(torch.randn(2, 4), ptr)[0].shape == (1, 0)
    of_videos, of_frames = ConceptPool(4, 3)(torch.zeros(0, 4), torch.tensor([0, 0]))
    assert of_videos.tolist() == [[0.0] * 3]
    assert of_frames.shape == (0, 3)
    with pytest.raises(DataError, match="kernel: is 2"):
        ConceptPool(4, 3, kernel=2)
