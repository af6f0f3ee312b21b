"""Features of regions, by whatever featurizer."""

from __future__ import annotations

import torch
from torch import Tensor

from graphvtr.video.features.base import CropFeaturizer, FrameFeaturizer, MapFeaturizer, crop
from graphvtr.video.regions.base import Regions
from graphvtr.video.roi_pool import roi_pool

TOUCH = 1e-6
"""Share of a region's largest value below which a value is 0."""


def describe_frames_and_regions(
    featurizer: FrameFeaturizer, frames: Tensor, regions: Regions, inner: slice = slice(None)
) -> tuple[Tensor, Tensor]:
    """Features of frames and of regions, by one pass of the network where it can be.

    A :class:`~graphvtr.video.MapFeaturizer` has its map pooled over each box
    (:func:`~graphvtr.video.roi_pool`), a :class:`CropFeaturizer` is asked, and any other one is given
    the crop of each box as a clip of one frame.

    Args:
        featurizer: any.
        frames: [T, H, W, 3], uint8 RGB.
        regions: of the frames ``frames[inner]``.
        inner: which of the frames are described; the others are there for featurizers with a context.

    Returns:
        [T', dim] for T' described frames and [R, dim], float32 on the CPU.
    """
    described = frames[inner]
    if isinstance(featurizer, MapFeaturizer):
        vectors, maps = featurizer.vectors_and_map(described)
        return vectors, _without_touches(roi_pool(maps, regions.box, regions.frame))
    frame_x = featurizer(frames)[inner]
    if isinstance(featurizer, CropFeaturizer):
        first = inner.indices(len(frames))[0]
        return frame_x, featurizer.describe_crops(frames, regions.box, regions.frame + first)
    boxes = zip(regions.frame.tolist(), regions.box, strict=True)
    crops = [featurizer(crop(described[t], box)[None]) for t, box in boxes]
    return frame_x, torch.cat(crops) if crops else frame_x.new_zeros(0, frame_x.size(1))


def _without_touches(pooled: Tensor) -> Tensor:
    """0 in place of what a box has from a cell that its edge merely touches.

    Where a network's channel is active in that cell alone, the pooled value is some 1e-9 in place of some 1e-1: less
    than boxes are known to, and half precision, in which stores keep features, would lose it.
    """
    size = pooled.abs()
    return pooled.masked_fill(size < TOUCH * size.amax(1, keepdim=True), 0.0)
