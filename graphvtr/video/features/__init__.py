"""Pictures to vectors; a new featurizer is one file that registers itself and is imported here."""

from graphvtr.video.features.base import FEATURIZERS, CropFeaturizer, FrameFeaturizer, MapFeaturizer, build_featurizer
from graphvtr.video.features.efficientnet_lite import EfficientNetLite
from graphvtr.video.features.pixels import PixelDescriptor

__all__ = [
    "FEATURIZERS",
    "CropFeaturizer",
    "EfficientNetLite",
    "FrameFeaturizer",
    "MapFeaturizer",
    "PixelDescriptor",
    "build_featurizer",
]
