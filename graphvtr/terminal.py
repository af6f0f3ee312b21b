"""Text of others on a terminal: what a caption, a name or a message holds is shown, never obeyed."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from graphvtr.errors import system_error

BOLD, PLAIN = "\033[1m", "\033[0m"
# control characters (a terminal obeys them), separators that break lines, marks that turn the direction of writing,
# halves of surrogate pairs (no encoding takes them)
_CONTROLS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)
_OWN = re.compile(r"(\033\[[01]m)")


def safe_text(text: str) -> str:
    r"""``text`` with control characters as visible escapes; line ends and tabs stay.

    Example:
        >>> print(safe_text("a\x1b[31mred dog"))
        a\x1b[31mred dog
    """
    return _CONTROLS.sub(lambda found: found.group().encode("unicode_escape").decode(), text)


def printable(text: str | Path) -> str:
    r"""Text with a path in it that can be printed and stored: what cannot, line ends and bytes that are no UTF-8 for
    instance, as escapes.

    Example:
        >>> print(printable("two\nlines"))
        two\nlines
    """
    decoded = os.fsencode(text).decode("utf-8", "backslashreplace")
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in decoded)


def strip_controls(text: str) -> str:
    """``text`` without what XML and HTML cannot hold: control characters are spaces, for pictures and pages.

    Example:
        >>> strip_controls("a\\x07dog")
        'a dog'
    """
    return _CONTROLS.sub(" ", text)


class SafeStream:
    """A text stream that shows control characters as escapes and what its encoding does not have as escapes too.

    Bold print, :data:`BOLD` and :data:`PLAIN`, is let through to a terminal.

    Args:
        stream: where the text goes.
    """

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write what may be written of ``text``."""
        parts = _OWN.split(text) if self._stream.isatty() else [text]
        safe = "".join(part if _OWN.fullmatch(part) else safe_text(part) for part in parts)
        encoding = getattr(self._stream, "encoding", None) or "utf-8"
        self._try(self._stream.write, safe.encode(encoding, "backslashreplace").decode(encoding))
        return len(text)

    def flush(self) -> None:
        """See that it is written.

        Raises:
            DataError: it cannot be, the disk is full for instance.
        """
        self._try(self._stream.flush)

    def _try(self, write: Callable[..., object], *text: str) -> None:
        try:
            write(*text)
        except BrokenPipeError:
            raise
        except OSError as problem:
            raise system_error(problem, "standard output", "cannot be written") from problem

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextlib.contextmanager
def safe_output() -> Iterator[None]:
    """Within, what is printed goes through :class:`SafeStream`, and warnings are one line of safe text."""
    before, told, handler = sys.stdout, warnings.formatwarning, logging.lastResort
    sys.stdout = SafeStream(before)  # type: ignore[assignment]
    warnings.formatwarning = _warning
    logging.lastResort = _Handler(logging.WARNING)
    try:
        yield
    finally:
        sys.stdout, warnings.formatwarning, logging.lastResort = before, told, handler


class _Handler(logging.Handler):
    """What is logged and has no other handler goes to stderr."""

    def emit(self, record: logging.LogRecord) -> None:
        complain(record.getMessage())


def _warning(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, line: str | None = None
) -> str:
    kind = "warning" if category is UserWarning else f"warning ({category.__name__})"
    return f"graphvtr: {kind}: {safe_text(' '.join(str(message).split()))}\n"


def complain(text: str) -> None:
    """Print one line on stderr."""
    SafeStream(sys.stderr).write(" ".join(text.split()) + "\n")
