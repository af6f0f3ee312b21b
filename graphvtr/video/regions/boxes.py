"""Boxes: overlap, and the best of many."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from graphvtr.errors import DataError


def box_iou(one: Tensor, other: Tensor) -> Tensor:
    """Intersection over union of all pairs; boxes of no area overlap nothing.

    Args:
        one: [..., n, 4], x0 y0 x1 y1.
        other: [..., m, 4].

    Returns:
        [..., n, m], 0..1.

    Example:
        >>> box_iou(torch.tensor([[0.0, 0.0, 1.0, 1.0]]), torch.tensor([[0.0, 0.0, 0.5, 1.0]])).tolist()
        [[0.5]]
    """
    low = torch.maximum(one[..., :, None, :2], other[..., None, :, :2])
    high = torch.minimum(one[..., :, None, 2:], other[..., None, :, 2:])
    shared = (high - low).clamp(min=0).prod(-1)
    union = box_area(one)[..., :, None] + box_area(other)[..., None, :] - shared
    return torch.where(union > 0, shared / union.clamp(min=torch.finfo(union.dtype).tiny), 0.0)


def box_area(box: Tensor) -> Tensor:
    """[..., 4] -> [...]: area of boxes x0 y0 x1 y1."""
    return (box[..., 2:] - box[..., :2]).clamp(min=0).prod(-1)


def from_centre(centre: Tensor, size: Tensor) -> Tensor:
    """[..., 2] centres and [..., 2] sizes to [..., 4] boxes x0 y0 x1 y1, clipped to the picture (0..1)."""
    return torch.cat([centre - size / 2, centre + size / 2], dim=-1).clamp(0, 1)


def check_selection(limit: int, min_score: float, max_overlap: float) -> None:
    """Refuse settings of :func:`best_boxes` that make no sense.

    Raises:
        DataError: says which.
    """
    if limit < 1:
        raise DataError("num_regions", f"is {limit}", "take at least one region a frame")
    if not 0 <= min_score <= 1:
        raise DataError("min_score", f"is {min_score}", "give a confidence, 0..1")
    if not 0 < max_overlap <= 1:
        raise DataError("max_overlap", f"is {max_overlap}", "give an intersection over union, above 0 and up to 1")


def best_boxes(box: Tensor, score: Tensor, *, limit: int, min_score: float = 0.0, max_overlap: float = 0.5) -> Tensor:
    """Greedy non-maximum suppression over all classes together, the best first.

    The most confident box is kept, those that overlap it by more than ``max_overlap`` (intersection over union)
    go, and so on until ``limit`` are kept. Equal scores: the earlier box is the better one. Boxes without area
    and scores that are not finite are never kept.

    Args:
        box: [n, 4], x0 y0 x1 y1.
        score: [n].
        limit: how many to keep at most.
        min_score: boxes below are not considered.
        max_overlap: 1 suppresses nothing.

    Returns:
        [k], indices of the kept boxes, scores decreasing; k <= min(limit, n).

    Example:
        >>> box = torch.tensor([[0.0, 0.0, 0.5, 1.0], [0.0, 0.0, 0.5, 0.9], [0.5, 0.0, 1.0, 1.0]])
        >>> best_boxes(box, torch.tensor([0.8, 0.9, 0.5]), limit=36).tolist()
        [1, 2]
    """
    check_selection(limit, min_score, max_overlap)
    values, boxes = score.detach().cpu().double().numpy(), box.detach().cpu().double().numpy()
    usable = np.isfinite(values) & (values >= min_score) & np.isfinite(boxes).all(1)
    left = np.flatnonzero(usable & (boxes[:, 2:] > boxes[:, :2]).all(1))
    left = left[np.argsort(-values[left], kind="stable")]
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    kept: list[int] = []
    while len(left) and len(kept) < limit:
        best, left = left[0], left[1:]
        kept.append(int(best))
        low = np.maximum(boxes[best, :2], boxes[left, :2])
        high = np.minimum(boxes[best, 2:], boxes[left, 2:])
        shared = np.clip(high - low, 0, None).prod(1)
        left = left[shared <= max_overlap * (area[best] + area[left] - shared)]
    return torch.tensor(kept, dtype=torch.long)
