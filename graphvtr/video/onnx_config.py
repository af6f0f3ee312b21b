"""The small JSON configuration beside an ONNX model."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from graphvtr.errors import DataError
from graphvtr.reading import read_json

Config = TypeVar("Config")


def config_from_mapping(kind: type[Config], values: Mapping[str, Any], source: object) -> Config:
    """A dataclass from plain JSON values; lists become tuples.

    Raises:
        DataError: an unknown name or a value of another kind; names ``source``.
    """
    known = [item.name for item in dataclasses.fields(kind)]  # type: ignore[arg-type]
    for name in values:
        if name not in known:
            raise DataError(source, f"has '{name}'", f"known: {', '.join(known)}")
    ready = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
    try:
        return kind(**ready)
    except TypeError as error:
        raise DataError(source, f"is no {kind.__name__} ({error})", f"see {kind.__name__}") from error


def config_from_file(kind: type[Config], path: str | Path) -> Config:
    """A dataclass from a JSON file.

    Raises:
        DataError: it cannot be read or says something else.
    """
    values = read_json(path, fix=f"see {kind.__name__}")
    if not isinstance(values, dict):
        raise DataError(path, "is no JSON object", f"see {kind.__name__}")
    return config_from_mapping(kind, values, path)


def config_beside(kind: type[Config], model: Path) -> Config | None:
    """From the file of the same name that ends in ``.json``, if there is one."""
    beside = model.with_suffix(".json")
    return config_from_file(kind, beside) if beside.exists() else None


def check_numbers(source: str, name: str, value: Any, count: int) -> None:
    """Refuse what is not ``count`` numbers.

    Raises:
        DataError: it is something else.
    """
    numbers = isinstance(value, tuple) and len(value) == count
    if not numbers or not all(isinstance(item, int | float) for item in value):
        raise DataError(f"{source}.{name}", f"is {value}", f"give {count} numbers")
