"""What is computed in float32 whatever autocast says: scores, losses, and features that are kept."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from graphvtr.nn.levels import Level

HALF = (torch.float16, torch.bfloat16)


def full_precision(device: torch.device | str) -> torch.autocast:
    """A context without autocast on a device.

    Example:
        >>> with torch.autocast("cpu", torch.bfloat16), full_precision("cpu"):
        ...     (torch.ones(2, 2) @ torch.ones(2, 2)).dtype
        torch.float32
    """
    return torch.autocast(torch.device(device).type, enabled=False)


def widened(x: Tensor) -> Tensor:
    """float16 and bfloat16 as float32, other dtypes as they are."""
    return x.float() if x.dtype in HALF else x


def match_in_float32(forward: Callable[[Any, Level, Level], Tensor]) -> Callable[[Any, Level, Level], Tensor]:
    """A matcher's ``forward`` on float32 embeddings and without autocast, as a decorator; also for embeddings of two
    precisions, which autocast leaves behind. A model that is all half keeps its precision.

    Scores of a collection lie close together: bfloat16 has 256 numbers between 0.5 and 1, so that thousands of items
    would share a rank. Encoders take nearly all the time and keep their precision.
    """

    @functools.wraps(forward)
    def run(self: Any, video: Level, text: Level) -> Tensor:
        if video.x.dtype == text.x.dtype and not torch.is_autocast_enabled(video.x.device.type):
            return forward(self, video, text)
        with full_precision(video.x.device):
            return forward(self, Level(widened(video.x), video.ptr), Level(widened(text.x), text.ptr))

    return run
