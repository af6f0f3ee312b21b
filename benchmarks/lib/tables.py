"""Tables of text that fit a page of the documentation."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

T = TypeVar("T")
WIDTH = 104
"""Letters a line; ``docs/conf.py`` refuses longer ones."""


def print_shares(rows: Mapping[str, Mapping[str, Any]], seeds: Mapping[str, int] | None = None) -> None:
    """A line a row, a column a kind, ``value [low, high]``; columns that do not fit stand below, in further blocks.

    Args:
        rows: name -> kind -> ``value`` and ``interval``, and ``pairs`` where they are counted.
        seeds: name -> seeds behind it, told in brackets.
    """
    first = next(iter(rows.values()))
    labels = {name: f"{name} ({seeds[name]})" if seeds and name in seeds else name for name in rows}
    cells = {name: {kind: _share(cell) for kind, cell in row.items()} for name, row in rows.items()}
    counts = {kind: str(cell.get("pairs", "")) for kind, cell in first.items()}
    width = max(len("pairs"), *map(len, labels.values()))
    cell = 2 + max(len(text) for row in cells.values() for text in (*row, *row.values()))
    blocks = math.ceil(len(first) / max(1, (WIDTH - width) // cell))
    for part in parts(list(first), blocks):
        print(f"\n{'':{width}}{''.join(f'{kind:>{cell}}' for kind in part)}")
        if any(counts[kind] for kind in part):
            print(f"{'pairs':{width}}{''.join(f'{counts[kind]:>{cell}}' for kind in part)}")
        for name, row in cells.items():
            print(f"{labels[name]:{width}}{''.join(f'{row[kind]:>{cell}}' for kind in part)}")


def _share(cell: Mapping[str, Any]) -> str:
    return share_text(cell["value"], cell["interval"])


def share_text(value: float, interval: Sequence[float]) -> str:
    """``value [low, high]`` in per cent."""
    low, high = interval
    return f"{value:.1f} [{low:.0f}, {high:.0f}]"


def parts(columns: list[T], blocks: int) -> list[list[T]]:
    """The columns in so many parts of about the same length."""
    size = math.ceil(len(columns) / blocks)
    return [columns[begin : begin + size] for begin in range(0, len(columns), size)]


def print_differences(title: str, rows: Mapping[str, Mapping[str, Any]]) -> None:
    """A line a difference with its interval and the smallest one that would be seen four times in five."""
    width = max((len(name) for name in rows), default=0)
    print(f"\n{title}, and the smallest difference that would be seen four times in five:")
    for name, one in rows.items():
        print(f"  {name:{width}} {one['mean']:+7.1f} {_interval(one):20} {one['smallest_visible']:4.0f}")


def print_diverged(about: Mapping[str, Mapping[str, Any]]) -> None:
    """Runs that diverged, of what :meth:`benchmarks.lib.trials.Trials.about` says of the rows."""
    for name, row in about.items():
        for seed, reason in row["diverged"].items():
            print(f"{name}, seed {seed}, diverged, and its best epoch before counts:\n  {reason}")


def _interval(one: Mapping[str, Any]) -> str:
    low, high = one["interval"]
    return f"[{low:+.1f}, {high:+.1f}]"
