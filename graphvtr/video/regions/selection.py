"""Which of a detector's candidates become regions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from torch import Tensor

from graphvtr.video.regions.base import Regions
from graphvtr.video.regions.boxes import best_boxes, check_selection

Candidates = tuple[Tensor, Tensor, Tensor]
"""Boxes [T, n, 4] (x0 y0 x1 y1, 0..1), scores [T, n] and labels [T, n] before anything is left out."""


@dataclass(frozen=True)
class Selection:
    """The most confident candidates of each frame, by one non-maximum suppression over all classes.

    Args:
        num_regions: at most so many a frame.
        min_score: candidates below are left out.
        max_overlap: of candidates that overlap more (intersection over union) only the more confident one stays.

    Raises:
        DataError: a setting is out of range.
    """

    num_regions: int
    min_score: float
    max_overlap: float

    def __post_init__(self) -> None:
        check_selection(self.num_regions, self.min_score, self.max_overlap)

    def __call__(self, parts: Iterable[Candidates]) -> Regions:
        """Regions of frames that come in parts, of each frame the best first."""
        found = []
        for box, score, label in parts:
            for t in range(len(box)):
                kept = best_boxes(
                    box[t],
                    score[t],
                    limit=self.num_regions,
                    min_score=self.min_score,
                    max_overlap=self.max_overlap,
                )
                found.append({"box": box[t, kept], "score": score[t, kept].clamp(0, 1), "label": label[t, kept]})
        return Regions.from_frames(found)
