"""Short pieces of clips to vectors."""

from graphvtr.video.motion.base import MOTION_FEATURIZERS, MotionFeaturizer
from graphvtr.video.motion.build import build_motion
from graphvtr.video.motion.differences import FrameDifferences
from graphvtr.video.motion.onnx_motion import OnnxMotion

__all__ = ["MOTION_FEATURIZERS", "FrameDifferences", "MotionFeaturizer", "OnnxMotion", "build_motion"]
