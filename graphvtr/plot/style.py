"""Colours and sizes shared by all plots: readable in grey and by colour-blind readers."""

from __future__ import annotations

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


def pyplot() -> Any:
    """``matplotlib.pyplot``; the message of the error names the extra."""
    return optional_import("matplotlib.pyplot", "plot", "plotting")


def wrap(text: str, width: int, lines: int = 3) -> str:
    """``text`` in lines of at most ``width`` characters, cut with an ellipsis after ``lines`` lines."""
    return "\n".join(textwrap.wrap(text, width, max_lines=lines, placeholder=" …", break_long_words=True)) or text
