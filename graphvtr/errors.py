"""Errors a user can act on: each names the item, what is wrong with it and how to mend it."""

from __future__ import annotations


class GraphVTRError(Exception):
    """Base of every error that graphvtr raises on purpose."""


class DataError(GraphVTRError, ValueError):
    """Bad input: a file, a field or an argument.

    Args:
        item: what is wrong, by name: a path, a field (``"region.box"``), an argument.
        problem: what is wrong with it.
        fix: what the reader can do about it.
    """

    def __init__(self, item: object, problem: str, fix: str = "") -> None:
        self.item, self.problem, self.fix = str(item), problem, fix
        super().__init__(f"{item}: {problem}" + (f" ({fix})" if fix else ""))

    def __reduce__(self) -> tuple[type[DataError], tuple[str, str, str]]:
        """Errors of worker processes come back whole."""
        return type(self), (self.item, self.problem, self.fix)


class MissingExtraError(GraphVTRError, ImportError):
    """An optional package is needed and not installed; the message names the extra to install."""
