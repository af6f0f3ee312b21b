"""A model from the options and weights of a file that anybody may have written."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from graphvtr.errors import DataError
from graphvtr.nn.registered import MODELS
from graphvtr.terminal import printable

if TYPE_CHECKING:
    from graphvtr.nn.models.base import RetrievalModel

MOST = 2**24
"""Of a width or a number of words."""
MOST_REPEATED = 128
"""Of layers, heads, steps and kernels, each of which is a module or a loop."""
_REPEATED = re.compile(r"layers|heads|steps|kernels")
FIX = "config and weights belong together: copy both again"


def rebuild(
    where: object, name: str, config: Mapping[str, Any], weights: Mapping[str, Tensor], weights_at: object = None
) -> RetrievalModel:
    """A registered model with the options and weights of a file.

    Its sizes are compared with the weights, which are as large as the file, before memory is taken for them.

    Args:
        where: names the file in messages.
        name: registered name of the model.
        config: constructor arguments.
        weights: the model's ``state_dict``.
        weights_at: names the file of the weights, if it is another.

    Raises:
        DataError: an option of another kind or out of bounds, or weights of other names or shapes.
    """
    options, weights_at = check_options(where, name, config), where if weights_at is None else weights_at
    try:
        sizes = _sizes(name, options)
        if sizes is not None:
            compare(weights_at, weights, sizes)
        model = MODELS[name](**options)
    except (TypeError, ValueError, RuntimeError, ArithmeticError) as error:
        if isinstance(error, DataError) and error.item.startswith(str(weights_at)):
            raise
        raise DataError(where, f"has a configuration that {name} does not take: {error}", FIX) from error
    compare(weights_at, weights, {key: tensor.shape for key, tensor in model.state_dict().items()})
    model.load_state_dict(weights)
    return model


def compare(where: object, weights: Mapping[str, Tensor], sizes: Mapping[str, torch.Size]) -> None:
    """Refuse weights that are not a model's.

    Raises:
        DataError: one is missing, one too many, or of another shape; it is named.
    """
    for key in sorted(sizes.keys() | weights.keys()):
        if key not in weights or key not in sizes:
            problem = "is missing" if key in sizes else "is no weight of the model"
            raise DataError(f"{where}: {printable(key)}", problem, FIX)
        if weights[key].shape != sizes[key]:
            problem = f"has shape {list(weights[key].shape)}, the model's is {list(sizes[key])}"
            raise DataError(f"{where}: {key}", problem, FIX)


def check_options(where: object, name: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """Constructor arguments that a file gives, each of its kind and within bounds.

    Where features are kept on disk is for the user to say: a folder that a file names is the usual one instead.

    Raises:
        DataError: names the option.
    """
    parameters = inspect.signature(MODELS[name]).parameters
    options = dict(config)
    for option, value in config.items():
        if option not in parameters:
            raise DataError(
                f"{where}: config.{printable(option)}", f"is no option of {name}", f"known: {', '.join(parameters)}"
            )
        if option.endswith("cache") and isinstance(value, str):
            options[option] = True
        elif not _right(option, value, _told(parameters[option].annotation)):
            raise DataError(f"{where}: config.{option}", f"is {printable(f'{value!r:.60}')}, which no {name} has", FIX)
    return options


def _told(annotation: Any) -> str:
    """An annotation as it is written, whether or not its file postpones annotations; empty for none."""
    if annotation is inspect.Parameter.empty:
        return ""
    return annotation if isinstance(annotation, str) else re.sub(r"\w+\.", "", inspect.formatannotation(annotation))


def _right(option: str, value: Any, annotation: str) -> bool:
    if not annotation:  # of a model of the user's own: what the file of a checkpoint can hold is plain
        return not isinstance(value, int) or _within(option, value)
    kinds = [kind.strip() for kind in annotation.split("|")]
    if value is None:
        return "None" in kinds
    if isinstance(value, bool):
        return "bool" in kinds
    if "int" in kinds:
        return isinstance(value, int) and _within(option, value)
    if "float" in kinds:
        return isinstance(value, (int, float)) and math.isfinite(value)
    if kinds[0].startswith("Sequence["):
        inner = kinds[0][len("Sequence[") : -1]
        return (
            isinstance(value, (list, tuple))
            and len(value) <= MOST_REPEATED
            and all(_right(option, item, inner) for item in value)
        )
    if kinds[0].startswith("Mapping"):
        return isinstance(value, Mapping)
    return isinstance(value, str)  # names, and texts like them


def _within(option: str, value: int) -> bool:
    if "bytes" in option:
        return value > 0
    return 0 <= value <= (MOST_REPEATED if _REPEATED.search(option) else MOST)


def _sizes(name: str, options: Mapping[str, Any]) -> dict[str, torch.Size] | None:
    """Shapes of a model's weights without their memory; None for a model that cannot be made without."""
    try:
        with torch.device("meta"), torch.random.fork_rng(devices=[]):
            return {key: tensor.shape for key, tensor in MODELS[name](**options).state_dict().items()}
    except (NotImplementedError, RuntimeError, AttributeError):
        return None
