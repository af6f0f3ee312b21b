"""Detectors by name, as the command line gives them."""

from __future__ import annotations

import inspect
import math
from pathlib import Path
from typing import Any

import torch

from graphvtr.errors import DataError
from graphvtr.video.regions.base import DETECTORS, RegionDetector
from graphvtr.video.regions.grid import GridRegions
from graphvtr.video.regions.huggingface import HFDetector
from graphvtr.video.regions.onnx_detector import OnnxDetector
from graphvtr.video.regions.precomputed import PrecomputedRegions


@DETECTORS.register("grid")
def grid(*, num_regions: int = 36, device: str | torch.device = "cpu") -> GridRegions:
    """A grid of ``num_regions`` cells, a square number.

    Raises:
        DataError: it is none.
    """
    cells = math.isqrt(max(0, num_regions))
    if cells**2 != num_regions:
        raise DataError("num_regions", f"is {num_regions}", f"a grid has a square number of cells, say {cells**2}")
    return GridRegions(cells)


def build_detector(
    what: str | Path,
    *,
    num_regions: int = 36,
    min_score: float | None = None,
    device: str | torch.device = "cpu",
) -> RegionDetector:
    """The detector that ``what`` stands for.

    Args:
        what: an ``.onnx`` file, the local directory of a Hugging Face detector, a feature store or a folder of
            ``.npz`` files with regions, ``grid``, or ``FILE.py:NAME`` for one that a file of yours registers.
        num_regions: at most so many regions a frame; for a grid the number of cells, a square.
        min_score: regions of less confidence are left out; None takes the detector's own bound.
        device: where Hugging Face detectors compute.

    Raises:
        DataError: nothing of the kind.
        MissingExtraError: it needs a package that is not installed.

    Example:
        >>> build_detector("grid", num_regions=49).cells
        7
    """
    options: dict[str, Any] = {} if min_score is None else {"min_score": min_score}
    name = DETECTORS.name_of(str(what))
    if name in DETECTORS:
        if options and "min_score" not in inspect.signature(DETECTORS[name]).parameters:
            raise DataError("min_score", f"is given for '{name}', whose regions have no scores", "leave it out")
        return DETECTORS[name](num_regions=num_regions, device=device, **options)
    path = Path(what)
    if path.suffix.lower() == ".onnx":
        return OnnxDetector(what, num_regions=num_regions, **options)
    if (path / "config.json").is_file():
        return HFDetector(path, device, num_regions=num_regions, **options)
    if path.is_dir():
        return PrecomputedRegions(path, num_regions=num_regions, **options)
    fix = f"give an .onnx file, the directory of a model or of regions, {', '.join(DETECTORS)}, or FILE.py:NAME"
    raise DataError(f"detector '{what}'", "unknown", fix)
