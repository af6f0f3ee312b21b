"""Pictures to vectors; a new featurizer is one file that registers itself and is imported here."""

from graphvtr.video.features.base import FEATURIZERS, CropFeaturizer, FrameFeaturizer, MapFeaturizer
from graphvtr.video.features.build import build_featurizer
from graphvtr.video.features.efficientnet_lite import EfficientNetLite
from graphvtr.video.features.huggingface import HuggingFaceVision
from graphvtr.video.features.onnx_frames import FrameInput, OnnxFrames, OnnxMaps, onnx_featurizer
from graphvtr.video.features.pixels import PixelDescriptor

__all__ = [
    "FEATURIZERS",
    "CropFeaturizer",
    "EfficientNetLite",
    "FrameFeaturizer",
    "FrameInput",
    "HuggingFaceVision",
    "MapFeaturizer",
    "OnnxFrames",
    "OnnxMaps",
    "PixelDescriptor",
    "build_featurizer",
    "onnx_featurizer",
]
