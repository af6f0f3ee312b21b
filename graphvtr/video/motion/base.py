"""What turns short pieces of clips into vectors: the contract, and the table of those that exist."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from graphvtr.errors import DataError
from graphvtr.registry import Registry
from graphvtr.video.stream import Window


@runtime_checkable
class MotionFeaturizer(Protocol):
    """What happens about a frame, to one vector a frame.

    ``name``, ``version`` and ``settings`` go into the manifest of every store that is written with it.

    Attributes:
        name: as in :data:`MOTION_FEATURIZERS`.
        version: changes when the same settings give other numbers.
        dim: width of a vector.
        window: which pictures it wants about each frame.
        settings: the choices that change the numbers, as plain JSON values, those of the window among them.
    """

    name: str
    version: str
    dim: int
    window: Window

    @property
    def settings(self) -> Mapping[str, Any]: ...

    def __call__(self, windows: Tensor) -> Tensor:
        """``[T, n, s, s, 3]`` uint8 RGB, windows of n pictures of s x s pixels -> ``[T, dim]`` float32 on the CPU."""
        ...


MOTION_FEATURIZERS: Registry[Callable[..., MotionFeaturizer]] = Registry("motion features", "graphvtr.motion")


def check_windows(windows: Tensor, window: Window) -> None:
    """Refuse windows other than those that were asked for.

    Raises:
        DataError: another shape or dtype.
    """
    shape = (window.frames, window.side, window.side, 3)
    if windows.dim() != 5 or windows.shape[1:] != shape or windows.dtype != torch.uint8:
        raise DataError("windows", f"are {windows.dtype} {list(windows.shape)}", f"give uint8 [T, {list(shape)}]")
