"""Products of float32 matrices on a CPU, by oneDNN where PyTorch's own leave much of the processor idle.

PyTorch multiplies by MKL, which stops at AVX2 on AMD's processors. oneDNN comes with PyTorch too and uses their
AVX-512: 2 times as quick for large matrices, 3 to 4 times for 64 rows and a weight of 12 MB, the shape of a recurrent
network's step (``benchmarks/speed/hgr_step.py``). PyTorch has no public call for it; what its compiler calls is called
here, where it is there. ``backend("torch")`` leaves all to MKL.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.utils._python_dispatch import _get_current_dispatch_mode

from graphvtr.ops._backend import requested_backend
from graphvtr.ops.dispatch import device_name

#: Multiplications from which a call of oneDNN, which takes longer to begin, is made up for; and rows or columns.
LEAST, LEAST_SIDE = 1 << 22, 16


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """:func:`torch.nn.functional.linear`, ``[..., k]`` and ``[n, k]`` -> ``[..., n]``."""
    if x.dim() < 2 or not pays(x, weight, x.numel() // max(1, x.size(-1))):
        return F.linear(x, weight, bias)
    out: Tensor = _Linear.apply(x.reshape(-1, x.size(-1)), weight, bias)  # type: ignore[no-untyped-call]
    return out.view(*x.shape[:-1], weight.size(0))


def pays(x: Tensor, weight: Tensor, rows: int) -> bool:
    """Whether ``rows`` times a weight ``[n, k]`` are quicker by oneDNN: large enough, and nobody looks at the call (a
    compiler, autocast, forward-mode differentiation, ``torch.func``, a counter of operations)."""
    if torch.compiler.is_compiling() or torch.compiler.is_exporting() or not _better_here():
        return False
    return bool(
        min(rows, *weight.shape) >= LEAST_SIDE
        and rows * weight.numel() >= LEAST
        and all(type(value) in (Tensor, nn.Parameter) and value.dtype == torch.float32 for value in (x, weight))
        and x.device.type == weight.device.type == "cpu"
        and requested_backend() in ("auto", "native")
        and torch.backends.mkldnn.enabled
        and not torch.is_autocast_enabled("cpu")
        and forward_ad._current_level < 0
        and not torch._C._are_functorch_transforms_active()
        and _get_current_dispatch_mode() is None
    )


def times(x: Tensor, weight: Tensor) -> Tensor:
    """``x weight^T`` without a gradient, for what runs inside an op."""
    return product(x, weight) if pays(x, weight, x.size(0)) else x @ weight.t()


def add_times_(out: Tensor, x: Tensor, weight: Tensor) -> None:
    """``out += x weight^T``, likewise."""
    if pays(x, weight, x.size(0)):
        out.add_(product(x, weight))
    else:
        out.addmm_(x, weight.t())


def packed(weight: Tensor, rows: int) -> Tensor:
    """A weight ``[n, k]`` laid out for many products with about ``rows`` rows each, by :func:`product`."""
    out: Tensor = torch.ops.mkldnn._reorder_linear_weight(weight.contiguous(), rows)
    return out


def product(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """``x weight^T + bias`` by oneDNN, ``[m, k]`` and ``[n, k]`` (or :func:`packed`) -> ``[m, n]``; no gradient."""
    if not (weight.is_mkldnn or weight.is_contiguous() or weight.t().is_contiguous()):
        weight = weight.contiguous()
    out: Tensor = torch.ops.mkldnn._linear_pointwise(x.contiguous(), weight, bias, "none", [], "")
    return out


def library(device: str) -> str:
    """What multiplies large float32 matrices on a kind of device, in words."""
    if device != "cpu":
        return "by PyTorch"
    return "by oneDNN, as MKL leaves AVX-512 unused here" if _better_here() else "by PyTorch"


@cache
def _better_here() -> bool:
    """Whether the processor has AVX-512 and MKL does not use it."""
    capable = torch.backends.cpu.get_cpu_capability() == "AVX512" and device_name("cpu").startswith("AMD")
    there = all(hasattr(torch.ops.mkldnn, name) for name in ("_linear_pointwise", "_reorder_linear_weight"))
    return capable and there and torch.backends.mkl.is_available() and torch.backends.mkldnn.is_available()


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(x, weight)
        return product(x, weight, bias)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        x, weight = ctx.saved_tensors
        for_x, for_weight, for_bias = ctx.needs_input_grad
        return (
            linear(grad, weight.t()) if for_x else None,
            linear(grad.t(), x.t()) if for_weight else None,
            grad.sum(0) if for_bias else None,
        )
