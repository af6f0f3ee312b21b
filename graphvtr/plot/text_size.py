"""How much room a text needs, without drawing it: what a layout that is both a figure and a web page can rely on."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

# advance widths of DejaVu Sans, one of the widest common fonts, in hundredths of its size, for the letters 32..126
ASCII_WIDTHS = tuple(
    int(width)
    for width in """
    32 40 46 84 64 95 78 27 39 39 50 84 32 36 32 34 64 64 64 64 64 64 64 64 64 64 34 34 84 84 84 53 100 68 69 70 77
    63 58 77 75 29 29 66 56 86 75 79 60 79 69 63 61 73 68 99 69 61 69 39 34 39 84 50 50 61 63 55 63 62 35 63 63 28
    28 58 28 97 63 61 63 63 41 52 39 63 59 82 59 59 52 64 34 64 84
    """.split()
)
LINE_HEIGHT = 1.2  # of the font size


def text_size(lines: Sequence[str], points: float) -> tuple[float, float]:
    """Width and height in inches of lines in a font of so many points.

    Example:
        >>> width, height = text_size(["a dog", "runs"], 9)
        >>> round(width, 2), round(height, 2)
        (0.35, 0.3)
    """
    width = max((sum(map(_width, line)) for line in lines), default=0.0)
    return width * points / 72, len(lines) * LINE_HEIGHT * points / 72


def _width(letter: str) -> float:
    """In font sizes: East Asian letters fill a square, marks above and below letters need no room of their own."""
    code = ord(letter)
    if 32 <= code < 127:
        return ASCII_WIDTHS[code - 32] / 100
    if unicodedata.combining(letter) or unicodedata.category(letter) in ("Cf", "Mn"):
        return 0.0
    if unicodedata.category(letter) == "So":
        return 1.4
    return 1.0 if unicodedata.east_asian_width(letter) in "WF" else 0.7
