"""Detectors by name, as the command line gives them."""

from __future__ import annotations

import math
from pathlib import Path

from graphvtr.errors import DataError
from graphvtr.video.regions.base import RegionDetector
from graphvtr.video.regions.grid import GridRegions
from graphvtr.video.regions.onnx_detector import OnnxDetector


def build_detector(what: str | Path, *, num_regions: int = 36) -> RegionDetector:
    """The detector that ``what`` stands for.

    Args:
        what: an ``.onnx`` file or ``grid``.
        num_regions: at most so many regions a frame; for a grid the number of cells, a square.

    Raises:
        DataError: nothing of the kind.
        MissingExtraError: it needs a package that is not installed.

    Example:
        >>> build_detector("grid", num_regions=49).cells
        7
    """
    if str(what) == "grid":
        cells = math.isqrt(max(0, num_regions))
        if cells**2 != num_regions:
            raise DataError("num_regions", f"is {num_regions}", f"a grid has a square number of cells, say {cells**2}")
        return GridRegions(cells)
    if Path(what).suffix.lower() == ".onnx":
        return OnnxDetector(what, num_regions=num_regions)
    raise DataError(f"detector '{what}'", "unknown", "give an .onnx file or grid")
