"""What was asked for lately."""

from __future__ import annotations

from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Recent(Generic[K, V]):
    """A mapping of bounded size: beyond it, what was read or written longest ago is forgotten.

    Args:
        most: entries that are kept.

    Example:
        >>> kept = Recent(2)
        >>> kept["a"], kept["b"] = 1, 2
        >>> kept["a"]
        1
        >>> kept["c"] = 3
        >>> "a" in kept, "b" in kept, len(kept)
        (True, False, 2)
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._kept: dict[K, V] = {}  # the longest ago first

    def __len__(self) -> int:
        return len(self._kept)

    def __contains__(self, key: object) -> bool:
        return key in self._kept

    def __getitem__(self, key: K) -> V:
        value = self._kept[key] = self._kept.pop(key)
        return value

    def __setitem__(self, key: K, value: V) -> None:
        self._kept.pop(key, None)
        self._kept[key] = value
        if len(self._kept) > self.most:
            del self._kept[next(iter(self._kept))]

    def discard(self, key: K) -> None:
        """Forget an entry, if it is there."""
        self._kept.pop(key, None)

    def clear(self) -> None:
        """Forget all."""
        self._kept.clear()
