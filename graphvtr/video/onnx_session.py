"""ONNX models on pictures: opened lazily, safe to send to other processes, identified by their content."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from graphvtr._optional import optional_import
from graphvtr.errors import DataError

FloatArray = npt.NDArray[np.float32]


def onnx_pictures(
    frames: Tensor, size: tuple[int, int], colour: str, mean: Sequence[float], std: Sequence[float]
) -> Tensor:
    """``[T, H, W, 3]`` uint8 RGB -> ``[T, 3, h, w]`` float32, squeezed, as (value - mean) / std of values 0..255.

    Args:
        frames: the pictures.
        size: height and width.
        colour: ``rgb`` or ``bgr``, order of the channels.
        mean: of each channel in that order.
        std: likewise.
    """
    channels_first = frames.cpu().permute(0, 3, 1, 2)
    resized = F.interpolate(channels_first, size, mode="bilinear", antialias=True, align_corners=False)
    pictures = resized.contiguous()
    pictures = (pictures.flip(1) if colour == "bgr" else pictures).float()  # as bytes a quarter is moved
    return pictures.sub_(pictures.new_tensor(mean).view(3, 1, 1)).div_(pictures.new_tensor(std).view(3, 1, 1))


class OnnxSession:
    """One ONNX model with one input, run with onnxruntime.

    Args:
        path: the ``.onnx`` file.
        purpose: what it is for, for messages.
        threads: threads of one run; by default those that torch uses.
        batch_size: items at a time where the model leaves that open.

    Attributes:
        digest: of the file's content, for manifests.
        input_shape: as the model declares it, None for open sizes.
        output_names: of the model, in its order.

    Raises:
        DataError: no such file, or not a model with one input.
        MissingExtraError: onnxruntime is not installed.
    """

    def __init__(self, path: str | Path, purpose: str, *, threads: int | None = None, batch_size: int = 4) -> None:
        self.path = Path(path)
        self._purpose, self._threads, self._batch_size = purpose, threads, batch_size
        try:
            self.digest = hashlib.sha256(self.path.read_bytes()).hexdigest()[:12]
        except OSError as error:
            raise DataError(self.path, f"cannot be read ({error.strerror})", "give an .onnx file") from error
        self._session: Any = None
        session = self._open()
        inputs = session.get_inputs()
        if len(inputs) != 1 or inputs[0].type != "tensor(float)":
            kinds = ", ".join(f"{item.name}: {item.type}" for item in inputs)
            raise DataError(self.path, f"has the inputs {kinds}", "give a model with one float input")
        self._input = inputs[0].name
        self.input_shape = [size if isinstance(size, int) and size > 0 else None for size in inputs[0].shape]
        self.output_names = [item.name for item in session.get_outputs()]
        self.output_shapes = [
            [size if isinstance(size, int) and size > 0 else None for size in item.shape]
            for item in session.get_outputs()
        ]

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_session": None}  # sessions do not travel to another process

    def _open(self) -> Any:
        if self._session is None:
            runtime = optional_import("onnxruntime", "detect", self._purpose)
            options = runtime.SessionOptions()
            options.intra_op_num_threads = self._threads or torch.get_num_threads()
            options.inter_op_num_threads = 1
            options.log_severity_level = 3
            try:
                self._session = runtime.InferenceSession(str(self.path), options, providers=["CPUExecutionProvider"])
            except Exception as error:  # onnxruntime's own errors have no common base
                problem = f"is no model that onnxruntime reads ({str(error).splitlines()[0][:200]})"
                raise DataError(self.path, problem, "export it again") from error
        return self._session

    def output(self, name: str | None) -> int:
        """Where the output of that name stands in what :meth:`run` gives; of None the first.

        Raises:
            DataError: the model has none.
        """
        if name is not None and name not in self.output_names:
            raise DataError(self.path, f"has no output '{name}'", f"it has {', '.join(self.output_names)}")
        return 0 if name is None else self.output_names.index(name)

    def run(self, items: Tensor) -> list[Tensor]:
        """All outputs for ``items [n, ...]``, end to end along the first dimension.

        Raises:
            DataError: the model refuses the input.
        """
        session = self._open()
        size = self.input_shape[0] or self._batch_size
        results: list[list[FloatArray]] = []
        for part in items.split(size):
            count = len(part)
            if self.input_shape[0] and count < size:  # the model insists on full batches
                part = torch.cat([part, part[-1:].expand(size - count, *part.shape[1:])])
            try:
                outputs = session.run(None, {self._input: np.ascontiguousarray(part.numpy(), dtype=np.float32)})
            except Exception as error:
                raise DataError(
                    self.path, f"does not run ({str(error).splitlines()[0][:200]})", "see its input"
                ) from error
            results.append([np.asarray(output)[:count] for output in outputs])
        return [torch.from_numpy(np.concatenate(parts)) for parts in zip(*results, strict=True)]
