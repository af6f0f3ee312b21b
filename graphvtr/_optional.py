"""The one place that imports optional packages."""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any

from graphvtr.errors import MissingExtraError


def optional_import(module: str, extra: str, purpose: str) -> Any:
    """Import ``module``, or say which extra brings it.

    Args:
        module: dotted module name, for instance ``"spacy"``.
        extra: the extra of ``pyproject.toml`` that installs it.
        purpose: what the caller needs it for, for the message.

    Raises:
        MissingExtraError: the module is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingExtraError(
            f"{purpose} needs the package '{module.split('.')[0]}' ({error}); "
            f"install it with: pip install 'graphvtr[{extra}]'"
        ) from error


def is_installed(module: str) -> bool:
    """Whether ``module`` can be found, without importing it."""
    return importlib.util.find_spec(module) is not None
