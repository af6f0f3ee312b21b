"""One clip to the fields that a store holds of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from graphvtr.video.decode import DEFAULT_MAX_SIDE, check_max_side
from graphvtr.video.features import FrameFeaturizer
from graphvtr.video.regions.base import RegionDetector
from graphvtr.video.regions.describe import describe_frames_and_regions
from graphvtr.video.regions.tracks import TrackLinker
from graphvtr.video.sampling import Clip, check_count, sample_clip


@dataclass(frozen=True)
class ClipPipeline:
    """Sample, detect, featurise, link: what :func:`~graphvtr.video.extract` does with every clip.

    Args:
        featurizer: makes the features of frames and regions.
        detector: finds the regions; without one there are none.
        linker: joins the regions to tracks; without one there are none.
        num_frames: at most so many frames a clip, evenly spaced in time.
        max_side: pictures are decoded no larger than this.

    Raises:
        DataError: an argument is out of range.
    """

    featurizer: FrameFeaturizer
    detector: RegionDetector | None = None
    linker: TrackLinker | None = None
    num_frames: int = 20
    max_side: int = DEFAULT_MAX_SIDE

    def __post_init__(self) -> None:
        check_count(self.num_frames)
        check_max_side(self.max_side)

    @property
    def widths(self) -> dict[str, int]:
        """Field of features -> width, as stores want it."""
        dim = self.featurizer.dim
        return {"frame_x": dim} if self.detector is None else {"frame_x": dim, "region_x": dim}

    @property
    def settings(self) -> dict[str, Any]:
        """All that changes the numbers, as plain JSON values, for manifests."""
        settings: dict[str, Any] = {
            "features": _describe(self.featurizer),
            "frames": {"sampling": "uniform midpoints", "num_frames": self.num_frames, "max_side": self.max_side},
        }
        if self.detector is not None:
            settings["regions"] = _describe(self.detector)
            settings["tracks"] = None if self.linker is None else _describe(self.linker)
        return settings

    def sample(self, file: str | Path) -> Clip:
        """The frames that are looked at.

        Raises:
            DataError: nothing of the file decodes.
        """
        return sample_clip(file, self.num_frames, max_side=self.max_side)

    def describe(self, clip: Clip, name: str = "") -> dict[str, Tensor]:
        """The fields that are stored of a clip, named as in :meth:`graphvtr.graphs.VideoGraph.build`."""
        if self.detector is None:
            return {"frame_x": self.featurizer(clip.frames), "frame_time": clip.time}
        regions = self.detector(clip.frames, time=clip.time, name=name)
        frame_x, region_x = describe_frames_and_regions(self.featurizer, clip.frames, regions)
        fields = {
            "frame_x": frame_x,
            "frame_time": clip.time,
            "region_x": region_x,
            "region_box": regions.box,
            "region_score": regions.score,
            "region_frame": regions.frame,
        }
        if self.linker is not None:
            fields["region_track"] = self.linker(regions, region_x)
        return fields


def _describe(part: FrameFeaturizer | RegionDetector | TrackLinker) -> dict[str, Any]:
    return {"name": part.name, "version": part.version, "settings": dict(part.settings)}
