"""What the launchers share: block widths, warps, and the dtype that sums are kept in."""

from __future__ import annotations

from typing import Any

import torch

from graphvtr._optional import optional_import

triton = optional_import("triton", "dev", "the triton backend")
tl = optional_import("triton.language", "dev", "the triton backend")


def accumulator(dtype: torch.dtype) -> Any:
    """float64 for float64, else float32."""
    return tl.float64 if dtype == torch.float64 else tl.float32


def block_of(width: int, limit: int = 1024, least: int = 1) -> int:
    """A power of two that holds ``width`` elements, or ``limit``."""
    return int(min(limit, max(least, triton.next_power_of_2(max(1, width)))))


def warps_for(block: int) -> int:
    """Warps such that a thread holds about 8 elements of a row."""
    return max(1, min(8, block // 256))
