"""Motion features from 3D networks in ONNX files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from graphvtr.errors import DataError
from graphvtr.video.motion.base import check_windows
from graphvtr.video.onnx_config import check_numbers, config_beside
from graphvtr.video.onnx_session import OnnxSession
from graphvtr.video.stream import Window


@dataclass(frozen=True)
class MotionInput:
    """What a 3D network wants and gives; as JSON, the small configuration beside a model.

    ===========  ======================================================================================
    ``frames``   pictures a window; by default as the model declares
    ``side``     height and width of its input; likewise
    ``rate``     pictures a second, as in its training
    ``order``    of the input after the batch: ``cthw`` (3, frames, side, side), as I3D, C3D and R(2+1)D
                 want it, or ``tchw``
    ``colour``   ``rgb`` or ``bgr``
    ``mean``     of each channel, of values 0..255; the input is (value - mean) / std
    ``std``      likewise
    ``output``   name of the output; the first one by default; dimensions after the second are averaged
    ===========  ======================================================================================

    Raises:
        DataError: a value that is not listed.
    """

    frames: int | None = None
    side: int | None = None
    rate: float = 12.5
    order: str = "cthw"
    colour: str = "rgb"
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (255.0, 255.0, 255.0)
    output: str | None = None

    def __post_init__(self) -> None:
        for name, known in (("order", ("cthw", "tchw")), ("colour", ("rgb", "bgr"))):
            if getattr(self, name) not in known:
                raise DataError(f"motion.{name}", f"is {getattr(self, name)!r}", f"known: {', '.join(known)}")
        check_numbers("motion", "mean", self.mean, 3)
        check_numbers("motion", "std", self.std, 3)
        if 0 in self.std:
            raise DataError("motion.std", "has a 0", "give positive numbers")


class OnnxMotion:
    """A 3D convolutional network, or anything else that takes a few pictures at a time, in an ONNX file.

    Args:
        path: the model. A file of the same name that ends in ``.json`` is its configuration, if there is one.
        config: what it wants; by default the configuration.
        threads: of onnxruntime; by default those that torch uses.

    Raises:
        DataError: no such file, no such model, or a size that is not known.
        MissingExtraError: onnxruntime is not installed.
    """

    name = "onnx"

    def __init__(self, path: str | Path, config: MotionInput | None = None, *, threads: int | None = None) -> None:
        self.path = Path(path)
        self._session = OnnxSession(self.path, f"motion features of {self.path.name}", threads=threads)
        self.config = config or config_beside(MotionInput, self.path) or MotionInput()
        self.window = self._window()
        self.version = f"{self.path.name} {self._session.digest}"
        self._output = self._session.output(self.config.output)
        side = self.window.side
        self.dim = self(torch.zeros(1, self.window.frames, side, side, 3, dtype=torch.uint8)).size(1)

    @property
    def settings(self) -> Mapping[str, Any]:
        return {**asdict(self.config), "window": asdict(self.window)}

    def __call__(self, windows: Tensor) -> Tensor:
        """``[T, n, s, s, 3]`` uint8 RGB -> ``[T, dim]`` float32 on the CPU.

        Raises:
            DataError: other windows than those asked for, or the model does not take them.
        """
        check_windows(windows, self.window)
        found = [self._run(part) for part in windows.split(4)]
        return torch.cat(found)

    def _run(self, windows: Tensor) -> Tensor:
        pictures = windows.permute(0, 4, 1, 2, 3).float()  # [T, 3, n, s, s]
        if self.config.colour == "bgr":
            pictures = pictures.flip(1)
        mean, std = (pictures.new_tensor(value).view(3, 1, 1, 1) for value in (self.config.mean, self.config.std))
        pictures = (pictures - mean) / std
        output = self._session.run(pictures if self.config.order == "cthw" else pictures.transpose(1, 2))[self._output]
        if output.dim() < 2 or len(output) != len(windows):
            raise DataError(self.path, f"gives {list(output.shape)}", "give a model of [n, dim, ...]")
        return output.float().flatten(2).mean(2) if output.dim() > 2 else output.float()

    def _window(self) -> Window:
        shape = self._session.input_shape
        order = self.config.order
        if len(shape) != 5 or shape[order.index("c") + 1] not in (3, None):
            raise DataError(self.path, f"wants input {shape}", f"it should be [n, {', '.join(order)}] with c = 3")
        if shape[3] != shape[4]:
            raise DataError(self.path, f"wants pictures of {shape[3]} x {shape[4]}", "give a model of squares")
        frames = self._size("frames", self.config.frames, shape[order.index("t") + 1])
        return Window(frames, self.config.rate, self._size("side", self.config.side, shape[3]))

    def _size(self, name: str, wanted: int | None, declared: int | None) -> int:
        if wanted is not None and declared is not None and wanted != declared:
            raise DataError(self.path, f"wants {name} = {declared}", f"its configuration says {wanted}")
        size = declared if wanted is None else wanted
        if size is None:
            raise DataError(self.path, f"leaves {name} open", f"give {name} in its configuration")
        return size
