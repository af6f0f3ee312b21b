"""Packages whose names are imported when they are first used."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any


def lazy_names(
    package: str, homes: Mapping[str, Sequence[str]]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """``__getattr__`` and ``__dir__`` of a package that imports a name from its module when it is asked for.

    Args:
        package: its ``__name__``.
        homes: module in the package -> names that come from it.

    Example:
        >>> ask, listed = lazy_names("graphvtr", {"errors": ("DataError",)})
        >>> ask("DataError").__name__, "DataError" in listed()
        ('DataError', True)
    """
    home_of = {name: home for home, names in homes.items() for name in names}

    def ask(name: str) -> Any:
        if name not in home_of:
            raise AttributeError(f"module '{package}' has no attribute '{name}'")
        return getattr(importlib.import_module(f"{package}.{home_of[name]}"), name)

    def listed() -> list[str]:  # what dir() and the reference in docs/api look through
        return sorted({*vars(sys.modules[package]), *home_of})

    return ask, listed
