"""What every op shares: checks of pointers and features, and the row that owns each element."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.autograd import forward_ad

from graphvtr.errors import DataError

FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
INTEGERS = (torch.int32, torch.int64)

#: Vectors that are not longer than this count as zero: they match nothing and get no gradient.
NORM_EPS = 1e-12
#: Added to the norm of a node's similarities over the frames, which is 0 when none is positive.
SIMILARITY_EPS = 1e-10


def check_float(name: str, value: Tensor, *, forward_mode: bool = False) -> None:
    """Raise DataError unless ``value`` has one of the four floating dtypes the ops accept, NotImplementedError for a
    tangent unless ``forward_mode``."""
    if value.dtype not in FLOATS:
        raise DataError(name, f"has dtype {value.dtype}", "give float16, bfloat16, float32 or float64")
    if forward_ad._current_level >= 0 and not forward_mode:
        check_no_tangent(name, value)


def check_no_tangent(name: str, value: Tensor) -> None:
    """Raise NotImplementedError where forward-mode differentiation would lose the tangent of ``value``: the gradients
    of the ops are written for the other direction."""
    if forward_ad.unpack_dual(value).tangent is not None:
        raise NotImplementedError(
            f"{name} carries a tangent, and graphvtr's ops have no forward-mode derivative "
            "(use reverse mode: torch.autograd.grad, torch.autograd.functional.jacobian; or "
            "backend('message_passing'), where reductions and graph layers are made of PyTorch's own operations)"
        )


def check_index(name: str, value: Tensor) -> None:
    """Raise DataError unless ``value`` is a vector of int32 or int64."""
    if value.dim() != 1 or value.dtype not in INTEGERS:
        raise DataError(name, f"is {value.dtype} of shape {list(value.shape)}", "give a vector of int32 or int64")


def check_ptr(name: str, ptr: Tensor) -> None:
    """Raise DataError unless ``ptr`` is a vector of integers with at least one element."""
    check_index(name, ptr)
    if ptr.size(0) == 0:
        raise DataError(name, "is empty", "a pointer of N segments has N + 1 elements, the first one 0")


def check_ptr_values(name: str, ptr: Tensor, size: int) -> None:
    """Raise DataError unless ``ptr`` rises from 0 to ``size``. Only on a CPU: elsewhere looking would wait for it."""
    if ptr.device.type != "cpu":
        return
    if int(ptr[0]) != 0 or int(ptr[-1]) != size or bool((ptr[1:] < ptr[:-1]).any()):
        ends = f"runs from {int(ptr[0])} to {int(ptr[-1])}"
        raise DataError(name, f"{ends}, or falls in between", f"it must rise from 0 to {size}, the number of elements")


def check_index_values(name: str, index: Tensor, size: int) -> None:
    """Raise DataError unless all of ``index`` lie in 0..size-1. Only on a CPU, as above."""
    if index.device.type != "cpu" or index.numel() == 0:
        return
    low, high = torch.aminmax(index)
    if int(low) < 0 or int(high) >= size:
        raise DataError(
            name, f"points to row {int(low) if int(low) < 0 else int(high)} of {size}", f"use 0..{size - 1}"
        )


def host_ptr(ptr: Tensor) -> Tensor:
    """``ptr`` on the CPU. Asked for once a tensor: what is read there is kept with it, and graphs that move to a
    device take what was read before along (:meth:`graphvtr.graphs.checked.CheckedGraph.apply`)."""
    if ptr.device.type == "cpu":
        return ptr
    kept: Tensor | None = getattr(ptr, "_host", None)
    if kept is None:
        kept = ptr.cpu()
        remember_host(ptr, kept)
    return kept


def remember_host(ptr: Tensor, host: Tensor) -> None:
    """Keep the values that ``ptr`` has on the CPU with it, so that nobody has to wait for its device."""
    if type(ptr) is Tensor and ptr is not host:
        ptr._host = host  # type: ignore[attr-defined]


def sent(values: list[int], device: torch.device) -> Tensor:
    """A vector of integers on a device, which is not waited for: a copy that blocks waits for all that is queued."""
    return torch.tensor(values, dtype=torch.long).to(device, non_blocking=True)


def longest(ptr: Tensor) -> int:
    """Elements of the longest segment, 0 where there is none."""
    return int(host_ptr(ptr).diff().max()) if ptr.size(0) > 1 else 0


def promote(*tensors: Tensor) -> torch.dtype:
    """The dtype that all of ``tensors`` widen to; under autocast, linear layers and parameters differ."""
    dtype = tensors[0].dtype
    for tensor in tensors[1:]:
        dtype = torch.promote_types(dtype, tensor.dtype)
    return dtype


def accumulate_dtype(dtype: torch.dtype) -> torch.dtype:
    """The dtype sums are kept in: float32, or float64 for float64."""
    return torch.float64 if dtype == torch.float64 else torch.float32


def segment_of(ptr: Tensor, size: int) -> Tensor:
    """The segment that owns each of the ``size`` elements: [0, 0, 1, 2, 2, 2, ...], int64 [size]."""
    return torch.repeat_interleave(ptr.diff().long(), output_size=size)


def counts_of(ptr: Tensor, dims: int, dtype: torch.dtype) -> Tensor:
    """Elements a segment, at least 1, shaped [N, 1, ...] to divide a tensor of ``dims`` dimensions."""
    return ptr.diff().clamp(min=1).to(dtype).view(-1, *[1] * (dims - 1))


def equal_length(ptr: Tensor, x: Tensor) -> int:
    """The length that all segments of the rows of ``x`` have, else 0. Looks on a CPU alone, where nothing is traced."""
    traced = torch.compiler.is_compiling() or type(ptr) is not Tensor or type(x) is not Tensor  # fake tensors, say
    if traced or ptr.device.type != "cpu":
        return 0
    rows = x.size(0)
    check_ptr_values("ptr", ptr, rows)
    length = rows // max(1, ptr.size(0) - 1)
    return length if rows and bool((ptr.diff() == length).all()) else 0
