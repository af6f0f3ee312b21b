"""A page and an API in front of an index."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphvtr.lazy_names import lazy_names

if TYPE_CHECKING:
    from graphvtr.serve.app import create_app
    from graphvtr.serve.limits import Limits
    from graphvtr.serve.run import serve

__all__ = ["Limits", "create_app", "serve"]
# the process that decodes uploads needs none of them
__getattr__, __dir__ = lazy_names(__name__, {"app": ("create_app",), "limits": ("Limits",), "run": ("serve",)})
