"""Levels beside a closed form that are solved as it is, before the first step."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from graphvtr.nn.hubness import HubOffsets
from graphvtr.nn.neighbours import KernelRegression


class ClosedLevels(nn.Module):
    """One vector an item each: ``hubs`` (:class:`HubOffsets`); ``neighbours``, a video beside the videos of training
    captions near to the caption (:class:`KernelRegression`). In training, where only what learns counts, the second is
    left at zero: it would take half of the time.

    Args:
        channels: width of the unit vectors of the closed form.
        hubs: whether there is the first.
        memory: training captions that the second keeps; 0 for no such level.
    """

    def __init__(self, channels: int, hubs: bool, memory: int) -> None:
        super().__init__()
        self.hubs = HubOffsets(channels) if hubs else None
        self.neighbours = KernelRegression(channels, memory) if memory else None
        self.names = (*("hubs",) * hubs, *("neighbours",) * (memory > 0))

    def fill(self, video: Tensor, text: Tensor, owner: Tensor) -> None:
        """Take training items, [Nv, channels] and [Nt, channels], and the video of each caption [Nt]."""
        if self.hubs is not None:
            self.hubs.fill(video, text)
        if self.neighbours is not None:
            self.neighbours.fill(text, video[owner])

    def video(self, x: Tensor) -> dict[str, Tensor]:
        """Of videos [N, channels], by name."""
        hubs = {} if self.hubs is None else {"hubs": self.hubs.video(x)}
        return hubs | ({} if self.neighbours is None else {"neighbours": x})

    def text(self, x: Tensor) -> dict[str, Tensor]:
        """Of captions [N, channels], by name."""
        hubs = {} if self.hubs is None else {"hubs": self.hubs.text(x)}
        if self.neighbours is None:
            return hubs
        return hubs | {"neighbours": torch.zeros_like(x) if self.training else self.neighbours(x)}
