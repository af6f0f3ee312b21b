"""Clips to video graphs: decode, sample, featurise, store."""

from graphvtr.video.clip_files import find_clips
from graphvtr.video.decode import ClipInfo, ClipReader, probe
from graphvtr.video.extract import ExtractReport, extract
from graphvtr.video.features import (
    FEATURIZERS,
    CropFeaturizer,
    EfficientNetLite,
    FrameFeaturizer,
    MapFeaturizer,
    PixelDescriptor,
    build_featurizer,
)
from graphvtr.video.pipeline import ClipPipeline
from graphvtr.video.regions import (
    DetectorLayout,
    GridRegions,
    OnnxDetector,
    RegionDetector,
    Regions,
    TrackLinker,
    best_boxes,
    box_iou,
    build_detector,
    describe_frames_and_regions,
)
from graphvtr.video.roi_pool import roi_pool
from graphvtr.video.sampling import uniform_indices, uniform_times
from graphvtr.video.store import ClipEntry, FeatureStore, StoreWriteError
from graphvtr.video.stream import Clip, ClipStream, Window, sample_clip

__all__ = [
    "FEATURIZERS",
    "Clip",
    "ClipEntry",
    "ClipInfo",
    "ClipPipeline",
    "ClipReader",
    "ClipStream",
    "CropFeaturizer",
    "DetectorLayout",
    "EfficientNetLite",
    "ExtractReport",
    "FeatureStore",
    "FrameFeaturizer",
    "GridRegions",
    "MapFeaturizer",
    "OnnxDetector",
    "PixelDescriptor",
    "RegionDetector",
    "Regions",
    "StoreWriteError",
    "TrackLinker",
    "Window",
    "best_boxes",
    "box_iou",
    "build_detector",
    "build_featurizer",
    "describe_frames_and_regions",
    "extract",
    "find_clips",
    "probe",
    "roi_pool",
    "sample_clip",
    "uniform_indices",
    "uniform_times",
]
