"""A page and an API in front of an index."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from graphvtr.serve.app import create_app
    from graphvtr.serve.limits import Limits
    from graphvtr.serve.run import serve

__all__ = ["Limits", "create_app", "serve"]
_HOMES = {"Limits": "limits", "create_app": "app", "serve": "run"}


def __getattr__(name: str) -> Any:  # the process that decodes uploads needs none of them
    if name in _HOMES:
        return getattr(importlib.import_module(f"graphvtr.serve.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'graphvtr.serve' has no attribute '{name}'")
