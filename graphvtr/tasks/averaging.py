"""An exponential moving average of a model's weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from graphvtr.errors import DataError


class WeightAverage:
    r"""Weights that follow those of a model, :math:`\bar w \leftarrow d \bar w + (1 - d) w` after every step.

    They are often better than the last ones (`Polyak and Juditsky, 1992 <https://doi.org/10.1137/0330046>`_), since the
    noise of single batches is averaged out. In the first steps the decay is smaller, ``(1 + steps) / (10 + steps)``, so
    that the random start is forgotten.

    Args:
        model: whose parameters to follow; buffers are taken as they are.
        decay: d, from 0 to below 1.

    Raises:
        DataError: a decay out of range.

    Example:
        >>> layer = nn.Linear(1, 1, bias=False)
        >>> average = WeightAverage(layer, 0.5)
        >>> with torch.no_grad():
        ...     _ = layer.weight.add_(1.0)
        >>> average.update(steps=100)
        >>> with average.in_place():
        ...     averaged = layer.weight.item()
        >>> round(layer.weight.item() - averaged, 3)
        0.5
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        if not 0 <= decay < 1:
            raise DataError("ema", f"is {decay}", "give a number from 0 to below 1, 0.999 for instance")
        self.model, self.decay = model, decay
        self.weights = {name: weight.detach().clone() for name, weight in model.named_parameters()}

    @torch.no_grad()
    def update(self, steps: int) -> None:
        """Follow the weights after the step of that number."""
        share = 1 - min(self.decay, (1 + steps) / (10 + steps))
        for name, weight in self.model.named_parameters():
            self.weights[name] = self.weights[name].to(weight.device).lerp_(weight, share)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Within, the model has the averaged weights."""
        self.swap()
        try:
            yield
        finally:
            self.swap()

    @torch.no_grad()
    def swap(self) -> None:
        """Exchange the model's weights and the averaged ones."""
        for name, weight in self.model.named_parameters():
            kept = weight.detach().clone()
            weight.copy_(self.weights[name])
            self.weights[name] = kept

    def load(self, weights: Mapping[str, Tensor]) -> None:
        """Take up averaged weights."""
        self.weights = {name: weights[name].clone() for name in self.weights}
