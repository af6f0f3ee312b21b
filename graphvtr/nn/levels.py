"""What an encoder returns: per level, one vector an item or a ragged set of vectors an item."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from graphvtr.ops.csr import counts_to_ptr, select_rows
from graphvtr.values import Positions, positions


@dataclass(frozen=True)
class Level:
    """Embeddings of one level for N items.

    Args:
        x: ``[N, D]`` when ``ptr`` is None, else ``[sum n_i, D]``: the items' vectors end to end.
        ptr: ``[N + 1]``, where each item's vectors begin; an item may have none.
    """

    x: Tensor
    ptr: Tensor | None = None

    @property
    def is_set(self) -> bool:
        """Whether items are ragged sets of vectors."""
        return self.ptr is not None

    @property
    def num_items(self) -> int:
        """N; as a number that ``torch.export`` leaves open, which :func:`len` does not."""
        return self.x.size(0) if self.ptr is None else self.ptr.size(0) - 1

    def __len__(self) -> int:
        return self.num_items

    def select(self, index: Positions) -> Level:
        """The items at ``index`` [n], in that order; as :func:`graphvtr.values.positions` reads it."""
        index = positions(index, len(self)).to(self.x.device)
        if self.ptr is None:
            return Level(self.x[index])
        rows, ptr = select_rows(self.ptr, index)
        return Level(self.x[rows], ptr)

    def to(self, *args: object, **kwargs: object) -> Level:
        """Move or cast the vectors; ``ptr`` follows the device and stays integral."""
        x = self.x.to(*args, **kwargs)  # type: ignore[call-overload]
        return Level(x, None if self.ptr is None else self.ptr.to(x.device))


class LevelEmbeddings(Mapping[str, Level]):
    """Level name -> :class:`Level`, all for the same N items.

    Args:
        levels: the levels; a bare tensor stands for ``Level(tensor)``.

    Raises:
        ValueError: no level, or levels with different numbers of items.

    Example:
        >>> video = LevelEmbeddings(event=torch.randn(2, 4), action=Level(torch.randn(5, 4), torch.tensor([0, 3, 5])))
        >>> video.num_items, [len(level) for level in video.values()]
        (2, [2, 2])
    """

    def __init__(self, **levels: Level | Tensor) -> None:
        self._levels = {k: v if isinstance(v, Level) else Level(v) for k, v in levels.items()}
        sizes = {name: level.num_items for name, level in self._levels.items()}
        first = next(iter(sizes.values()), None)
        if first is None or any(size != first for size in sizes.values()):
            raise ValueError(f"levels need the same number of items, got {sizes}")
        self.num_items = first

    def __getitem__(self, level: str) -> Level:
        return self._levels[level]

    def __iter__(self) -> Iterator[str]:
        return iter(self._levels)

    def __len__(self) -> int:
        return len(self._levels)

    def select(self, index: Positions) -> LevelEmbeddings:
        """The items at ``index`` [n], in that order; as :func:`graphvtr.values.positions` reads it."""
        index = positions(index, self.num_items)
        return LevelEmbeddings(**{name: level.select(index) for name, level in self.items()})

    def to(self, *args: object, **kwargs: object) -> LevelEmbeddings:
        """Move or cast every level."""
        return LevelEmbeddings(**{name: level.to(*args, **kwargs) for name, level in self.items()})

    def detach(self) -> LevelEmbeddings:
        """The same numbers outside the autograd graph."""
        return LevelEmbeddings(**{name: Level(level.x.detach(), level.ptr) for name, level in self.items()})

    @staticmethod
    def cat(parts: Sequence[LevelEmbeddings]) -> LevelEmbeddings:
        """The items of all ``parts``, in order."""
        out: dict[str, Level] = {}
        for name in parts[0]:
            levels = [part[name] for part in parts]
            x = torch.cat([level.x for level in levels])
            if levels[0].ptr is None:
                out[name] = Level(x)
                continue
            counts = torch.cat([level.ptr.diff() for level in levels if level.ptr is not None])
            out[name] = Level(x, counts_to_ptr(counts))
        return LevelEmbeddings(**out)
