"""A motion descriptor that needs no weights: what changes, where, and in which direction it moves."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from graphvtr.video.motion.base import MOTION_FEATURIZERS, check_windows
from graphvtr.video.stream import Window

_LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601


@MOTION_FEATURIZERS.register("differences")
class FrameDifferences:
    r"""Three descriptors of a window of n pictures end to end.

    ============  =======  ================================================================================
    ``change``    16       mean absolute change of brightness from picture to picture in 4 x 4 cells
    ``flow``      128      in the same cells, histograms of the direction of motion, 8 bins of 45 degrees
                           from right over down, left and up: the normal flow of
                           :math:`I_x u + I_y v + I_t = 0` (Horn and Schunck, 1981), which is
                           :math:`-I_t \nabla I / |\nabla I|^2`, each pixel weighted by :math:`|I_t|`
    ``course``    n - 1    mean absolute change between each two pictures, in the order of time
    ============  =======  ================================================================================

    Each part has a length of at most about one; all are zero where nothing moves. It tells directions and tempo
    apart, which single frames do not; trained networks in ONNX files (:class:`OnnxMotion`) know more.

    Args:
        window: which pictures to look at about each frame.

    Example:
        >>> FrameDifferences()(torch.zeros(3, 8, 64, 64, 3, dtype=torch.uint8)).shape
        torch.Size([3, 151])
    """

    name = "differences"
    version = "1"

    cells = 4
    directions = 8

    def __init__(self, window: Window = Window(frames=8, rate=8.0, side=64)) -> None:
        self.window = window
        self.dim = self.cells**2 * (1 + self.directions) + window.frames - 1

    @property
    def settings(self) -> Mapping[str, Any]:
        return {"window": asdict(self.window)}

    @torch.inference_mode()
    def __call__(self, windows: Tensor) -> Tensor:
        """``[T, n, s, s, 3]`` uint8 RGB -> ``[T, dim]`` float32 on the CPU.

        Raises:
            DataError: other windows than those asked for.
        """
        check_windows(windows, self.window)
        return torch.cat([self._describe(part) for part in windows.cpu().split(16)]).clone()

    def _describe(self, windows: Tensor) -> Tensor:
        luma = windows.float() @ torch.tensor(_LUMA) / 255  # [T, n, s, s]
        change = luma.diff(dim=1)  # [T, n - 1, s, s]
        middle = (luma[:, 1:] + luma[:, :-1]) / 2
        dy, dx = torch.gradient(middle, dim=(2, 3)) if self.window.side > 1 else (middle * 0, middle * 0)
        amount = change.abs()
        course = amount.mean(dim=(2, 3))
        where = F.adaptive_avg_pool2d(amount.mean(1, keepdim=True), self.cells).flatten(1)
        flow = self._directions(-change * dx, -change * dy, amount * (dx.hypot(dy) > 1e-3))
        flow = flow / flow.norm(dim=1, keepdim=True).clamp(min=1e-3)
        return torch.cat([where, flow, course / math.sqrt(course.size(1))], dim=1)

    def _directions(self, u: Tensor, v: Tensor, weight: Tensor) -> Tensor:
        """[T, n - 1, s, s] motion and its weight -> [T, cells^2 directions]; a pixel's weight is shared between
        the two nearest directions."""
        position = torch.atan2(v, u).remainder(2 * math.pi) * (self.directions / (2 * math.pi))
        lower = position.floor()
        upper_share = position - lower
        histogram = weight.new_zeros(len(weight), self.directions, *weight.shape[2:])  # [T, 8, s, s]
        for bins, share in ((lower, 1 - upper_share), (lower + 1, upper_share)):
            histogram.scatter_add_(1, bins.long().remainder(self.directions), share * weight)
        return F.adaptive_avg_pool2d(histogram / weight.size(1), self.cells).flatten(1)
