"""Colours and sizes shared by all plots: readable in grey and by colour-blind readers."""

from __future__ import annotations

import functools
import textwrap
from typing import Any

from graphvtr._optional import optional_import

# Okabe-Ito: distinct for colour-blind readers, and of falling lightness so that grey prints keep the order
EVENT_COLOUR = "#F0E442"
ACTION_COLOUR = "#E69F00"
ENTITY_COLOUR = "#56B4E9"
RIGHT_COLOUR = "#009E73"
WRONG_COLOUR = "#D55E00"
EDGE_COLOUR = "#555555"
WORD_COLOUR = "#FFFFFF"
CARD_COLOUR = "#F2F2F2"  # a clip that is shown by words
LAYER_COLOURS = ("#B2182B", "#2166AC", "#333333")  # of attention layers 1, 2, ...: red and blue as in HGR's Figure 3
LAYER_STYLES: tuple[Any, ...] = ("-", (0, (3, 0.8)), (0, (1, 0.5)))  # of the same layers, for prints without colours
LINE_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000", "#E69F00", "#56B4E9")
LINE_STYLES = ("-", "--", "-.", ":", (0, (3, 1, 1, 1, 1, 1)), (0, (6, 2)), (0, (1, 3)))
# drawn with whichever are installed, letter by letter: the first one knows no East Asian letters
FONTS = (
    "DejaVu Sans",
    "Noto Sans",
    "Noto Sans CJK JP",
    "Noto Sans CJK SC",
    "WenQuanYi Micro Hei",
    "Source Han Sans",
    "Noto Sans Devanagari",
    "Noto Sans Thai",
    "Noto Emoji",
    "Symbola",
)
HEAT = "cividis"  # even steps of lightness, alike to readers with and without colour vision


def line_style(position: int) -> dict[str, Any]:
    """Colour, dashes and marker of the n-th line: told apart without colours too."""
    return {
        "color": LINE_COLOURS[position % len(LINE_COLOURS)],
        "linestyle": LINE_STYLES[position % len(LINE_STYLES)],
        "marker": "osD^vPX"[position % 7],
        "markersize": 4,
    }


def pyplot() -> Any:
    """``matplotlib.pyplot``; the message of the error names the extra."""
    return optional_import("matplotlib.pyplot", "plot", "plotting")


def plain() -> dict[str, Any]:
    """Arguments for every text of a caption, a name or a user: ``$`` and ``_`` are signs, not mathematics."""
    return {"parse_math": False, "fontfamily": _fonts()}


@functools.cache
def _fonts() -> list[str]:
    manager = optional_import("matplotlib.font_manager", "plot", "plotting").fontManager
    known = set(manager.get_font_names())
    return [name for name in FONTS if name in known] or ["sans-serif"]


def wrap(text: str, width: int, lines: int = 3) -> str:
    """``text`` in lines of at most ``width`` characters, cut with an ellipsis after ``lines`` lines."""
    found = textwrap.wrap(text, width, max_lines=lines, placeholder=" …", break_long_words=True, break_on_hyphens=False)
    return "\n".join(found) or text


def name_end(name: str, most: int) -> str:
    """``name``, or the end of a long one behind an ellipsis: clips of one folder differ there."""
    return name if len(name) <= most else f"…{name[1 - most :]}"
