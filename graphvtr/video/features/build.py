"""Frame features by name, as the command line gives them."""

from __future__ import annotations

from pathlib import Path

import torch

from graphvtr.errors import DataError
from graphvtr.video.features.base import FEATURIZERS, FrameFeaturizer
from graphvtr.video.features.huggingface import HuggingFaceVision
from graphvtr.video.features.onnx_frames import onnx_featurizer


def build_featurizer(name: str | Path, *, device: str | torch.device = "cpu") -> FrameFeaturizer:
    """The featurizer that ``name`` stands for, with its default settings.

    Args:
        name: one in :data:`FEATURIZERS`, ``FILE.py:NAME`` for one that a file of yours registers, an ``.onnx`` file
            (which runs on the CPU), or the local directory of a Hugging Face vision encoder.
        device: where the features are computed.

    Raises:
        DataError: no such name (says which there are), or no such device here.
        MissingExtraError: it needs a package that is not installed.
    """
    name = FEATURIZERS.name_of(str(name))
    path = Path(name)
    known = str(name) in FEATURIZERS
    if not known and path.suffix.lower() == ".onnx":
        return onnx_featurizer(path)
    factory = None
    if known or not (path / "config.json").is_file():
        try:
            factory = FEATURIZERS[str(name)]
        except DataError as error:
            problem = "is a folder without config.json" if path.is_dir() else error.problem
            fix = f"{error.fix}, an .onnx file, or the directory of a Hugging Face vision encoder"
            raise DataError(f"frame features '{name}'", problem, fix) from None
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:  # AssertionError: torch was built without CUDA
        raise DataError(f"device '{device}'", f"cannot be used ({error})", "try cpu") from error
    return HuggingFaceVision(path, device=device) if factory is None else factory(device=device)
