"""Text of others on a terminal."""

import io

import pytest

from graphvtr.errors import DataError
from graphvtr.terminal import BOLD, PLAIN, SafeStream, printable, safe_text, strip_controls


class Terminal(io.TextIOWrapper):
    """A terminal of some encoding."""

    def __init__(self, encoding="utf-8", tty=False):
        super().__init__(io.BytesIO(), encoding=encoding)
        self._tty = tty

    def isatty(self):
        return self._tty

    def shown(self):
        self.flush()
        return self.buffer.getvalue()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
        ("\x9b31m", "\\x9b31m"),
        ("right\u202eleft", "right\\u202eleft"),
        ("one\u2028line", "one\\u2028line"),
        ("half \ud83d", "half \\ud83d"),
        ("over\rwritten", "over\\rwritten"),
        ("café ☕ 👨\u200d👩\ttab\n", "café ☕ 👨\u200d👩\ttab\n"),
    ],
)
def test_controls_are_shown_and_words_are_left(text, shown):
    assert safe_text(text) == shown
    assert not any(ord(char) < 32 and char not in "\n\t" for char in strip_controls(text))


def test_a_stream_without_the_characters_shows_escapes_instead_of_dying():
    terminal = Terminal("cp1252")
    print("café ☕", file=SafeStream(terminal))
    assert terminal.shown() == "café \\u2615\n".encode("cp1252")


@pytest.mark.parametrize("tty", [False, True])
def test_bold_print_reaches_a_terminal_only(tty):
    terminal = Terminal(tty=tty)
    print(f"{BOLD}a\x1b[31m{PLAIN}", file=SafeStream(terminal))
    expected = "\x1b[1ma\\x1b[31m\x1b[0m\n" if tty else "\\x1b[1ma\\x1b[31m\\x1b[0m\n"
    assert terminal.shown() == expected.encode()


class Full(io.StringIO):
    """A file on a disk that is full."""

    def flush(self):
        raise OSError(28, "No space left on device")


def test_a_full_disk_is_an_error_of_ours():
    stream = SafeStream(Full())
    stream.write("text")
    with pytest.raises(DataError, match=r"standard output: cannot be written \(No space"):
        stream.flush()


def test_names_keep_to_one_line():
    assert printable("two\nlines\udcff") == "two\\nlines\\xff"
