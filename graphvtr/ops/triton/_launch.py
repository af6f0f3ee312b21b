"""What the launchers share: block widths, warps, and the dtype that sums are kept in.

Signatures of kernels and the calls that start them stay in rows (``fmt: skip``): what is read, what is written, sizes,
constants, each row of a call under the same row of its kernel.
"""

from __future__ import annotations

import warnings
from functools import cache
from typing import Any

import torch
from torch import Tensor

from graphvtr._optional import optional_import

triton = optional_import("triton", "dev", "the triton backend")
tl = optional_import("triton.language", "dev", "the triton backend")

#: Triton's interpreter multiplies the bits of bfloat16: there factors are rounded, then widened.
WIDEN = tl.constexpr(bool(triton.knobs.runtime.interpret))


@triton.jit
def product(a, b):
    """``a @ b``: in the narrower precision of the two, float32 at most, summed in float32."""
    if a.dtype != b.dtype:
        if a.dtype == tl.float32:
            a = a.to(b.dtype)
        else:
            b = b.to(a.dtype)
    if WIDEN:
        a, b = a.to(tl.float32), b.to(tl.float32)
    return tl.dot(a, b, input_precision="tf32x3")


def accumulator(dtype: torch.dtype) -> Any:
    """float64 for float64, else float32."""
    return tl.float64 if dtype == torch.float64 else tl.float32


def block_of(width: int, limit: int = 1024, least: int = 1) -> int:
    """A power of two that holds ``width`` elements, or ``limit``."""
    return int(min(limit, max(least, triton.next_power_of_2(max(1, width)))))


def column_block(width: int, segments: int) -> int:
    """Columns of a program that owns a segment: narrower where few segments would leave most of a GPU idle."""
    block = block_of(width)
    while block > 64 and segments * triton.cdiv(width, block) < ENOUGH_PROGRAMS:
        block //= 2
    return block


#: About four programs for each of an H100's 132 multiprocessors.
ENOUGH_PROGRAMS = 512


def half_product(a: Tensor, b: Tensor) -> Tensor:
    """``a @ b`` in float32: of half precision on a GPU the products are exact and only their sum is float32."""
    if a.is_cuda and a.dtype in (torch.float16, torch.bfloat16):
        return torch.mm(a, b, out_dtype=torch.float32)  # type: ignore[call-overload]
    return a.float() @ b.float()


@cache
def leave_to_torch(op: str, why: str) -> None:
    """Say once that an op's kernel does not fit and the torch backend takes over."""
    warnings.warn(f"{op}: {why}; the torch backend takes over", RuntimeWarning, stacklevel=3)


def warps_for(block: int) -> int:
    """Warps such that a thread holds about 8 elements of a row."""
    return max(1, min(8, block // 256))
