"""Features of boxes from a feature map."""

from __future__ import annotations

import torch
from torch import Tensor

from graphvtr.errors import DataError

_MIN_SIDE = 1e-3  # in cells of the map: a box without area is read as a point


def roi_pool(feature_map: Tensor, box: Tensor, frame: Tensor, bins: int = 1) -> Tensor:
    r"""Mean of the bilinearly interpolated map over each box, or over ``bins`` x ``bins`` equal parts of it.

    The mean is the exact integral (precise RoI pooling: Jiang et al., *Acquisition of Localization Confidence
    for Accurate Object Detection*, ECCV 2018, equation 6), the limit of RoIAlign with ever more sample points:
    no rounding, no sample count, and it varies smoothly with the box. Bilinear interpolation is separable, so
    with hat functions :math:`h_i(y) = \max(0, 1 - |y - i - 1/2|)` about the cells' centres

    .. math:: \bar f = \sum_{i, j} a_i b_j F_{ij}, \qquad
              a_i = \frac{1}{y_1 - y_0} \int_{y_0}^{y_1} h_i(y)\, dy

    and likewise :math:`b_j`: one matrix product a frame. Beyond the outermost centres the map is continued by
    its edge values, so that the box of the whole picture has the mean of the map.

    Args:
        feature_map: [T, C, h, w], covers the whole picture.
        box: [R, 4], x0 y0 x1 y1, 0..1.
        frame: [R], index of each box's frame, not decreasing.
        bins: parts a side.

    Returns:
        [R, C] for one bin, else [R, C, bins, bins]. Differentiable in ``feature_map`` and ``box``.

    Raises:
        DataError: shapes do not fit.

    Example:
        >>> maps = torch.randn(2, 8, 7, 7)
        >>> whole = torch.tensor([[0.0, 0.0, 1.0, 1.0]])
        >>> torch.allclose(roi_pool(maps, whole, torch.tensor([1])), maps[1].mean((1, 2)), atol=1e-6)
        True
    """
    if feature_map.dim() != 4 or box.shape != (len(frame), 4) or bins < 1:
        shapes = f"{list(feature_map.shape)}, {list(box.shape)}, {list(frame.shape)}, {bins} bins"
        raise DataError("feature_map, box, frame", f"have shapes {shapes}", "give [T, C, h, w], [R, 4] and [R]")
    if len(frame) and not 0 <= int(frame.min()) <= int(frame.max()) < len(feature_map):
        raise DataError("frame", "points to a frame that is not there", f"use 0..{len(feature_map) - 1}")
    channels, height, width = feature_map.shape[1:]
    box = box.to(feature_map.dtype)
    rows = _weights(box[:, 1], box[:, 3], height, bins)  # [R, bins, h]
    columns = _weights(box[:, 0], box[:, 2], width, bins)  # [R, bins, w]
    weights = (rows[:, :, None, :, None] * columns[:, None, :, None, :]).flatten(3).flatten(1, 2)  # [R, bins^2, h w]
    counts = torch.bincount(frame, minlength=len(feature_map)).tolist()
    flat = feature_map.flatten(2)  # [T, C, h w]
    parts = [part.flatten(0, 1) @ flat[t].T for t, part in enumerate(weights.split(counts)) if len(part)]
    pooled = torch.cat(parts) if parts else feature_map.new_zeros(0, channels)  # [R bins^2, C]
    if bins == 1:
        return pooled
    return pooled.view(len(frame), bins, bins, channels).permute(0, 3, 1, 2)


def _weights(low: Tensor, high: Tensor, cells: int, bins: int) -> Tensor:
    """[R, bins, cells]: share of each cell in the mean over each part of the interval; every row sums to one."""
    low, high = low * cells, high * cells
    spread = (_MIN_SIDE - (high - low)).clamp(min=0) / 2
    low, high = low - spread, high + spread
    step = torch.arange(bins + 1, device=low.device, dtype=low.dtype) / bins
    edges = low[:, None] + (high - low)[:, None] * step  # [R, bins + 1]
    centres = torch.arange(-1, cells + 1, device=low.device, dtype=low.dtype) + 0.5  # one more on either side
    area = _hat_integral(edges[..., None] - centres).diff(dim=1)  # [R, bins, cells + 2]
    inner = area[..., 1:-1].clone()
    inner[..., 0] = inner[..., 0] + area[..., 0]  # edge values go on beyond the outermost centres
    inner[..., -1] = inner[..., -1] + area[..., -1]
    return inner / inner.sum(-1, keepdim=True)


def _hat_integral(offset: Tensor) -> Tensor:
    """Integral of max(0, 1 - |s|) from minus infinity to ``offset``."""
    s = offset.clamp(-1, 1)
    return torch.where(s < 0, (1 + s).square() / 2, 1 - (1 - s).square() / 2)
