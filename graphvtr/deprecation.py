"""Old names keep working for one minor version, and say what to write instead.

The policy is in ``docs/upgrading.rst``: what a version renames or takes away is announced by a ``FutureWarning`` (which
Python shows by default) in at least one minor version before.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


def warn(old: str, new: str, *, until: str, stacklevel: int = 3) -> None:
    """Say that ``old`` goes and ``new`` is to be written.

    Args:
        old: what the caller wrote, as they wrote it.
        new: what to write instead.
        until: the first version without ``old``.
        stacklevel: as in :func:`warnings.warn`; 3 is the caller of the function that calls this one.
    """
    warnings.warn(f"{old} will be gone in graphvtr {until}; write {new}", FutureWarning, stacklevel=stacklevel)


def deprecated(new: str, *, until: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Decorator of a function that is to go.

    Args:
        new: what to write instead.
        until: the first version without the function.

    Example:
        >>> @deprecated("two(x)", until="0.4")
        ... def double(x: int) -> int:
        ...     return 2 * x
        >>> with warnings.catch_warnings(record=True) as caught:
        ...     warnings.simplefilter("always")
        ...     answer = double(2)
        >>> answer, str(caught[0].message)
        (4, 'double will be gone in graphvtr 0.4; write two(x)')
    """

    def mark(function: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(function)
        def warned(*args: P.args, **kwargs: P.kwargs) -> R:
            warn(function.__qualname__, new, until=until)
            return function(*args, **kwargs)

        return warned

    return mark


def renamed_arguments(names: dict[str, str], *, until: str) -> Callable[[Callable[..., R]], Callable[..., R]]:
    """Decorator of a function whose keyword arguments have new names; the old ones are taken and told.

    Args:
        names: old name -> new name.
        until: the first version that takes the new names only.

    Raises:
        TypeError: (of the decorated function) an argument is given by both names.

    Example:
        >>> @renamed_arguments({"dim": "hidden"}, until="0.4")
        ... def size(*, hidden: int) -> int:
        ...     return hidden
        >>> with warnings.catch_warnings(record=True) as caught:
        ...     warnings.simplefilter("always")
        ...     answer = size(dim=3)
        >>> answer, str(caught[0].message)
        (3, 'dim= of size will be gone in graphvtr 0.4; write hidden=')
    """

    def mark(function: Callable[..., R]) -> Callable[..., R]:
        @functools.wraps(function)
        def renamed(*args: Any, **kwargs: Any) -> R:
            for old in names.keys() & kwargs.keys():
                new = names[old]
                if new in kwargs:
                    raise TypeError(f"{function.__qualname__}() got both {new!r} and its old name {old!r}")
                warn(f"{old}= of {function.__qualname__}", f"{new}=", until=until)
                kwargs[new] = kwargs.pop(old)
            return function(*args, **kwargs)

        return renamed

    return mark
