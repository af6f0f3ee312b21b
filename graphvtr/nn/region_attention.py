"""Which regions a frame's feature stands for (ViSERN section 4.5)."""

from __future__ import annotations

import torch
from torch import Tensor

from graphvtr.errors import DataError
from graphvtr.ops import segment_reduce
from graphvtr.ops.csr import counts_to_ptr
from graphvtr.ops.local_match import normalize_rows


def attention_map(z: Tensor, frame: Tensor) -> Tensor:
    r"""Scores of the regions of every frame: the square of how many regions are no nearer to the frame's feature.

    Within a frame of n regions, :math:`c_i = \cos(z_i, \bar z)` with :math:`\bar z` the mean of the regions, and
    :math:`r_i \in \{0, \ldots, n - 1\}` the rank of :math:`c_i` in falling order,

    .. math:: s_i = \frac{(n - r_i)^2}{\sum_j (n - r_j)^2}

    Regions with equal cosines rank in the order given.

    Args:
        z: ``[R, d]``, the regions after reasoning (:meth:`graphvtr.nn.ViSERN.reason`).
        frame: ``[R]``, the frame of each region, sorted.

    Returns:
        ``[R]``, the scores of each frame sum to 1.

    Raises:
        DataError: shapes that do not go together, or (on a CPU) frames that are not sorted.

    Example:
        >>> z = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 2.0], [5.0, 5.0]])
        >>> [round(score, 4) for score in attention_map(z, torch.tensor([0, 0, 0, 2])).tolist()]
        [0.0714, 0.6429, 0.2857, 1.0]
    """
    if z.dim() != 2 or frame.shape != z.shape[:1]:
        raise DataError("frame", f"has shape {list(frame.shape)} for z {list(z.shape)}", "give z [R, d], frame [R]")
    if frame.device.type == "cpu" and bool((frame.diff() < 0).any()):
        raise DataError("frame", "is not sorted", "sort the regions by frame")
    _, owner, count = torch.unique_consecutive(frame, return_inverse=True, return_counts=True)
    ptr = counts_to_ptr(count)
    mean = segment_reduce(z, ptr, "mean")
    cosine = (normalize_rows(z) * normalize_rows(mean)[owner]).sum(-1)
    order = torch.sort(cosine, descending=True, stable=True).indices
    order = order[torch.sort(owner[order], stable=True).indices]  # frame by frame, nearest region first
    points = torch.empty_like(cosine)
    points[order] = (ptr[1:][owner] - torch.arange(len(owner), device=owner.device)).to(cosine.dtype)  # n - r
    points = points.square()
    return points / segment_reduce(points, ptr)[owner]
