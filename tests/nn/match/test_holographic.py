from __future__ import annotations

import pytest
import torch
from torch import Tensor

from graphvtr.errors import DataError
from graphvtr.nn import HolographicMatch, Level


def correlation(a: Tensor, b: Tensor) -> Tensor:
    """The text below Eq 23, term by term: O(d^2)."""
    d = len(a)
    return torch.stack([sum((a[i] * b[(k + i) % d] for i in range(d)), a.new_zeros(())) for k in range(d)])


def by_definition(match: HolographicMatch, video: Tensor, text: Tensor) -> Tensor:
    return torch.stack([torch.stack([torch.sigmoid(match.linear(correlation(v, t)))[0] for t in text]) for v in video])


def by_fft(match: HolographicMatch, video: Tensor, text: Tensor) -> Tensor:
    """One transform a pair, as HolE's code has it."""
    spectrum = torch.fft.rfft(video).conj()[:, None] * torch.fft.rfft(text)[None]
    return torch.sigmoid(match.linear(torch.fft.irfft(spectrum, n=video.size(1)))).squeeze(-1)


@pytest.mark.parametrize(("videos", "texts", "channels"), [(3, 4, 6), (4, 2, 7), (1, 1, 1), (2, 5, 2)])
def test_equals_definition_and_fft_values_and_gradients(videos, texts, channels) -> None:
    match = HolographicMatch(channels).double()
    video = torch.randn(videos, channels, dtype=torch.float64, requires_grad=True)
    text = torch.randn(texts, channels, dtype=torch.float64, requires_grad=True)
    wanted = (video, text, match.linear.weight, match.linear.bias)
    grad = torch.randn(videos, texts, dtype=torch.float64)
    scores = match(Level(video), Level(text))
    found = torch.autograd.grad(scores, wanted, grad)
    for other in (by_definition, by_fft):
        expected = other(match, video, text)
        torch.testing.assert_close(scores, expected)
        torch.testing.assert_close(found, torch.autograd.grad(expected, wanted, grad))


def test_correlation_is_not_convolution() -> None:
    """Order matters: exchanging the sides is another score (unless w is symmetric)."""
    match = HolographicMatch(5)
    a, b = Level(torch.randn(2, 5)), Level(torch.randn(3, 5))
    assert not torch.allclose(match(a, b), match(b, a).T)


def test_a_weight_of_one_entry_is_the_inner_product() -> None:
    match = HolographicMatch(6)
    with torch.no_grad():
        match.linear.weight.zero_()[0, 0] = 1.0
        match.linear.bias.zero_()
    video, text = torch.randn(2, 6), torch.randn(3, 6)
    torch.testing.assert_close(match(Level(video), Level(text)), torch.sigmoid(video @ text.T))
    torch.testing.assert_close(match.logits(Level(video), Level(text)), video @ text.T)


def test_normalize_forgets_length() -> None:
    video, text = torch.randn(2, 6), torch.randn(3, 6)
    match = HolographicMatch(6, normalize=True)
    torch.testing.assert_close(match(Level(video), Level(text)), match(Level(7 * video), Level(text / 3)))
    plain = HolographicMatch(6)
    assert not torch.allclose(plain(Level(video), Level(text)), plain(Level(7 * video), Level(text / 3)))


@pytest.mark.parametrize("sizes", [(0, 3), (3, 0), (0, 0)])
def test_empty(sizes) -> None:
    scores = HolographicMatch(4)(Level(torch.zeros(sizes[0], 4)), Level(torch.zeros(sizes[1], 4)))
    assert scores.shape == sizes


def test_compiles() -> None:
    match = HolographicMatch(6)
    video, text = torch.randn(2, 6), torch.randn(3, 6)
    compiled = torch.compile(lambda v, t: match(Level(v), Level(t)), fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(video, text), match(Level(video), Level(text)))


def test_bad_levels() -> None:
    match = HolographicMatch(4)
    ragged = Level(torch.zeros(2, 4), torch.tensor([0, 1, 2]))
    with pytest.raises(DataError, match="text level: holds sets"):
        match(Level(torch.zeros(2, 4)), ragged)
    with pytest.raises(DataError, match="video level: is 3 wide"):
        match(Level(torch.zeros(2, 3)), Level(torch.zeros(2, 4)))
