"""What finds regions in pictures: the contract, and what it gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from graphvtr.errors import DataError
from graphvtr.registry import Registry


@dataclass(frozen=True)
class Regions:
    """Regions of the frames of one clip, any number a frame, sorted by frame.

    Attributes:
        box: [R, 4], x0 y0 x1 y1 as fractions of width and height, 0..1.
        score: [R], confidence, 0..1.
        frame: [R], int64, index of the region's frame, not decreasing.
        label: [R], int64, the detector's class, -1 for none.
        x: [R, d], features that come with the regions, or None where they are still to be computed.

    Raises:
        DataError: shapes do not fit, a box is not x0 <= x1, y0 <= y1 within 0..1, or frames are not sorted.
    """

    box: Tensor
    score: Tensor
    frame: Tensor
    label: Tensor = field(default_factory=lambda: torch.empty(0, dtype=torch.long))
    x: Tensor | None = None

    def __post_init__(self) -> None:
        count = len(self.box)
        if not len(self.label) and count:
            object.__setattr__(self, "label", torch.full((count,), -1))
        for name, shape in (("box", (count, 4)), ("score", (count,)), ("frame", (count,)), ("label", (count,))):
            found = tuple(getattr(self, name).shape)
            if found != shape:
                raise DataError(f"regions.{name}", f"has shape {list(found)}", f"give {list(shape)}")
        if self.x is not None and (self.x.dim() != 2 or len(self.x) != count):
            raise DataError("regions.x", f"has shape {list(self.x.shape)}", f"give [{count}, d]")
        box = self.box
        fits = (box >= 0) & (box <= 1)
        if not bool(fits.all() and (box[:, :2] <= box[:, 2:]).all()):
            raise DataError(
                "regions.box", "is not x0 <= x1, y0 <= y1 within 0..1", "divide pixels by the picture's size"
            )
        if not bool(torch.isfinite(self.score).all()):
            raise DataError("regions.score", "is not finite", "leave such regions out")
        if not bool((self.frame.diff() >= 0).all()):
            raise DataError("regions.frame", "is not sorted", "sort the regions by frame")

    def __len__(self) -> int:
        return len(self.box)

    @classmethod
    def from_frames(cls, frames: list[dict[str, Tensor]]) -> Regions:
        """Frame after frame: ``box [n, 4]``, ``score [n]``, ``label [n]`` and, if all have it, ``x [n, d]``.

        Example:
            >>> box = torch.tensor([[0.0, 0.0, 0.5, 1.0]])
            >>> found = {"box": box, "score": torch.tensor([0.9]), "label": torch.tensor([3])}
            >>> Regions.from_frames([found, found]).frame.tolist()
            [0, 1]
        """
        if not frames:
            return cls(torch.empty(0, 4), torch.empty(0), torch.empty(0, dtype=torch.long))
        joined = {key: torch.cat([frame[key] for frame in frames]) for key in frames[0]}
        count = torch.tensor([len(frame["box"]) for frame in frames])
        return cls(frame=torch.repeat_interleave(count), **joined)


@runtime_checkable
class RegionDetector(Protocol):
    """Pictures of one clip to regions.

    ``name``, ``version`` and ``settings`` go into the manifest of every store that is written with it, as those
    of a :class:`~graphvtr.video.FrameFeaturizer` do.

    Attributes:
        name: of the detector.
        version: changes when the same settings give other regions, for instance with other weights.
        settings: the constructor's choices that change the regions, as plain JSON values; of a detector of classes
            ``labels``, their names.

    A detector that knows classes has ``labels``, their names (empty where it knows only numbers): its regions are then
    stored with ``region_label``.
    """

    name: str
    version: str

    @property
    def settings(self) -> Mapping[str, Any]: ...

    def __call__(self, frames: Tensor, *, time: Tensor | None = None, name: str = "") -> Regions:
        """Regions of ``[T, H, W, 3]`` uint8 RGB pictures.

        Args:
            frames: the pictures.
            time: [T], seconds of each, for detectors that look regions up.
            name: of the clip, likewise.
        """
        ...


DETECTORS: Registry[Callable[..., RegionDetector]] = Registry("detector", "graphvtr.detectors")
"""Name -> what makes a detector, called with ``num_regions`` and ``device``."""
