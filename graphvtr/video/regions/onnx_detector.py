"""Regions from detectors in ONNX files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from graphvtr.errors import DataError
from graphvtr.video.features.base import check_frames
from graphvtr.video.onnx_config import config_beside
from graphvtr.video.onnx_session import OnnxSession, onnx_pictures
from graphvtr.video.regions.base import Regions
from graphvtr.video.regions.layouts import DetectorLayout
from graphvtr.video.regions.selection import Candidates, Selection


class OnnxDetector:
    """Regions of any detector in an ONNX file: FastestDet as it is, others by a small configuration.

    Pictures are squeezed into the detector's input without cropping, so its boxes are fractions of the picture
    whatever its shape. Candidates of all classes compete in one non-maximum suppression
    (:func:`~graphvtr.video.regions.best_boxes`).

    Args:
        path: the model. A file of the same name that ends in ``.json`` is its configuration, if there is one.
        layout: what its outputs mean; by default the configuration, else FastestDet's.
        num_regions: at most so many regions a frame, the most confident ones.
        min_score: regions below are left out.
        max_overlap: of regions that overlap more (intersection over union) only the more confident one stays.
        threads: of onnxruntime; by default those that torch uses.

    Raises:
        DataError: no such file, no model in it, outputs that do not fit the layout, or a setting out of range.
        MissingExtraError: onnxruntime is not installed.
    """

    name = "onnx"

    def __init__(
        self,
        path: str | Path,
        layout: DetectorLayout | None = None,
        *,
        num_regions: int = 36,
        min_score: float = 0.05,
        max_overlap: float = 0.45,
        threads: int | None = None,
    ) -> None:
        self.path = Path(path)
        self.selection = Selection(num_regions, min_score, max_overlap)
        self._session = OnnxSession(self.path, f"the detector {self.path.name}", threads=threads)
        self.layout = layout or config_beside(DetectorLayout, self.path) or DetectorLayout()
        self._size = self._input_size()
        self.version = f"{self.path.name} {self._session.digest}"
        outputs = self._outputs(torch.zeros(1, 3, *self._size))
        self.layout.decode(outputs, *self._size, source=self.path)  # what does not fit is told now, not clip by clip
        self.labels = self.layout.names_of(outputs, self.path)

    @property
    def settings(self) -> Mapping[str, Any]:
        layout = {key: value for key, value in self.layout.settings.items() if key != "labels"}
        return {"layout": layout, "labels": list(self.labels), **asdict(self.selection)}

    def __call__(self, frames: Tensor, *, time: Tensor | None = None, name: str = "") -> Regions:
        """Regions of ``[T, H, W, 3]`` uint8 RGB pictures, of each frame the best first."""
        check_frames(frames)
        parts = frames.split(8)  # inputs are several times as large as pictures: a few at a time
        return self.selection(self._candidates(self._pictures(part)) for part in parts)

    def _pictures(self, frames: Tensor) -> Tensor:
        """``[T, H, W, 3]`` uint8 -> ``[T, 3, h, w]`` float32 as the model wants them."""
        layout = self.layout
        return onnx_pictures(frames, self._size, layout.colour, layout.mean, layout.std)

    def _candidates(self, pictures: Tensor) -> Candidates:
        return self.layout.decode(self._outputs(pictures), *self._size, source=self.path)

    def _outputs(self, pictures: Tensor) -> dict[str, Tensor]:
        return dict(zip(self._session.output_names, self._session.run(pictures), strict=True))

    def _input_size(self) -> tuple[int, int]:
        shape = self._session.input_shape
        if len(shape) != 4 or shape[1] not in (3, None):
            raise DataError(self.path, f"wants input {shape}", "give a model of pictures [n, 3, height, width]")
        declared = (shape[2], shape[3])
        size = self.layout.size or declared
        if size[0] is None or size[1] is None:
            raise DataError(self.path, "leaves the input's size open", "give layout.size, height and width")
        if any(one is not None and one != other for one, other in zip(declared, size, strict=True)):
            raise DataError(self.path, f"wants input {declared[0]} x {declared[1]}", f"layout.size is {size}")
        return int(size[0]), int(size[1])
