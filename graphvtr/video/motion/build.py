"""Motion features by name, as the command line gives them."""

from __future__ import annotations

from pathlib import Path

from graphvtr.video.motion.base import MOTION_FEATURIZERS, MotionFeaturizer
from graphvtr.video.motion.onnx_motion import OnnxMotion


def build_motion(what: str | Path) -> MotionFeaturizer:
    """The motion features that ``what`` stands for: an ``.onnx`` file a name in
    :data:`MOTION_FEATURIZERS`, or ``FILE.py:NAME`` for one that a file of yours registers.

    Raises:
        DataError: nothing of the kind.
        MissingExtraError: it needs a package that is not installed.
    """
    if Path(what).suffix.lower() == ".onnx":
        return OnnxMotion(what)
    return MOTION_FEATURIZERS.find(str(what))()
