"""One clip to the fields that a store holds of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from graphvtr.errors import DataError
from graphvtr.provenance import Provenance
from graphvtr.terminal import printable
from graphvtr.video.decode import DEFAULT_MAX_SIDE, check_max_side
from graphvtr.video.features import FrameFeaturizer
from graphvtr.video.memory import trim_memory
from graphvtr.video.motion.base import MotionFeaturizer
from graphvtr.video.regions.base import RegionDetector, Regions
from graphvtr.video.regions.describe import describe_frames_and_regions
from graphvtr.video.regions.tracks import TrackLinker
from graphvtr.video.sampling import check_sampling
from graphvtr.video.store.clip_buffer import ClipBuffer
from graphvtr.video.stream import CHUNK, Clip, ClipStream

Fields = dict[str, Tensor]


@dataclass(frozen=True)
class ClipPipeline:
    """Sample, detect, featurise, link: what :func:`~graphvtr.video.extract` does with every clip.

    Clips come in parts of ``chunk`` frames, and features that exceed some megabytes are gathered in a file
    (:class:`~graphvtr.video.ClipBuffer`): memory is bounded by a part, however long the clip.

    Args:
        featurizer: makes the features of frames and regions.
        detector: finds the regions; without one there are none.
        linker: joins the regions to tracks; without one there are none.
        motion: features of what happens about each frame, which follow those of the frame in ``frame_x``.
        num_frames: at most so many frames a clip, evenly spaced in time.
        rate: frames a second instead.
        max_side: pictures are decoded no larger than this.
        chunk: frames that are in memory at a time.
        threads: of decoding, 0 for one a core.

    Raises:
        DataError: an argument is out of range.
    """

    featurizer: FrameFeaturizer
    detector: RegionDetector | None = None
    linker: TrackLinker | None = None
    motion: MotionFeaturizer | None = None
    num_frames: int = 20
    rate: float | None = None
    max_side: int = DEFAULT_MAX_SIDE
    chunk: int = CHUNK
    threads: int = 0

    def __post_init__(self) -> None:
        check_sampling(self.num_frames, self.rate)
        check_max_side(self.max_side)
        if self.chunk < 1:
            raise DataError("chunk", f"is {self.chunk}", "take at least one frame at a time")

    @property
    def widths(self) -> dict[str, int]:
        """Field of features -> width, as stores want it."""
        dim = self.featurizer.dim
        widths = {"frame_x": dim + (0 if self.motion is None else self.motion.dim)}
        if self.detector is not None:
            widths["region_x"] = getattr(self.detector, "dim", None) or dim
        return widths

    @property
    def settings(self) -> dict[str, Any]:
        """All that changes the numbers, as plain JSON values, for manifests."""
        frames: dict[str, Any] = {"sampling": "uniform midpoints", "max_side": self.max_side}
        frames |= {"num_frames": self.num_frames} if self.rate is None else {"rate": self.rate}
        settings: dict[str, Any] = {"features": _describe(self.featurizer), "frames": frames}
        if self.motion is not None:
            settings["motion"] = _describe(self.motion)
        if self.detector is not None:
            settings["regions"] = _describe(self.detector)
            settings["tracks"] = None if self.linker is None else _describe(self.linker)
        return settings

    @property
    def provenance(self) -> Provenance:
        """What makes the features, as a store that is written by it tells."""
        return Provenance(self.settings, self.widths)

    def __call__(self, file: str | Path, name: str = "") -> tuple[Fields, str]:
        """The fields that are stored of a clip, in memory and rounded as in a store, and what was odd about it.

        Args:
            file: a local video file.
            name: of the clip, for detectors that look regions up; by default the file's.

        Raises:
            DataError: nothing of the file decodes.
        """
        with ClipBuffer(name or printable(Path(file).stem), self.widths) as clip:
            note = self.fill(clip, file)
            return clip.tensors(), note

    def fill(self, clip: ClipBuffer, file: str | Path) -> str:
        """Gather the fields of a clip; returns what was odd about it.

        Args:
            clip: an empty buffer of :attr:`widths`.
            file: a local video file.

        Raises:
            DataError: nothing of the file decodes, or features are not finite.
            StoreWriteError: there is no room for the features.
        """
        stream = ClipStream(
            file,
            self.num_frames,
            rate=self.rate,
            max_side=self.max_side,
            threads=self.threads,
            chunk=self.chunk,
            window=None if self.motion is None else self.motion.window,
        )
        for part, frames, inner in _overlapping(stream, getattr(self.featurizer, "context", 0)):
            clip.append(self._describe_part(part, frames, inner, clip.name))
            if len(part.time) == self.chunk:  # a long clip: there are more to come
                trim_memory()
        if self.linker is not None and self.detector is not None:
            regions = Regions(*(clip.small(f"region_{key}") for key in ("box", "score", "frame")))
            clip.put("region_track", self.linker(regions, clip.rows("region_x")))
        return stream.note

    def _describe_part(self, part: Clip, frames: Tensor, inner: slice, name: str) -> Fields:
        fields = {"frame_time": part.time}
        if self.detector is None:
            fields["frame_x"] = self.featurizer(frames)[inner]
        else:
            regions = self.detector(part.frames, time=part.time, name=name)
            if regions.x is None:
                fields["frame_x"], region_x = describe_frames_and_regions(self.featurizer, frames, regions, inner)
            else:
                fields["frame_x"], region_x = self.featurizer(frames)[inner], regions.x
            fields |= {
                "region_x": region_x,
                "region_box": regions.box,
                "region_score": regions.score,
                "region_frame": regions.frame,
            }
            if getattr(self.detector, "labels", None) is not None:
                fields["region_label"] = regions.label
        if self.motion is not None:
            assert part.windows is not None
            fields["frame_x"] = torch.cat([fields["frame_x"], self.motion(part.windows)], dim=1)
        return fields


def _overlapping(clips: Iterable[Clip], context: int) -> Iterator[tuple[Clip, Tensor, slice]]:
    """Each part, its frames with ``context`` more on either side, and which of them are its own."""
    before: Tensor | None = None
    part: Clip | None = None
    for after in clips:
        if part is not None:
            yield _with_context(part, before, after.frames[:context])
            before = part.frames[-context:] if context else None
        part = after
    if part is not None:
        yield _with_context(part, before, None)


def _with_context(part: Clip, before: Tensor | None, after: Tensor | None) -> tuple[Clip, Tensor, slice]:
    first = 0 if before is None else len(before)
    pieces = [piece for piece in (before, part.frames, after) if piece is not None and len(piece)]
    frames = pieces[0] if len(pieces) == 1 else torch.cat(pieces)
    return part, frames, slice(first, first + len(part.frames))


def _describe(part: FrameFeaturizer | RegionDetector | TrackLinker | MotionFeaturizer) -> dict[str, Any]:
    return {"name": part.name, "version": part.version, "settings": dict(part.settings)}
