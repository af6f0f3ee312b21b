"""What needs no training: ridge regression and canonical correlation of captions and videos, and a model's start."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from graphvtr.errors import DataError
from graphvtr.nn.precision import full_precision, widened
from graphvtr.ops import gather_segment_reduce, index_to_ptr

STRENGTHS = tuple(10.0**power for power in range(-4, 4))
TEXT_STRENGTHS, VIDEO_STRENGTHS = (0.1, 0.3, 1.0, 3.0), (0.3, 1.0, 3.0)
LARGER = (10.0, 30.0, 100.0)
"""What few clips need: tried, one after another, where the largest strength so far is the best."""


class RidgeSolver:
    r"""All ridge regressions of one training set: one eigendecomposition serves every strength.

    With x a caption's vector and y that of its video, both less their training means, the map of strength
    :math:`\lambda` is

    .. math::
        W = \Bigl(X^\top X + \lambda\, \tfrac{\operatorname{tr} X^\top X}{d}\, I\Bigr)^{-1} X^\top Y

    over all training captions.

    Args:
        text: [Nt, d], captions.
        video: [Nv, D], videos.
        owner: [Nt], the video of each caption.
    """

    def __init__(self, text: Tensor, video: Tensor, owner: Tensor) -> None:
        text, video = text.double(), video.double()[owner]
        self.text_mean, self.video_mean = text.mean(0), video.mean(0)
        x, y = text - self.text_mean, video - self.video_mean
        values, self.basis = torch.linalg.eigh(x.T @ x)
        self.values = values.clamp(min=0)
        self.target = self.basis.T @ (x.T @ y)  # [d, D]

    def map(self, strength: float) -> Tensor:
        """W, [d, D]."""
        ridge = strength * self.values.mean()
        return self.basis @ (self.target / (self.values + ridge)[:, None])

    def scores(self, strength: float, text: Tensor, video: Tensor) -> Tensor:
        """Cosines of videos and mapped captions, [Nv, Nt]."""
        predicted = (text.double() - self.text_mean) @ self.map(strength)
        return normalize(video.double() - self.video_mean, dim=1) @ normalize(predicted, dim=1).T


class CanonicalSolver:
    r"""All regularised canonical correlation analyses of one training set.

    Both sides are whitened with a ridge of their own, :math:`\tilde C = C + \lambda \tfrac{\operatorname{tr} C}{d} I`,
    and

    .. math::
        \tilde C_{xx}^{-1/2} C_{xy} \tilde C_{yy}^{-1/2} = U S V^\top, \qquad
        A = \tilde C_{xx}^{-1/2} U S^{1/2}, \qquad B = \tilde C_{yy}^{-1/2} V S^{1/2}

    so that the product of the two sides, x A and y B, weighs every pair of directions by its correlation. Ridge
    regression leaves the videos' own loud directions as loud as they are; this does not. (Hotelling, 1936; the ridges:
    Vinod, 1976.)

    Args:
        text: [Nt, d], captions.
        video: [Nv, D], videos.
        owner: [Nt], the video of each caption.
    """

    def __init__(self, text: Tensor, video: Tensor, owner: Tensor) -> None:
        count, captions = len(text), torch.bincount(owner, minlength=len(video)).double()[:, None]
        video = video.double()
        self.text_mean, self.video_mean = text.double().mean(0), (captions * video).sum(0) / count
        y = video - self.video_mean
        within = text.new_zeros(text.size(1), text.size(1), dtype=torch.double)
        for rows in torch.arange(count).split(4096):  # all captions at once, in double precision, fill gigabytes
            x = text[rows] - self.text_mean.to(text.dtype)
            within += x.T @ x
        owner, order = owner.sort(stable=True)
        of_video = gather_segment_reduce(text, order, index_to_ptr(owner, len(video))).double()
        of_video -= captions * self.text_mean
        directions = (torch.linalg.eigh(within / count), _directions((captions / count).sqrt() * y))
        self._values, bases = zip(*directions, strict=True)
        self._bases = bases
        self._means = [values.sum() / side.size(1) for values, side in zip(self._values, (text, video), strict=True)]
        self._cross = bases[0].T @ (of_video.T @ y / count) @ bases[1]

    def maps(self, text_strength: float, video_strength: float, components: int) -> tuple[Tensor, Tensor]:
        """A and B, [d, k] and [D, k]; k is ``components``, or fewer where a side has no more directions."""
        scales = []
        strengths = (text_strength, video_strength)
        for values, mean, strength in zip(self._values, self._means, strengths, strict=True):
            scales.append((values.clamp(min=0) + strength * mean.clamp(min=0) + values.new_tensor(1e-12)).rsqrt())
        correlation, left, right = _leading(scales[0][:, None] * self._cross * scales[1], components)
        root = correlation.sqrt()
        a, b = (basis * scale for basis, scale in zip(self._bases, scales, strict=True))
        return a @ left * root, b @ right * root


def _directions(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Eigenvalues and eigenvectors, in columns, of ``rows.T @ rows``; where rows are fewer than they are wide, those of
    the directions that they span, from the smaller matrix of their products."""
    if rows.size(0) >= rows.size(1):
        return torch.linalg.eigh(rows.T @ rows)
    values, within = torch.linalg.eigh(rows @ rows.T)
    there = values > 1e-13 * values[-1]
    return values[there], rows.T @ within[:, there] / values[there].sqrt()


def _leading(matrix: Tensor, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """The largest singular values of a matrix and their vectors in columns: eigenvectors of the smaller Gram matrix,
    which take a tenth of the time of a full decomposition."""
    if matrix.size(0) > matrix.size(1):
        values, right, left = _leading(matrix.T, count)
        return values, left, right
    squares, left = torch.linalg.eigh(matrix @ matrix.T)
    values, left = squares.flip(0)[:count].clamp(min=0).sqrt(), left.flip(1)[:, :count]
    return values, left, matrix.T @ left / values.clamp(min=1e-12)


class ClosedFormStart(nn.Module):
    r"""A solved closed form as a part of a model: unit vectors of both sides whose product is its score.

    Its means and maps are buffers, saved with the model and never trained. Until it is solved it gives zeros.

    Args:
        text_dim: d, width of a caption's vector.
        video_dim: D, width of a video's vector.
        components: k of a :class:`CanonicalSolver`; None for a :class:`RidgeSolver`.
        scaled: whether all channels of a video get the same spread before a canonical correlation, whose ridge silences
            those of small units otherwise. It is a part of the map that is kept.

    Raises:
        DataError: a ridge regression that is to be ``scaled``: it scores videos in their own coordinates.
    """

    text_mean: Tensor
    video_mean: Tensor
    text_map: Tensor
    video_map: Tensor | None
    spread: Tensor | None

    def __init__(self, text_dim: int, video_dim: int, components: int | None = None, scaled: bool = False) -> None:
        super().__init__()
        if scaled and components is None:
            raise DataError("scaled", "is True for a ridge regression", "use it with a canonical correlation")
        self.components = None if components is None else min(components, text_dim, video_dim)
        self.register_buffer("text_mean", torch.zeros(text_dim))
        self.register_buffer("video_mean", torch.zeros(video_dim))
        self.register_buffer("text_map", torch.zeros(text_dim, self.components or video_dim))
        video_map = None if self.components is None else torch.zeros(video_dim, self.components)
        self.register_buffer("video_map", video_map)
        self.register_buffer("spread", torch.ones(video_dim) if scaled else None)

    def solve(
        self,
        text: Tensor,
        video: Tensor,
        owner: Tensor,
        held_out: tuple[Tensor, Tensor],
        score: Callable[[Tensor], float],
    ) -> float:
        """Solve on captions and videos; the strengths are those of the best score on others (:func:`best_of_grid`).

        Args:
            text: [Nt, d].
            video: [Nv, D].
            owner: [Nt], the video of each caption.
            held_out: other captions and videos.
            score: how good scores [videos, captions] of these are.

        Returns:
            The best score.
        """
        spread = video.new_ones(video.size(1))
        if self.spread is not None:
            spread = video.std(0, correction=0)
            spread = spread.where(spread > 1e-4 * video.abs().amax(0), 1.0)  # what does not vary is not blown up
            self.spread.copy_(spread)
        solver: RidgeSolver | CanonicalSolver
        axes: list[Sequence[float]]
        if self.components is None:
            solver, axes = RidgeSolver(text, video, owner), [STRENGTHS]
        else:
            solver, axes = CanonicalSolver(text, video / spread, owner), [TEXT_STRENGTHS, VIDEO_STRENGTHS]
        self.text_mean.copy_(solver.text_mean)
        self.video_mean.copy_(solver.video_mean * spread)

        def rated(*strengths: float) -> float:
            self._take(solver, strengths, spread)
            return score(self.video(held_out[1]) @ self.text(held_out[0]).T)

        best, strengths = best_of_grid(rated, axes)
        self._take(solver, strengths, spread)
        return best

    def text(self, x: Tensor) -> Tensor:
        """Captions [N, d] -> unit vectors [N, k], or [N, D] of a ridge regression."""
        with full_precision(x.device):  # a half has no room for the least length that a division needs
            return normalize((widened(x) - self.text_mean) @ self.text_map, dim=1)

    def video(self, y: Tensor) -> Tensor:
        """Videos [N, D] -> unit vectors [N, k], or [N, D] of a ridge regression."""
        with full_precision(y.device):
            y = widened(y) - self.video_mean
            return normalize(y if self.video_map is None else y @ self.video_map, dim=1)

    def standard(self, y: Tensor) -> Tensor:
        """Videos [N, D] with every channel centred and its spread at 1 where the start is ``scaled``, else as given."""
        return y if self.spread is None else (y - self.video_mean.to(y.dtype)) / self.spread.to(y.dtype)

    def _take(self, solver: RidgeSolver | CanonicalSolver, strengths: tuple[float, ...], spread: Tensor) -> None:
        if isinstance(solver, RidgeSolver):
            self.text_map.copy_(solver.map(*strengths))
        elif self.components is not None and self.video_map is not None:
            text_map, video_map = solver.maps(strengths[0], strengths[1], self.components)
            for own, found in ((self.text_map, text_map), (self.video_map, video_map / spread[:, None])):
                own.zero_()[:, : found.size(1)] = found  # where a side has fewer directions, the rest says nothing


def best_of_grid(score: Callable[..., float], axes: Sequence[Sequence[float]]) -> tuple[float, tuple[float, ...]]:
    """The best score and its point, of equals the one of the largest strengths.

    Args:
        score: of a strength an axis.
        axes: strengths, ascending. An axis grows by :data:`LARGER` while its last one is the best.

    Example:
        >>> best_of_grid(lambda x, y: -abs(x - 11) - abs(y - 1), [(0.1, 1.0), (1.0, 3.0)])
        (-1.0, (10.0, 1.0))
    """
    grid, scores = [list(axis) for axis in axes], dict[tuple[float, ...], float]()
    while True:
        for point in itertools.product(*grid):
            if point not in scores:
                scores[point] = score(*point)
        best = max(scores, key=lambda point: (scores[point], point))
        ends = [axis for axis, at in zip(grid, best, strict=True) if at == axis[-1] < LARGER[-1]]
        if not ends:
            return scores[best], best
        for axis in ends:
            axis.append(next(larger for larger in LARGER if larger > axis[-1]))
