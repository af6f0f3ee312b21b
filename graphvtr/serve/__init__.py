"""A page and an API in front of an index."""

from graphvtr.serve.app import create_app
from graphvtr.serve.limits import Limits
from graphvtr.serve.run import serve

__all__ = ["Limits", "create_app", "serve"]
