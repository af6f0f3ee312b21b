"""Clips to video graphs: decode, sample, featurise, store."""

from graphvtr.video.clip_files import find_clips
from graphvtr.video.decode import ClipInfo, ClipReader, probe
from graphvtr.video.extract import ExtractReport, extract
from graphvtr.video.features import (
    FEATURIZERS,
    CropFeaturizer,
    EfficientNetLite,
    FrameFeaturizer,
    FrameInput,
    HuggingFaceVision,
    MapFeaturizer,
    OnnxFrames,
    OnnxMaps,
    PixelDescriptor,
    build_featurizer,
    onnx_featurizer,
)
from graphvtr.video.motion import MOTION_FEATURIZERS, FrameDifferences, MotionFeaturizer, OnnxMotion, build_motion
from graphvtr.video.motion.onnx_motion import MotionInput
from graphvtr.video.pipeline import ClipPipeline
from graphvtr.video.regions import (
    DETECTORS,
    DetectorLayout,
    GridRegions,
    HFDetector,
    OnnxDetector,
    PrecomputedRegions,
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
from graphvtr.video.store import ClipBuffer, ClipEntry, FeatureStore, StoreWriteError
from graphvtr.video.stream import Clip, ClipStream, Window, sample_clip

__all__ = [
    "DETECTORS",
    "FEATURIZERS",
    "MOTION_FEATURIZERS",
    "Clip",
    "ClipBuffer",
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
    "FrameDifferences",
    "FrameFeaturizer",
    "FrameInput",
    "GridRegions",
    "HFDetector",
    "HuggingFaceVision",
    "MapFeaturizer",
    "MotionFeaturizer",
    "MotionInput",
    "OnnxDetector",
    "OnnxFrames",
    "OnnxMaps",
    "OnnxMotion",
    "PixelDescriptor",
    "PrecomputedRegions",
    "RegionDetector",
    "Regions",
    "StoreWriteError",
    "TrackLinker",
    "Window",
    "best_boxes",
    "box_iou",
    "build_detector",
    "build_featurizer",
    "build_motion",
    "describe_frames_and_regions",
    "extract",
    "find_clips",
    "onnx_featurizer",
    "probe",
    "roi_pool",
    "sample_clip",
    "uniform_indices",
    "uniform_times",
]
