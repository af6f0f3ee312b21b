"""Names of clips and videos."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence


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


def lookup(name: str, known: Mapping[str, Sequence[str]]) -> str | None:
    """The one known name that a name stands for, though it is spelt another way; None if there is none, or several.

    Args:
        name: as somebody has written it.
        known: of :func:`spellings`.
    """
    path, *last = _keys(name)
    found = set(known.get(path, ()))
    if not found and last:  # of a name in another folder nothing is known: cat/1 is not dog/1
        found = {one for one in known.get(last[0], ()) if len(_keys(one)) == 1}
    return found.pop() if len(found) == 1 else None


def spellings(names: Iterable[str]) -> dict[str, list[str]]:
    """Names by what :func:`lookup` compares: composed letters (NFC), ``/`` for ``\\``, in one case; where one of the
    two has no folders, without them.

    Example:
        >>> known = spellings(["beach", "cafe\u0301", "Dog", "dog"])
        >>> lookup("sub\\\\Beach", known), lookup("caf\u00e9", known) == "cafe\u0301", lookup("DOG", known)
        ('beach', True, None)
    """
    known: dict[str, list[str]] = {}
    for name in names:
        for key in _keys(name):
            known.setdefault(key, []).append(name)
    return known


def _keys(name: str) -> list[str]:
    path = unicodedata.normalize("NFC", name).replace("\\", "/").casefold().strip("/")
    return list(dict.fromkeys([path, path.rpartition("/")[2]]))
