"""Conditions on what is known about a clip: ``duration<30``, ``tag=music``, ``caption~guitar``."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from graphvtr.errors import DataError
from graphvtr.search.items import Item

COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "<=": lambda a, b: a <= b,
    ">=": lambda a, b: a >= b,
    "!=": lambda a, b: a != b,
    "=": lambda a, b: a == b,
    "<": lambda a, b: a < b,
    ">": lambda a, b: a > b,
}
_FORM = re.compile(r"\s*([\w.-]+)\s*(<=|>=|!=|=|<|>|~)\s*(.*?)\s*\Z", re.DOTALL)
SINGULAR = {"tag": "tags", "caption": "captions"}


@dataclass(frozen=True)
class Where:
    """One condition on a clip.

    Args:
        field: ``name``, ``path``, ``duration``, ``tag``, ``caption`` or a field of the metadata.
        sign: ``=``, ``!=``, ``<``, ``<=``, ``>``, ``>=``, or ``~``: contains, in any case of letters.
        value: to compare with; as a number where the clip's is one.
    """

    field: str
    sign: str
    value: str

    @classmethod
    def parse(cls, text: str) -> Where:
        """A condition as written.

        Raises:
            DataError: it is none.

        Example:
            >>> Where.parse("duration <= 30")
            Where(field='duration', sign='<=', value='30')
        """
        found = _FORM.match(text)
        if found is None or not found[3]:
            raise DataError(f"condition '{text[:60]}'", "cannot be read", "write duration<30, tag=music or caption~dog")
        return cls(found[1], found[2], found[3])

    def __call__(self, item: Item) -> bool:
        """Whether the clip meets it; a clip without the field meets only ``!=``."""
        value = item.value(SINGULAR.get(self.field, self.field))
        if isinstance(value, list):
            if self.sign == "!=":
                return self.value not in value
            return any(self._compare(one) for one in value)
        return self.sign == "!=" if value is None else self._compare(value)

    def _compare(self, value: Any) -> bool:
        if self.sign == "~":
            return self.value.casefold() in str(value).casefold()
        wanted: Any = self.value
        if isinstance(value, (int, float)):
            try:
                wanted = float(self.value)
            except ValueError:
                return self.sign == "!="
        return COMPARE[self.sign](value, wanted)
