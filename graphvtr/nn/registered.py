"""The table of models, which stands below them: what reads and writes models needs their names only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphvtr.errors import DataError
from graphvtr.registry import Registry

if TYPE_CHECKING:
    from graphvtr.nn.models.base import RetrievalModel

MODELS: Registry[type[RetrievalModel]] = Registry("model", "graphvtr.models")


def check_known(name: str, where: object) -> None:
    """See that a model that a file names is there; a file's name is never run.

    Raises:
        DataError: it is not.
    """
    if name not in MODELS:
        own = "one of your own: import its file first (graphvtr --use FILE.py VERB ...)"
        raise DataError(where, f"is of the unknown model '{name}'", f"known: {', '.join(MODELS)}; {own}")


def registered_name(model: RetrievalModel) -> str:
    """The name a model's class is registered under.

    Raises:
        DataError: it is not registered; a subclass of a registered model is another model.
    """
    kind = getattr(type(model), "registered_class", type(model))  # a class of hub_class names the one it wraps
    for name in MODELS:
        if MODELS[name] is kind:
            return name
    raise DataError(type(model).__name__, "is not a registered model", "decorate it with @MODELS.register(name)")
