"""Regions from detectors in local Hugging Face directories."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from graphvtr.errors import DataError
from graphvtr.video.features.base import check_frames
from graphvtr.video.huggingface import PictureInput, load_model, model_version
from graphvtr.video.regions.base import Regions
from graphvtr.video.regions.boxes import from_centre
from graphvtr.video.regions.selection import Candidates, Selection


class HFDetector:
    """A detector of the DETR family saved by transformers: DETR, YOLOS, Deformable DETR, RT-DETR and their like.

    Models with one more class than labels have a softmax over classes and "no object", the others a sigmoid for
    each class; a query's score is that of its best class. Code in the directory is never run. Needs the extra
    ``bert`` (transformers) and nothing of torchvision; old DETR checkpoints may need timm for their backbone.

    Args:
        directory: with ``config.json``, ``preprocessor_config.json`` and weights.
        device: where to compute.
        num_regions: at most so many regions a frame, the most confident ones.
        min_score: regions below are left out.
        max_overlap: of regions that overlap more (intersection over union) only the more confident one stays.
        batch_size: pictures at a time.

    Raises:
        DataError: no such model, weights are missing, or its outputs are of another kind.
        MissingExtraError: transformers is not installed.
    """

    name = "huggingface"

    def __init__(
        self,
        directory: str | Path,
        device: str | torch.device = "cpu",
        *,
        num_regions: int = 36,
        min_score: float = 0.05,
        max_overlap: float = 0.7,
        batch_size: int = 2,
    ) -> None:
        self.directory, self.device, self.batch_size = Path(directory), torch.device(device), batch_size
        self.selection = Selection(num_regions, min_score, max_overlap)
        self._input = PictureInput.of(self.directory)
        self._model = load_model(self.directory, "AutoModelForObjectDetection", "detecting regions").to(self.device)
        self.version = model_version(self.directory)
        names = self._model.config.id2label
        self.labels = tuple(str(names.get(index, index)) for index in range(self._model.config.num_labels))

    @property
    def settings(self) -> Mapping[str, Any]:
        return {"input": self._input.settings, "labels": list(self.labels), **asdict(self.selection)}

    def __call__(self, frames: Tensor, *, time: Tensor | None = None, name: str = "") -> Regions:
        """Regions of ``[T, H, W, 3]`` uint8 RGB pictures, of each frame the best first."""
        check_frames(frames)
        return self.selection(self._candidates(part) for part in frames.split(self.batch_size))

    @torch.no_grad()
    def _candidates(self, frames: Tensor) -> Candidates:
        """Of all queries, on the CPU."""
        output = self._model(pixel_values=self._input(frames, self.device))
        logits, boxes = output.logits.float().cpu(), output.pred_boxes.float().cpu()
        labels = self._model.config.num_labels
        if logits.size(-1) not in (labels, labels + 1):
            problem = f"gives {logits.size(-1)} scores for {labels} labels"
            raise DataError(self.directory, problem, "this is no detector of the DETR family")
        probability = logits.softmax(-1)[..., :-1] if logits.size(-1) == labels + 1 else logits.sigmoid()
        score, label = probability.max(-1)
        return from_centre(boxes[..., :2], boxes[..., 2:]), score, label
