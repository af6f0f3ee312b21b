"""Regions of consecutive frames that show the same object."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

from graphvtr._optional import optional_import
from graphvtr.errors import DataError
from graphvtr.video.regions.base import Regions
from graphvtr.video.regions.boxes import box_iou


class FeatureRows(Protocol):
    """A tensor [R, d], or what can be read like one a few rows at a time."""

    @property
    def shape(self) -> Sequence[int]: ...

    def __getitem__(self, rows: slice, /) -> Tensor: ...


class TrackLinker:
    r"""Links the regions of each frame to those of the next one by place and appearance.

    The affinity of region i of a frame and region j of the next one is

    .. math:: a_{ij} = w\, \mathrm{IoU}(b_i, b_j) + (1 - w)\, \cos(x_i - c \bar x, x_j - c \bar x)

    with :math:`\bar x` the mean of the clip's regions, without which everything in one scene looks alike to a
    network whose features are positive, and c = 1 - 1 / (mean number of regions a frame): where a frame has one
    region, the mean is that object itself. The one-to-one assignment of largest total affinity (Hungarian method,
    ``scipy.optimize.linear_sum_assignment``) is taken, and of it the pairs whose affinity reaches
    ``min_affinity``. Chains of links are tracks.

    Args:
        overlap_weight: w, 0..1; frames far apart in time need a small one.
        min_affinity: pairs below are not linked.

    Raises:
        DataError: an argument is out of range.

    Example:
        >>> box = torch.tensor([[0.0, 0.0, 0.4, 0.4], [0.6, 0.6, 1.0, 1.0], [0.6, 0.55, 1.0, 0.95]])
        >>> regions = Regions(box, torch.ones(3), torch.tensor([0, 0, 1]))
        >>> TrackLinker()(regions, torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.1, 1.0]])).tolist()
        [-1, 0, 0]
    """

    name = "overlap and appearance"
    version = "2"

    def __init__(self, overlap_weight: float = 0.5, min_affinity: float = 0.4) -> None:
        if not 0 <= overlap_weight <= 1:
            raise DataError("overlap_weight", f"is {overlap_weight}", "give a share, 0..1")
        if not -1 <= min_affinity <= 1:
            raise DataError("min_affinity", f"is {min_affinity}", "give an affinity, -1..1")
        self.overlap_weight, self.min_affinity = overlap_weight, min_affinity

    @property
    def settings(self) -> Mapping[str, Any]:
        return {"overlap_weight": self.overlap_weight, "min_affinity": self.min_affinity}

    def __call__(self, regions: Regions, x: FeatureRows) -> Tensor:
        """Track of each region. Features are looked at a frame at a time, twice (for their mean, and to link), so they
        need not fit into memory.

        Args:
            regions: of one clip.
            x: [R, d], their features; anything with a shape whose slices are tensors.

        Returns:
            [R], int64: tracks count from 0 in the order in which they begin; -1 for regions that are linked to
            nothing.

        Raises:
            DataError: another number of features.
            MissingExtraError: scipy is not installed.
        """
        if len(x.shape) != 2 or x.shape[0] != len(regions):
            raise DataError("x", f"has shape {list(x.shape)}", f"give [{len(regions)}, d]")
        optimize = optional_import("scipy.optimize", "detect", "linking regions to tracks")
        chain = torch.arange(len(regions))  # the first region of each region's chain
        linked = torch.zeros(len(regions), dtype=torch.bool)
        for source, target, affinity in self._affinities(regions, x):
            rows, columns = (torch.from_numpy(side) for side in optimize.linear_sum_assignment(affinity, maximize=True))
            good = affinity[rows, columns] >= self.min_affinity
            before, after = source + rows[good], target + columns[good]
            chain[after] = chain[before]
            linked[before] = linked[after] = True
        track = torch.full((len(regions),), -1)
        track[linked] = chain[linked].unique(return_inverse=True)[1]
        return track

    def _affinities(self, regions: Regions, x: FeatureRows) -> Iterator[tuple[int, int, Tensor]]:
        """Of each two consecutive frames with regions: the first region of each, and the affinity of all pairs."""
        ends = [0, *torch.bincount(regions.frame).cumsum(0).tolist()]
        spans = [span for span in itertools.pairwise(ends) if span[1] > span[0]]
        if len(spans) < 2:
            return
        total = torch.zeros(x.shape[1], dtype=torch.float64)
        for begin, end in spans:
            total += x[begin:end].double().sum(0)
        common = ((1 - len(spans) / len(regions)) * total / len(regions)).float()
        previous: tuple[int, int, Tensor] | None = None
        for begin, end in itertools.pairwise(ends):
            if begin == end:  # a frame without regions ends all tracks
                previous = None
                continue
            looks = F.normalize(x[begin:end].float() - common, dim=1)
            if previous is not None:
                first, last, earlier = previous
                overlap = box_iou(regions.box[first:last].float(), regions.box[begin:end].float())
                yield first, begin, self.overlap_weight * overlap + (1 - self.overlap_weight) * earlier @ looks.T
            previous = begin, end, looks
