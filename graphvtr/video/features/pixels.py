"""A frame descriptor that needs no weights: layout, colour, edges and motion of the picture itself."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from graphvtr.errors import DataError
from graphvtr.video.features.base import FEATURIZERS, check_frames, crop, resize
from graphvtr.video.roi_pool import roi_pool

_LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601


@FEATURIZERS.register("pixels")
class PixelDescriptor:
    """Four classic descriptors of a picture end to end, each of length at most about one.

    ===========  =====  ===================================================================================
    ``layout``   192    mean colour of 8 x 8 cells, -1..1
    ``colour``   64     square root of the joint RGB histogram, 4 bins a channel (so that dot products are
                        Bhattacharyya coefficients)
    ``edges``    144    histograms of gradient orientation, 0..180 degrees in 9 bins, in 4 x 4 cells, weighted
                        by gradient magnitude (Dalal and Triggs, CVPR 2005; one normalisation for the picture)
    ``motion``   16     mean absolute change of brightness in 4 x 4 cells against the sampled frames before
                        and after
    ===========  =====  ===================================================================================

    Weak next to a trained network and strong enough to overfit, to test and to try things out on: no download,
    no licence, the same numbers everywhere.

    Args:
        size: pictures are resized to ``size`` x ``size`` pixels, a multiple of 8, first.
        device: where to compute.

    Raises:
        DataError: ``size`` is something else.

    Example:
        >>> frames = torch.randint(0, 256, (5, 120, 160, 3), dtype=torch.uint8)
        >>> PixelDescriptor()(frames).shape
        torch.Size([5, 416])
    """

    name = "pixels"
    version = "1"
    context = 1  # motion looks at the frames before and after

    layout_cells = 8
    colour_bins = 4
    edge_cells = 4
    edge_bins = 9
    motion_cells = 4

    def __init__(self, size: int = 96, device: str | torch.device = "cpu") -> None:
        if size < 8 or size % 8:
            raise DataError("size", f"is {size}", "give a positive multiple of 8")
        self.size, self.device = size, torch.device(device)
        self.widths = {
            "layout": 3 * self.layout_cells**2,
            "colour": self.colour_bins**3,
            "edges": self.edge_bins * self.edge_cells**2,
            "motion": self.motion_cells**2,
        }
        self.dim = sum(self.widths.values())

    @property
    def settings(self) -> Mapping[str, Any]:
        return {"size": self.size}

    @torch.inference_mode()
    def __call__(self, frames: Tensor) -> Tensor:
        """``[T, H, W, 3]`` uint8 RGB -> ``[T, dim]`` float32 on the CPU.

        Raises:
            DataError: another shape or dtype.
        """
        check_frames(frames)
        pictures = resize(frames, self.size, self.device)  # [T, 3, S, S]
        luma = _luma(pictures)
        return torch.cat((*self._still(pictures, luma), self.motion(luma)), dim=1).cpu().clone()

    @torch.inference_mode()
    def describe_crops(self, frames: Tensor, box: Tensor, frame: Tensor) -> Tensor:
        """The same for parts of the pictures: each box is cut out and described as a picture of its own; its
        ``motion`` is the change inside the box between its frame and those before and after.

        Args:
            frames: [T, H, W, 3], uint8 RGB.
            box: [R, 4], x0 y0 x1 y1, 0..1.
            frame: [R], index of each box's frame, not decreasing.

        Returns:
            [R, dim], float32 on the CPU.

        Raises:
            DataError: another shape or dtype.
        """
        check_frames(frames)
        if not len(box):
            return torch.zeros(0, self.dim)
        before, after, neighbours = _changes(_luma(resize(frames, self.size, self.device)))
        box, frame = box.to(self.device), frame.to(self.device)
        cells = [roi_pool(change[:, None], box, frame, self.motion_cells).flatten(1) for change in (before, after)]
        motion = (cells[0] + cells[1]) / neighbours[frame]
        crops = [crop(frames[t], one)[None] for t, one in zip(frame.tolist(), box, strict=True)]
        still = []
        for start in range(0, len(crops), 64):  # crops are resized: many at a time would take much memory
            pictures = torch.cat([resize(part, self.size, self.device) for part in crops[start : start + 64]])
            still.append(torch.cat(self._still(pictures, _luma(pictures)), dim=1))
        return torch.cat([torch.cat(still), motion], dim=1).cpu().clone()

    def _still(self, pictures: Tensor, luma: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return self.layout(pictures), self.colour(pictures), self.edges(luma)

    def layout(self, pictures: Tensor) -> Tensor:
        """Mean colour of the cells, ``[T, 3, S, S]`` in 0..1 -> ``[T, 192]``."""
        cells = F.adaptive_avg_pool2d(pictures, self.layout_cells).flatten(1)
        return (2 * cells - 1) / math.sqrt(self.widths["layout"])

    def colour(self, pictures: Tensor) -> Tensor:
        """Root of the joint histogram, ``[T, 3, S, S]`` in 0..1 -> ``[T, 64]``, of length one."""
        level = (pictures * self.colour_bins).long().clamp_(max=self.colour_bins - 1)
        bin_of = (level[:, 0] * self.colour_bins + level[:, 1]) * self.colour_bins + level[:, 2]  # [T, S, S]
        bin_of = bin_of.flatten(1)
        counts = pictures.new_zeros(len(pictures), self.widths["colour"])
        counts.scatter_add_(1, bin_of, torch.ones_like(bin_of, dtype=counts.dtype))
        return (counts / bin_of.size(1)).sqrt()

    def edges(self, luma: Tensor) -> Tensor:
        """Orientation histograms, ``[T, S, S]`` in 0..1 -> ``[T, 144]``, of length one (0 for a flat picture).

        A gradient's magnitude is shared between the two nearest bins; bin b is centred on b * 20 degrees.
        """
        padded = F.pad(luma[:, None], (1, 1, 1, 1), mode="replicate")[:, 0]
        dx = padded[:, 1:-1, 2:] - padded[:, 1:-1, :-2]  # [T, S, S]
        dy = padded[:, 2:, 1:-1] - padded[:, :-2, 1:-1]
        magnitude = (dx.square() + dy.square()).sqrt()
        position = torch.atan2(dy, dx).remainder(math.pi) * (self.edge_bins / math.pi)  # in bins, 0..9
        lower = position.floor()
        upper_share = position - lower
        votes = luma.new_zeros(len(luma), self.edge_bins, *luma.shape[1:])  # [T, 9, S, S]
        for bins, share in ((lower, 1 - upper_share), (lower + 1, upper_share)):
            votes.scatter_add_(1, bins.long().remainder(self.edge_bins)[:, None], (share * magnitude)[:, None])
        cells = F.adaptive_avg_pool2d(votes, self.edge_cells).flatten(1)
        return cells / cells.norm(dim=1, keepdim=True).clamp(min=1e-3)

    def motion(self, luma: Tensor) -> Tensor:
        """Change of brightness, ``[T, S, S]`` in 0..1 -> ``[T, 16]``; zero for a clip of one frame."""
        before, after, neighbours = _changes(luma)
        cells = [F.adaptive_avg_pool2d(change[:, None], self.motion_cells).flatten(1) for change in (before, after)]
        return (cells[0] + cells[1]) / neighbours


def _changes(luma: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Absolute change ``[T, S, S]`` against the frame before and the one after, 0 where there is none, and how
    many of the two there are, ``[T, 1]`` (1 for a single frame)."""
    change = luma.diff(dim=0).abs()  # [T - 1, S, S]
    nothing = torch.zeros_like(luma[:1])
    neighbours = luma.new_full((len(luma), 1), 2.0)
    neighbours[0] = neighbours[-1] = 1.0
    return torch.cat([nothing, change]), torch.cat([change, nothing]), neighbours


def _luma(pictures: Tensor) -> Tensor:
    """``[T, 3, S, S]`` -> ``[T, S, S]``."""
    return torch.einsum("tchw,c->thw", pictures, pictures.new_tensor(_LUMA))
