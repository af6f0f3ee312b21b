"""One reading of what callers hand in: positions in a collection, and plain values of options.

Torch, NumPy and lists say the same thing in different ways, and read in the wrong way they answer with other rows
(a bool mask as the numbers 0 and 1) or end up in a file that cannot be read again (``np.float64``).
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from enum import Enum
from types import NoneType, UnionType
from typing import Any, get_args, get_type_hints

import numpy as np
import torch
from torch import Tensor

from graphvtr.errors import DataError

Positions = Tensor | np.ndarray | Sequence[int] | Sequence[bool] | slice
KINDS = "give whole numbers (a list, range, NumPy array or tensor)"


def positions(values: Positions, size: int, name: str = "index", *, negative: bool = True, mask: bool = True) -> Tensor:
    """Positions in a collection of ``size`` items, as PyG reads an index.

    Args:
        values: whole numbers [n] in any form; or a bool mask [size] in any form; or a slice.
        size: how many items there are.
        name: of the argument, for errors.
        negative: -1 is the last item; else it is refused.
        mask: a mask is allowed.

    Returns:
        [n] of int64, each in ``0..size - 1``, on the device of ``values``.

    Raises:
        DataError: no whole numbers, more than one dimension, a mask of another length, a position out of range.

    Example:
        >>> positions(np.array([True, False, True]), 3), positions([-1, 0], 3)
        (tensor([0, 2]), tensor([2, 0]))
    """
    if isinstance(values, slice):
        values = range(size)[values]
    tensor = as_integers(values, name)
    if tensor.dim() != 1:
        raise DataError(name, f"has {tensor.dim()} dimensions", f"{KINDS} in one row")
    if tensor.dtype == torch.bool:
        if not mask:
            raise DataError(name, "is a mask of bools", KINDS)
        if len(tensor) != size:
            raise DataError(name, f"is a mask of {len(tensor)} for {size} items", "give one bool an item")
        return tensor.nonzero().squeeze(1)
    tensor = tensor.long()
    if tensor.numel() and not tensor.is_meta:
        low, high = (int(value) for value in tensor.aminmax())
        least = -size if negative else 0
        if low < least or high >= size:
            wrong, known = low if low < least else high, f"use {least}..{size - 1}" if size else "there are none"
            raise DataError(name, f"names item {wrong} of {size}", known)
        if low < 0:
            tensor = torch.where(tensor < 0, tensor + size, tensor)
    return tensor


def as_integers(values: Any, name: str, fix: str = KINDS) -> Tensor:
    """``values`` as a tensor of whole numbers or of bools, whatever its shape; ``fix`` is for errors.

    Raises:
        DataError: anything else: floats, text, bools among numbers, rows of different lengths.
    """
    if isinstance(values, Tensor):
        tensor = values
    elif isinstance(values, np.ndarray | np.generic) and values.dtype.kind in "biufc":
        tensor = torch.from_numpy(np.array(values, dtype=np.int64 if values.dtype.kind == "u" else None))
    else:
        if isinstance(values, str | bytes | Mapping) or not hasattr(values, "__iter__"):
            raise DataError(name, f"is {shown(values)}", fix)
        items = list(values)
        bools = sum(isinstance(item, bool | np.bool_) for item in items)
        if bools not in (0, len(items)):
            raise DataError(name, "mixes bools and numbers", "give one of them")
        try:
            tensor = torch.from_numpy(np.array(items)) if items else torch.empty(0, dtype=torch.long)
        except (TypeError, ValueError) as error:  # text, objects, rows of different lengths
            raise DataError(name, f"holds what is no number: {shown(items)}", fix) from error
    if tensor.is_floating_point() or tensor.is_complex():
        raise DataError(name, f"holds numbers of {str(tensor.dtype).removeprefix('torch.')}", fix)
    return tensor


def position(value: Any, size: int, name: str = "index") -> int:
    """One position, as :func:`positions` reads it.

    Raises:
        DataError: no whole number.
        IndexError: out of range, which ends a loop over ``[0], [1], ...``.
    """
    index = whole_number(value, name)
    if not -size <= index < size:
        raise IndexError(f"{name} {index} of {size}")
    return index % size


def whole_number(value: Any, name: str) -> int:
    """An int of Python from an int of any library.

    Raises:
        DataError: a bool, a float (whole or not), text, or several numbers.
    """
    if type(value) is int:
        return value
    if isinstance(value, Tensor) and value.dim() == 0:
        value = value.item()
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | np.integer):
        raise DataError(name, f"is {shown(value)}", "give a whole number")
    return int(value)


def plain(value: Any, name: str) -> Any:
    """``value`` in Python's own numbers, text, lists and dictionaries, which every file of ours can hold.

    Numbers of NumPy and torch become Python's, arrays lists, paths text; tuples stay tuples.

    Raises:
        DataError: a value (or one inside it) that is none of these.

    Example:
        >>> plain({"margin": np.float64(0.5), "sizes": np.arange(2)}, "options")
        {'margin': 0.5, 'sizes': [0, 1]}
    """
    if type(value) in (bool, int, float, str, NoneType):
        return value
    if isinstance(value, np.generic) and not isinstance(value, np.void | np.object_):
        return plain(value.item(), name)
    if isinstance(value, Tensor):
        return value.tolist()
    if isinstance(value, np.ndarray):
        return plain(value.tolist(), name)
    if isinstance(value, Enum):
        return plain(value.value, name)
    for kind in (str, int, float):  # of a class that derives from one
        if isinstance(value, kind):
            return kind.__str__(value) if kind is str else kind(value)
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, Mapping):
        return {plain(key, name): plain(item, f"{name}.{key}") for key, item in value.items()}
    if isinstance(value, list | tuple):
        items = [plain(item, f"{name}[{place}]") for place, item in enumerate(value)]
        return tuple(items) if isinstance(value, tuple) else items
    raise DataError(name, f"is {shown(value)}", "give a number, a text, or a list or dictionary of them")


def plain_fields(options: Any) -> None:
    """Turn the fields of a (frozen) dataclass of options into :func:`plain` values, and check numbers and switches.

    Raises:
        DataError: a value that is not plain, or not of its field's kind: text for a number, 2.5 for a whole number.
    """
    for name, kinds in _kinds_of(type(options)).items():
        value = getattr(options, name)
        if isinstance(value, os.PathLike):  # files and folders stay paths
            continue
        value = plain(value, name)
        if kinds and type(value) not in kinds:
            if type(value) is int and float in kinds:
                value = float(value)
            else:
                raise DataError(name, f"is {value!r}", f"give {' or '.join(map(_word, kinds))}")
        object.__setattr__(options, name, value)


WORDS = {int: "a whole number", float: "a number", bool: "True or False", str: "a text", NoneType: "None"}


def _word(kind: type) -> str:
    return WORDS[kind]


def _kinds_of(options: type) -> dict[str, tuple[type, ...]]:
    """Field -> the plain kinds it takes; none where it takes more than these."""
    hints = get_type_hints(options)
    out = {}
    for field in dataclasses.fields(options):
        hint = hints[field.name]
        kinds = get_args(hint) if isinstance(hint, UnionType) else (hint,)
        out[field.name] = kinds if all(kind in WORDS for kind in kinds) else ()
    return out


def shown(value: object, most: int = 60) -> str:
    """``value`` and its type, short enough for a message."""
    text = " ".join(repr(value).split())
    return f"{text if len(text) <= most else text[: most - 3] + '...'} ({type(value).__name__})"
