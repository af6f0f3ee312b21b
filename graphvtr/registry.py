"""A name -> class table. Models, datasets, parsers and extractors register themselves with a decorator."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from difflib import get_close_matches
from typing import Generic, TypeVar

from graphvtr.errors import DataError

T = TypeVar("T")


class Registry(Generic[T]):
    """Named entries of one kind.

    Example:
        >>> shapes: Registry[type] = Registry("shape")
        >>> @shapes.register("disc")
        ... class Disc: ...
        >>> shapes["disc"].__name__
        'Disc'
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._entries: dict[str, T] = {}

    def register(self, name: str) -> Callable[[T], T]:
        """Decorator that files what it decorates under ``name``; a name is given once."""

        def add(entry: T) -> T:
            if name in self._entries:
                raise ValueError(f"{self.kind} '{name}' is registered twice")
            self._entries[name] = entry
            return entry

        return add

    def __getitem__(self, name: str) -> T:
        try:
            return self._entries[name]
        except KeyError:
            near = get_close_matches(name, self._entries, n=1)
            hint = f"did you mean '{near[0]}'? " if near else ""
            raise DataError(f"{self.kind} '{name}'", "unknown", f"{hint}known: {', '.join(self)}") from None

    def __contains__(self, name: str) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._entries))

    def __len__(self) -> int:
        return len(self._entries)
