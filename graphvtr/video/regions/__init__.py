"""Pictures to regions, and regions to features and tracks."""

from graphvtr.video.regions.base import DETECTORS, RegionDetector, Regions
from graphvtr.video.regions.boxes import best_boxes, box_iou
from graphvtr.video.regions.build import build_detector
from graphvtr.video.regions.describe import describe_frames_and_regions
from graphvtr.video.regions.grid import GridRegions
from graphvtr.video.regions.huggingface import HFDetector
from graphvtr.video.regions.layouts import DetectorLayout
from graphvtr.video.regions.onnx_detector import OnnxDetector
from graphvtr.video.regions.precomputed import PrecomputedRegions
from graphvtr.video.regions.tracks import TrackLinker
from graphvtr.video.roi_pool import roi_pool

__all__ = [
    "DETECTORS",
    "DetectorLayout",
    "GridRegions",
    "HFDetector",
    "OnnxDetector",
    "PrecomputedRegions",
    "RegionDetector",
    "Regions",
    "TrackLinker",
    "best_boxes",
    "box_iou",
    "build_detector",
    "describe_frames_and_regions",
    "roi_pool",
]
