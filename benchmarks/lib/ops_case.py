"""One workload of ``speed/ops.py``: what computes it, and what it must cost.

``bytes`` counts every argument read once and every result written once (for backward: arguments and upstream gradient
read, gradients written, on top of forward); ``flops`` counts the multiplications and additions of the cheapest
association. Both are floors: what no implementation can do without.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor

from graphvtr import ops
from graphvtr._optional import is_installed
from graphvtr.ops.native_build import library


@dataclass
class Case:
    """One workload. ``ways`` compute the same from ``leaves``; a way may have arguments and a backward of its own."""

    op: str
    workload: str
    leaves: list[Tensor]
    ways: dict[str, Callable[..., Tensor]]
    flops: tuple[float, float]  # forward; forward and backward
    extra_bytes: int = 0  # pointers, indices
    own_leaves: dict[str, list[Tensor]] = field(default_factory=dict)
    own_backward: dict[str, Callable[[Tensor], None]] = field(default_factory=dict)
    too_large: tuple[str, ...] = ()  # ways whose memory this workload would exceed, named in the report

    def bytes(self, out: Tensor) -> tuple[float, float]:
        """Bytes that forward, and forward with backward, must move."""
        arguments = sum(x.numel() * x.element_size() for x in self.leaves)
        result = out.numel() * out.element_size()
        forward = arguments + result + self.extra_bytes
        return forward, forward + 2 * arguments + result + self.extra_bytes


def backends(device: torch.device) -> list[str]:
    """The backends of the ops that can run here."""
    found = ["torch"]
    if device.type == "cpu" and library() is not None:
        found.append("native")
    if device.type == "cuda" and is_installed("triton"):
        found.append("triton")
    if is_installed("torch_scatter"):
        found.append("torch_scatter")
    return found


def on_backends(call: Callable[..., Tensor], device: torch.device, *names: str) -> dict[str, Callable[..., Tensor]]:
    """The op once for each backend that has a kernel for it."""

    def run(name: str, *args: Tensor) -> Tensor:
        with ops.backend(name):
            return call(*args)

    chosen = [name for name in backends(device) if name == "torch" or name in names]
    return {f"graphvtr ({name})": partial(run, name) for name in chosen}
