"""The pipeline that made a store's features, from what the store (or a model trained on it) says about them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphvtr.errors import DataError
from graphvtr.provenance import Provenance, listed
from graphvtr.video.decode import DEFAULT_MAX_SIDE
from graphvtr.video.features import FEATURIZERS, FrameFeaturizer
from graphvtr.video.motion.base import MOTION_FEATURIZERS, MotionFeaturizer
from graphvtr.video.pipeline import ClipPipeline
from graphvtr.video.regions.base import RegionDetector
from graphvtr.video.regions.grid import GridRegions
from graphvtr.video.regions.tracks import TrackLinker

FIX = "extract the clips with graphvtr extract and give the store, or set model.pipeline = ClipPipeline(...)"


def pipeline_from(settings: Mapping[str, Any], where: object = "settings", *, regions: bool = True) -> ClipPipeline:
    """A pipeline that gives the features that ``settings`` describe.

    Only parts that the library knows by name are made: a record names no files, so that a network of one's own has to
    be given by who has it.

    Args:
        settings: of a store, or a model's ``provenance.features``.
        where: names them in messages.
        regions: False leaves out detector and tracks, for models that look at frames alone.

    Raises:
        DataError: a part that has no name in the library, or whose version or settings differ here.
        MissingExtraError: a part needs a package that is not installed.

    Example:
        >>> from graphvtr.video import PixelDescriptor
        >>> told = ClipPipeline(PixelDescriptor(), num_frames=8).settings
        >>> pipeline_from(told).num_frames
        8
    """
    if not _name(settings, "features"):
        raise DataError(where, "does not say what made its features", FIX)
    frames = settings.get("frames")
    frames = frames if isinstance(frames, Mapping) else {}
    detector, linker = (_detector(settings, where), _linker(settings, where)) if regions else (None, None)
    pipeline = ClipPipeline(
        _featurizer(settings, where),
        detector,
        linker,
        _motion(settings, where),
        num_frames=int(frames.get("num_frames", 20)),
        rate=None if frames.get("rate") is None else float(frames["rate"]),
        max_side=int(frames.get("max_side", DEFAULT_MAX_SIDE)),
    )
    differing = Provenance(dict(settings)).differences(Provenance(pipeline.settings), regions=regions)
    if differing:
        raise DataError(where, f"cannot be repeated here: {listed(differing)}", FIX)
    return pipeline


def _name(settings: Mapping[str, Any], part: str) -> str:
    told = settings.get(part)
    return str(told.get("name", "")) if isinstance(told, Mapping) else ""


def _unknown(settings: Mapping[str, Any], part: str, where: object) -> DataError:
    told = settings[part]
    return DataError(where, f"has {part} of '{told.get('name')}' {told.get('version', '')}, a file of its own", FIX)


def _featurizer(settings: Mapping[str, Any], where: object) -> FrameFeaturizer:
    name = _name(settings, "features")
    if name not in FEATURIZERS:
        raise _unknown(settings, "features", where)
    return FEATURIZERS[name]()


def _motion(settings: Mapping[str, Any], where: object) -> MotionFeaturizer | None:
    name = _name(settings, "motion")
    if name and name not in MOTION_FEATURIZERS:
        raise _unknown(settings, "motion", where)
    return MOTION_FEATURIZERS[name]() if name else None


def _detector(settings: Mapping[str, Any], where: object) -> RegionDetector | None:
    name = _name(settings, "regions")
    if not name:
        return None
    if name != GridRegions.name:
        raise _unknown(settings, "regions", where)
    return GridRegions(int(settings["regions"].get("settings", {}).get("cells", 0)))


def _linker(settings: Mapping[str, Any], where: object) -> TrackLinker | None:
    name = _name(settings, "tracks")
    if not name:
        return None
    if name != TrackLinker.name:
        raise _unknown(settings, "tracks", where)
    return TrackLinker(**{key: float(value) for key, value in settings["tracks"].get("settings", {}).items()})
