"""What turns pictures into vectors: the contract, and the table of those that exist."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor
from torch.nn import functional as F

from graphvtr.errors import DataError
from graphvtr.registry import Registry


@runtime_checkable
class FrameFeaturizer(Protocol):
    """Pictures of one clip, in the order of time, to one vector each.

    ``name``, ``version`` and ``settings`` go into the manifest of every store that is written with it, and a
    store is only ever continued by a featurizer that has the same: whatever changes the numbers must show in
    one of them.

    Attributes:
        name: as in :data:`FEATURIZERS`.
        version: changes when the same settings give other numbers.
        dim: width of a vector.
        settings: the constructor's choices that change the numbers, as plain JSON values.

    A frame's vector that depends on the frames before and after needs one more attribute, ``context``: how many
    on either side. Long clips come in parts, which then overlap by so many frames.
    """

    name: str
    version: str
    dim: int

    @property
    def settings(self) -> Mapping[str, Any]: ...

    def __call__(self, frames: Tensor) -> Tensor:
        """``[T, H, W, 3]`` uint8 RGB -> ``[T, dim]`` float32 on the CPU."""
        ...


@runtime_checkable
class MapFeaturizer(FrameFeaturizer, Protocol):
    """A featurizer with a spatial map in the space of its vectors, from which regions can be pooled too."""

    def feature_map(self, frames: Tensor) -> Tensor:
        """``[T, H, W, 3]`` uint8 RGB -> ``[T, dim, h, w]`` float32 on the CPU; the map covers the whole picture."""
        ...

    def vectors_and_map(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """The vectors ``[T, dim]`` and the map ``[T, dim, h, w]`` by one pass."""
        ...


@runtime_checkable
class CropFeaturizer(FrameFeaturizer, Protocol):
    """A featurizer that describes parts of pictures in a way of its own."""

    def describe_crops(self, frames: Tensor, box: Tensor, frame: Tensor) -> Tensor:
        """``[T, H, W, 3]`` uint8, boxes ``[R, 4]`` (0..1) of frames ``[R]`` -> ``[R, dim]`` float32 on the CPU."""
        ...


FEATURIZERS: Registry[Callable[..., FrameFeaturizer]] = Registry("frame features", "graphvtr.backbones")


def check_frames(frames: Tensor) -> None:
    """Refuse what is not ``[T, H, W, 3]`` uint8 with at least one pixel.

    Raises:
        DataError: another shape or dtype.
    """
    if frames.dim() != 4 or frames.size(-1) != 3 or frames.numel() == 0 or frames.dtype != torch.uint8:
        raise DataError(
            "frames", f"are {frames.dtype} {list(frames.shape)}", "give uint8 [T, H, W, 3] with values 0..255"
        )


def resize(frames: Tensor, size: int, device: torch.device) -> Tensor:
    """``[T, H, W, 3]`` uint8 -> ``[T, 3, size, size]`` float32 in 0..1 on ``device``, antialiased.

    The whole picture is squeezed into the square, nothing is cut off: boxes given as fractions of width and
    height keep their meaning. Done in uint8 on the CPU, which is tens of times faster than in float32 and
    leaves less to move to the device.
    """
    channels_first = frames.cpu().permute(0, 3, 1, 2)
    resized = F.interpolate(channels_first, (size, size), mode="bilinear", antialias=True, align_corners=False)
    return resized.contiguous().to(device).float().div_(255.0)


def crop(frame: Tensor, box: Tensor) -> Tensor:
    """The pixels of ``[H, W, ...]`` that a box touches, at least one."""
    height, width = frame.shape[:2]
    x0, y0, x1, y1 = box.tolist()
    left, top = min(int(x0 * width), width - 1), min(int(y0 * height), height - 1)
    right, bottom = max(left + 1, -int(-x1 * width // 1)), max(top + 1, -int(-y1 * height // 1))
    return frame[top : min(bottom, height), left : min(right, width)]
