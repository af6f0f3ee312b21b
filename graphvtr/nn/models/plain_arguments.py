"""Constructors of models: they take plain values and note them, so that a file can rebuild the model."""

from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import Callable
from typing import Any

from graphvtr.values import plain


def with_plain_arguments(init: Callable[..., None]) -> Callable[..., None]:
    """A constructor that gets plain values, and notes all of its arguments in ``config``.

    A constructor that is called by another's notes nothing: the arguments of the class that is made rebuild it.
    """
    signature = inspect.signature(init)
    names = list(signature.parameters)[1:]

    @functools.wraps(init)
    def checked(self: Any, *args: Any, **kwargs: Any) -> None:
        name = type(self).__name__
        plain_args = [plain(value, f"{name}: {key}") for key, value in zip(names, args, strict=False)]
        plain_kwargs = {key: plain(value, f"{name}: {key}") for key, value in kwargs.items()}
        if "config" not in self.__dict__ and len(args) <= len(names):
            with contextlib.suppress(TypeError):  # of arguments that do not fit the constructor speaks
                bound = signature.bind(self, *plain_args, **plain_kwargs)
                bound.apply_defaults()
                config = {key: _as_list(value) for key, value in list(bound.arguments.items())[1:]}
                object.__setattr__(self, "config", config)  # a Module takes nothing before its own constructor
        init(self, *plain_args, *args[len(names) :], **plain_kwargs)  # of arguments too many the constructor speaks

    return checked


def _as_list(value: Any) -> Any:
    """Tuples as the lists that files make of them."""
    return list(value) if isinstance(value, tuple) else value
