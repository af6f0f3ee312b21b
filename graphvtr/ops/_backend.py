"""Which implementation an op runs on: chosen by name, by environment variable, or by the table of measured rules.

================= ===================================== ======================================================
backend           folder                                needs
================= ===================================== ======================================================
``torch``         ``graphvtr/ops/eager``                nothing: always there, any device
``native``        ``graphvtr/ops/native``               a C compiler; CPUs
``triton``        ``graphvtr/ops/triton``               triton and a GPU (or ``TRITON_INTERPRET=1``, for tests)
``torch_scatter`` ``graphvtr/ops/scatter``              torch-scatter, the extra ``scatter``
================= ===================================== ======================================================
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad

from graphvtr._optional import is_installed, optional_import
from graphvtr.errors import DataError, MissingExtraError
from graphvtr.ops._segments import check_no_tangent
from graphvtr.ops.dispatch import SHIPPED, Rule, measured

VARIABLE = "GRAPHVTR_BACKEND"
#: Besides the backends themselves: the measured rules, or PyG's own path wherever there is one.
CHOICES = ("auto", "message_passing")
FOLDERS = {"torch": "eager", "native": "native", "triton": "triton", "torch_scatter": "scatter"}

_HALF_TO_SINGLE = frozenset({torch.float16, torch.bfloat16, torch.float32})
_FULL = frozenset({torch.float32, torch.float64})
_ALL_FLOATS = _HALF_TO_SINGLE | _FULL

#: What each optional backend implements, and for which dtypes; the rest runs on ``torch``.
KERNELS: dict[str, dict[str, frozenset[torch.dtype]]] = {
    "native": dict.fromkeys(("role_attention", "gather_segment_reduce", "segment_attention", "local_match"), _FULL),
    "triton": {
        **dict.fromkeys(("segment_reduce", "segment_softmax", "gather_segment_reduce", "role_attention"), _ALL_FLOATS),
        **dict.fromkeys(("local_match", "complete_graph_walk", "segment_attention"), _HALF_TO_SINGLE),
    },
    "torch_scatter": dict.fromkeys(("segment_reduce", "segment_softmax", "gather_segment_reduce"), _ALL_FLOATS),
}


#: What holds until ``graphvtr kernels --measure`` has timed this machine.
RULES: tuple[Rule, ...] = SHIPPED


def rules_for(device: str) -> tuple[Rule, ...]:
    """The table for a kind of device: this machine's where it was measured, else the shipped one."""
    found = measured(device)
    return RULES if found is None else found


def _checked(name: str, source: str) -> str:
    if name not in (*CHOICES, *FOLDERS):
        raise DataError(source, f"names the backend '{name}'", f"use one of {', '.join((*CHOICES, *FOLDERS))}")
    return name


# A plain global, so that torch.compile can guard on it (it cannot trace a ContextVar).
_requested = _checked(os.environ.get(VARIABLE, "auto") or "auto", f"environment variable {VARIABLE}")


def requested_backend() -> str:
    """The backend asked for: ``"auto"`` unless :func:`backend` or ``GRAPHVTR_BACKEND`` says otherwise."""
    return _requested


@contextmanager
def backend(name: str) -> Iterator[None]:
    """Run the ops inside on one backend, wherever it has a kernel for the op, dtype and device; else on ``torch``.

    The choice holds for the whole process, and a backward pass runs on the backend of its forward pass.

    Args:
        name: ``"torch"``, ``"native"``, ``"triton"``, ``"torch_scatter"``; ``"auto"`` for the measured rules; or
            ``"message_passing"``: the graph layers pass messages by PyG's ``propagate`` and reductions are PyG's
            scatters, so that anyone can compare. What is no message passing (matching) runs on ``torch``.

    Raises:
        DataError: an unknown name.
        MissingExtraError: the backend's package is not installed, or there is no C compiler for ``"native"``.

    Example:
        >>> import torch
        >>> with backend("torch"):
        ...     print(requested_backend())
        torch
    """
    global _requested
    _checked(name, "backend")
    if name == "triton":
        optional_import("triton", "dev", "the triton backend")
    elif name == "torch_scatter":
        optional_import("torch_scatter", "scatter", "the torch_scatter backend")
    elif name == "native" and _native_library() is None:
        raise MissingExtraError("the native backend needs a C compiler (cc, gcc or clang); install one or set CC")
    previous, _requested = _requested, name
    try:
        yield
    finally:
        _requested = previous


def _native_library() -> Any:
    """The C kernels, compiled when first asked for, or None."""
    from graphvtr.ops.native_build import library  # not needed, and not imported, before

    return library()


def usable(name: str, op: str, device: torch.device, dtype: torch.dtype) -> bool:
    """Whether ``op`` can run on the backend ``name`` for this device and dtype, here and now."""
    if name == "torch":
        return True
    if dtype not in KERNELS[name].get(op, frozenset()):
        return False
    if name == "native":
        return device.type == "cpu" and _native_library() is not None
    if not is_installed(name):
        return False
    return name != "triton" or device.type == "cuda" or os.environ.get("TRITON_INTERPRET") == "1"


def resolve(op: str, requested: str, device: torch.device, dtype: torch.dtype, size: int) -> str:
    """The backend that ``op`` runs on, given the one asked for and the number of elements it works on."""
    if requested == "message_passing":
        return "torch"
    if requested != "auto":
        return requested if usable(requested, op, device, dtype) else "torch"
    for rule in rules_for(device.type):
        fits = rule.op == op and rule.device == device.type and size >= rule.least
        if fits and usable(rule.backend, op, device, dtype):
            return rule.backend
    return "torch"


def run(op: str, direction: str, requested: str, anchor: Tensor, *args: Any) -> Any:
    """Call ``direction`` (``"forward"`` or ``"backward"``) of ``op`` on the backend that fits ``anchor``.

    Autocast is off inside: an implementation widens what it needs to and no product in it may be narrowed.
    """
    if forward_ad._current_level >= 0:  # in eager code refused before; compiled code may have been traced without
        _refuse_tangents(op, args)
    if requested != _requested:  # a backward pass outside of its forward's choice
        with backend(requested):
            return run(op, direction, requested, anchor, *args)
    name = resolve(op, requested, anchor.device, anchor.dtype, anchor.numel())
    implementation = _implementation(name, op, direction)
    if anchor.device.type == "cuda":  # a kernel runs on the current device, which need not be that of the tensors
        with torch.cuda.device(anchor.device), torch.autocast("cuda", enabled=False):
            return implementation(*args)
    if not torch.is_autocast_enabled(anchor.device.type):
        return implementation(*args)
    with torch.autocast(anchor.device.type, enabled=False):
        return implementation(*args)


def _refuse_tangents(op: str, args: tuple[Any, ...]) -> None:
    """Kernels run below autograd, where dual numbers cannot be read: its keys are let in for the look."""
    keys = torch._C._dispatch_tls_local_include_set()
    with torch._C._ForceDispatchKeyGuard(keys, torch._C.DispatchKeySet(torch._C.DispatchKey.Undefined)):
        for value in args:
            if isinstance(value, Tensor):
                check_no_tangent(op, value)


@cache
def _implementation(name: str, op: str, direction: str) -> Callable[..., Any]:
    found: Callable[..., Any] = getattr(importlib.import_module(f"graphvtr.ops.{FOLDERS[name]}.{op}"), direction)
    return found
