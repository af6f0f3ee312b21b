"""Clips to video graphs: decode, sample, featurise, store."""

from graphvtr.video.decode import ClipInfo, ClipReader, probe
from graphvtr.video.extract import ExtractReport, extract, find_clips
from graphvtr.video.features import (
    FEATURIZERS,
    EfficientNetLite,
    FrameFeaturizer,
    MapFeaturizer,
    PixelDescriptor,
    build_featurizer,
)
from graphvtr.video.sampling import Clip, sample_clip, uniform_indices, uniform_times
from graphvtr.video.store import ClipEntry, FeatureStore, StoreWriteError

__all__ = [
    "FEATURIZERS",
    "Clip",
    "ClipEntry",
    "ClipInfo",
    "ClipReader",
    "EfficientNetLite",
    "ExtractReport",
    "FeatureStore",
    "FrameFeaturizer",
    "MapFeaturizer",
    "PixelDescriptor",
    "StoreWriteError",
    "build_featurizer",
    "extract",
    "find_clips",
    "probe",
    "sample_clip",
    "uniform_indices",
    "uniform_times",
]
