"""Names of clips and videos."""

from __future__ import annotations

from collections.abc import Iterable


def first_repeat(names: Iterable[str]) -> str | None:
    """The first name that has stood before, None where every name is there once.

    Example:
        >>> first_repeat(["a", "b", "a", "b"]), first_repeat(["a", "b"])
        ('a', None)
    """
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None
