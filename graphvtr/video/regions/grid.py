"""Regions without a detector: the cells of a grid."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from graphvtr.errors import DataError
from graphvtr.video.regions.base import Regions


class GridRegions:
    """The n x n equal cells of every frame, row by row, each with score 1.

    With a backbone whose map has n x n cells a region's features are those of its cell and of a little of its
    neighbours, as in grid features (Jiang et al., *In Defense of Grid Features for Visual Question Answering*,
    CVPR 2020).

    Args:
        cells: n, cells a side.

    Raises:
        DataError: fewer than one cell.

    Example:
        >>> found = GridRegions(2)(torch.zeros(3, 48, 64, 3, dtype=torch.uint8))
        >>> len(found), found.box[1].tolist()
        (12, [0.5, 0.0, 1.0, 0.5])
    """

    name = "grid"
    version = "1"

    def __init__(self, cells: int = 6) -> None:
        if cells < 1:
            raise DataError("cells", f"is {cells}", "take at least one cell a side")
        self.cells = cells

    @property
    def settings(self) -> Mapping[str, Any]:
        return {"cells": self.cells}

    def __call__(self, frames: Tensor, *, time: Tensor | None = None, name: str = "") -> Regions:
        """See :class:`~graphvtr.video.RegionDetector`."""
        edges = torch.linspace(0, 1, self.cells + 1)
        y, x = torch.meshgrid(torch.arange(self.cells), torch.arange(self.cells), indexing="ij")
        x, y = x.flatten(), y.flatten()
        box = torch.stack([edges[x], edges[y], edges[x + 1], edges[y + 1]], dim=1)
        count = self.cells**2
        frame = torch.arange(len(frames)).repeat_interleave(count)
        return Regions(box.repeat(len(frames), 1), torch.ones(len(frame)), frame)
