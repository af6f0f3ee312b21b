"""The closed form against NumPy's least squares, and as the start of a model."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn.functional import normalize

from graphvtr.errors import DataError
from graphvtr.nn import closed_form
from graphvtr.nn.closed_form import (
    LARGER,
    STRENGTHS,
    TEXT_STRENGTHS,
    VIDEO_STRENGTHS,
    CanonicalSolver,
    ClosedFormStart,
    RidgeSolver,
    best_of_grid,
)


def problem() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    text, video = torch.randn(30, 4, dtype=torch.float64), torch.randn(7, 5, dtype=torch.float64)
    return text, video, torch.randint(7, (30,))


@pytest.mark.parametrize("strength", [1e-3, 1.0, 50.0])
def test_the_map_is_that_of_the_normal_equations(strength: float) -> None:
    text, video, owner = problem()
    solver = RidgeSolver(text, video, owner)
    x, y = text.numpy() - text.numpy().mean(0), video[owner].numpy() - video[owner].numpy().mean(0)
    gram = x.T @ x
    expected = np.linalg.solve(gram + strength * np.trace(gram) / 4 * np.eye(4), x.T @ y)
    np.testing.assert_allclose(solver.map(strength).numpy(), expected, atol=1e-10)


def test_canonical_maps_whiten_both_sides_and_weigh_by_correlation() -> None:
    text, video, owner = problem()
    a, b = CanonicalSolver(text, video, owner).maps(0.0, 0.0, 3)
    x, y = (text - text.mean(0)) @ a, (video[owner] - video[owner].mean(0)) @ b
    covariance = x.T @ y / len(x)
    of_text, of_video = x.T @ x / len(x), y.T @ y / len(y)
    # the root of a correlation on each side: variances are the correlations, and so squared across
    torch.testing.assert_close(of_text, torch.diag(of_text.diagonal()), atol=1e-9, rtol=1e-9)
    torch.testing.assert_close(of_text, of_video, atol=1e-6, rtol=1e-6)
    torch.testing.assert_close(covariance, torch.diag(of_text.diagonal() ** 2), atol=1e-6, rtol=1e-6)
    ridged, _ = CanonicalSolver(text, video, owner).maps(10.0, 0.0, 3)
    assert ridged.norm() < a.norm()


def test_few_videos_of_many_channels_have_the_maps_of_the_whole_covariance(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    text, video = torch.randn(30, 4, dtype=torch.float64), torch.randn(7, 40, dtype=torch.float64)
    owner = torch.arange(30) % 7
    small = CanonicalSolver(text, video, owner)
    monkeypatch.setattr(closed_form, "_directions", lambda rows: torch.linalg.eigh(rows.T @ rows))
    whole = CanonicalSolver(text, video, owner)
    assert small._bases[1].shape == (40, 6)
    for strengths in ((0.1, 0.01), (1.0, 10.0)):
        (a, b), (wide_a, wide_b) = (solver.maps(*strengths, 3) for solver in (small, whole))
        products = [(text - text.mean(0)) @ one @ other.T @ video.T for one, other in ((a, b), (wide_a, wide_b))]
        torch.testing.assert_close(*products, atol=1e-8, rtol=1e-6)
    start = ClosedFormStart(4, 40, 4).double()
    start.solve(text, video, owner, (text, video), lambda found: 0.0)
    assert start.video_map is not None
    assert start.video_map.shape == (40, 4)


@pytest.mark.parametrize("components", [None, 3])
def test_a_start_takes_the_best_solution_on_held_out_items(components: int | None) -> None:
    text, video, owner = problem()
    start = ClosedFormStart(4, 5, components).double()
    assert start.text(text).abs().max() == 0  # nothing solved yet
    seen: list[torch.Tensor] = []

    def score(found: torch.Tensor) -> float:
        seen.append(found.clone())
        return 1.0 if len(seen) == 3 else 0.0

    assert start.solve(text, video, owner, (text[:6], video), score) == 1.0
    assert len(seen) > 3
    torch.testing.assert_close(start.video(video) @ start.text(text[:6]).T, seen[2])
    if components is None:
        torch.testing.assert_close(seen[2], RidgeSolver(text, video, owner).scores(STRENGTHS[2], text[:6], video))
    else:
        a, b = CanonicalSolver(text, video, owner).maps(TEXT_STRENGTHS[0], VIDEO_STRENGTHS[2], 3)
        x, y = (text[:6] - text.mean(0)) @ a, (video - video[owner].mean(0)) @ b
        torch.testing.assert_close(seen[2], normalize(y, dim=1) @ normalize(x, dim=1).T)


def test_of_equal_solutions_the_smoothest_is_taken() -> None:
    text, video, owner = problem()
    start = ClosedFormStart(4, 5).double()
    start.solve(text, video, owner, (text, video), lambda scores: 0.0)
    torch.testing.assert_close(start.text_map, RidgeSolver(text, video, owner).map(STRENGTHS[-1]))


def test_few_clips_find_the_strengths_that_they_need() -> None:
    text, video, owner = problem()
    start = ClosedFormStart(4, 5, 3).double()
    wanted = CanonicalSolver(text, video, owner).maps(0.3, LARGER[1], 3)

    def score(found: torch.Tensor) -> float:
        x, y = (text - text.mean(0)) @ wanted[0], (video - video[owner].mean(0)) @ wanted[1]
        return -float((found - normalize(y, dim=1) @ normalize(x, dim=1).T).abs().max())

    assert start.solve(text, video, owner, (text, video), score) > -1e-9
    asked: list[tuple[float, ...]] = []
    assert best_of_grid(lambda *at: asked.append(at) or 0.0, [(1.0,), (200.0,)]) == (0.0, (LARGER[-1], 200.0))
    assert len(asked) == 1 + len(LARGER)


def test_scaled_it_does_not_matter_in_which_unit_a_channel_is() -> None:
    text, video, owner = problem()
    units = torch.tensor([1.0, 1000.0, 0.01, 5.0, 20.0]).double()
    found, standard = [], []
    for seen in (video, video * units):
        start = ClosedFormStart(4, 5, 3, scaled=True).double()
        start.solve(
            text, seen, owner, (text, seen), lambda scores: float(scores[owner, torch.arange(len(owner))].sum())
        )
        found.append(start.video(seen) @ start.text(text).T)
        standard.append(start.standard(seen))
    torch.testing.assert_close(found[1], found[0])
    torch.testing.assert_close(standard[1], standard[0])
    torch.testing.assert_close(standard[0].std(0, correction=0), torch.ones(5).double())
    torch.testing.assert_close(standard[0][owner].mean(0), torch.zeros(5).double())  # captions count
    assert ClosedFormStart(4, 5, 3).double().standard(video) is video
    constant = torch.cat([video, torch.ones(len(video), 1)], 1)  # a channel without a spread says nothing
    start = ClosedFormStart(4, 6, 3, scaled=True).double()
    start.solve(text, constant, owner, (text, constant), lambda scores: 0.0)
    assert start.video(constant).isfinite().all()
    torch.testing.assert_close(start.standard(constant)[:, 5], torch.zeros(len(video)).double())
    with pytest.raises(DataError, match="scaled: is True for a ridge regression"):
        ClosedFormStart(4, 5, None, scaled=True)
