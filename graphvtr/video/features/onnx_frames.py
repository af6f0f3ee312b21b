"""Frame features of networks in ONNX files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from graphvtr.errors import DataError, check_choice
from graphvtr.video.features.base import check_frames
from graphvtr.video.onnx_config import check_numbers, config_beside
from graphvtr.video.onnx_session import OnnxSession, onnx_pictures

_IMAGENET_MEAN, _IMAGENET_STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)


@dataclass(frozen=True)
class FrameInput:
    """What a network wants and gives; as JSON, the small configuration beside a model.

    ==========  ======================================================================================
    ``size``    height and width of the input; by default as the model declares, else 224
    ``colour``  ``rgb`` or ``bgr``
    ``mean``    of each channel, of values 0..255; the input is (value - mean) / std; ImageNet's by default
    ``std``     likewise
    ``output``  name of the output, the first one by default: vectors [n, d] or a map [n, d, h, w]
    ==========  ======================================================================================

    Raises:
        DataError: a value that is not listed.
    """

    size: tuple[int, int] | None = None
    colour: str = "rgb"
    mean: tuple[float, float, float] = _IMAGENET_MEAN
    std: tuple[float, float, float] = _IMAGENET_STD
    output: str | None = None

    def __post_init__(self) -> None:
        check_choice("features.colour", self.colour, ("rgb", "bgr"))
        check_numbers("features", "mean", self.mean, 3)
        check_numbers("features", "std", self.std, 3)
        if self.size is not None:
            check_numbers("features", "size", self.size, 2)
        if 0 in self.std:
            raise DataError("features.std", "has a 0", "give positive numbers")


class OnnxFrames:
    """A network whose output is one vector a picture.

    Pictures are squeezed into its input without cropping. :func:`onnx_featurizer` chooses between this and
    :class:`OnnxMaps`.

    Args:
        path: the model. A file of the same name that ends in ``.json`` is its configuration, if there is one.
        config: what it wants; by default the configuration.
        threads: of onnxruntime; by default those that torch uses.

    Raises:
        DataError: no such file, no such model, or outputs of another kind.
        MissingExtraError: onnxruntime is not installed.
    """

    name = "onnx"
    _dims = 2

    def __init__(self, path: str | Path, config: FrameInput | None = None, *, threads: int | None = None) -> None:
        self.path = Path(path)
        self._session = OnnxSession(self.path, f"frame features of {self.path.name}", threads=threads)
        self.config = config or config_beside(FrameInput, self.path) or FrameInput()
        shape = self._session.input_shape
        if len(shape) != 4 or shape[1] not in (3, None):
            raise DataError(self.path, f"wants input {shape}", "give a model of pictures [n, 3, height, width]")
        size = self.config.size or (shape[2] or 224, shape[3] or 224)
        if any(one is not None and one != other for one, other in zip(shape[2:], size, strict=True)):
            raise DataError(self.path, f"wants input {shape[2]} x {shape[3]}", f"its configuration says {size}")
        self._size = (int(size[0]), int(size[1]))
        self._output = self._session.output(self.config.output)
        self.version = f"{self.path.name} {self._session.digest}"
        found = self._run(torch.zeros(1, 8, 8, 3, dtype=torch.uint8))
        if found.dim() != self._dims:
            raise DataError(self.path, f"gives {list(found.shape)}", "name an output of [n, d] or [n, d, h, w]")
        self.dim = found.size(1)

    @property
    def settings(self) -> Mapping[str, Any]:
        return {**asdict(self.config), "size": list(self._size)}

    def __call__(self, frames: Tensor) -> Tensor:
        """``[T, H, W, 3]`` uint8 RGB -> ``[T, dim]`` float32 on the CPU.

        Raises:
            DataError: another shape or dtype.
        """
        check_frames(frames)
        return torch.cat([self._run(part) for part in frames.split(8)])

    def _run(self, frames: Tensor) -> Tensor:
        config = self.config
        pictures = onnx_pictures(frames, self._size, config.colour, config.mean, config.std)
        return self._session.run(pictures)[self._output].float()


class OnnxMaps(OnnxFrames):
    """A network whose output is a map; a picture's vector is the mean of it, and regions are pooled from it."""

    _dims = 4

    def __call__(self, frames: Tensor) -> Tensor:
        """``[T, H, W, 3]`` uint8 RGB -> ``[T, dim]`` float32 on the CPU.

        Raises:
            DataError: another shape or dtype.
        """
        return self.vectors_and_map(frames)[0]

    def feature_map(self, frames: Tensor) -> Tensor:
        """``[T, H, W, 3]`` uint8 RGB -> ``[T, dim, h, w]`` float32 on the CPU."""
        check_frames(frames)
        return torch.cat([self._run(part) for part in frames.split(8)])

    def vectors_and_map(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """Both by one pass."""
        maps = self.feature_map(frames)
        return maps.mean(dim=(2, 3)), maps


def onnx_featurizer(path: str | Path, config: FrameInput | None = None) -> OnnxFrames:
    """Frame features of the network in an ONNX file, with a map where its output is one.

    Raises:
        DataError: no such file, no such model, or outputs of another kind.
        MissingExtraError: onnxruntime is not installed.
    """
    session = OnnxSession(path, f"frame features of {Path(path).name}")
    config = config or config_beside(FrameInput, Path(path)) or FrameInput()
    names = session.output_names
    shape = session.output_shapes[names.index(config.output) if config.output in names else 0]
    return OnnxMaps(path, config) if len(shape) == 4 else OnnxFrames(path, config)
