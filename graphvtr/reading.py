"""Small files of others, read once and in one way: JSON with bounds on size and depth, its fields, and lines.

A file is data that anybody may have written. Its size is looked at before its content, its depth before it is made into
objects (a parser that recurses ends a process), and each field before it is used.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import stat
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import UnionType
from typing import IO, Any, AnyStr

from graphvtr.errors import DataError, system_error
from graphvtr.terminal import printable

SETTINGS = 16 * 2**20
"""Bytes of a file of settings: a manifest, a configuration, a list of shards."""
DATA = 2 * 2**30
"""Bytes of a file of captions, graphs or words."""
MOST_A_LINE = 2**20
"""Bytes of a line, where a file is read line by line."""
DEPTH = 64
"""Objects and lists within each other."""

_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
_OTHERS = bytes(set(range(256)) - set(b"[]{}"))
_SQUARE = bytes.maketrans(b"{}", b"[]")
KINDS = {
    dict: "an object",
    list: "a list",
    str: "a string",
    int: "a whole number",
    float: "a number",
    bool: "a boolean",
}


def read_bytes(path: str | Path, *, limit: int = SETTINGS, fix: str = "check the path") -> bytes:
    """The content of a file of at most ``limit`` bytes.

    Raises:
        DataError: it is missing, no file (a folder, a pipe, a device), cannot be read or is larger.
    """
    path = Path(path)
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise DataError(path, "is no file", fix)
        with path.open("rb") as file:
            content = file.read(limit + 1)
    except FileNotFoundError:
        raise DataError(path, "no such file", fix) from None
    except OSError as problem:
        raise system_error(problem, path, "cannot be read", fix=fix) from problem
    if len(content) > limit:
        raise DataError(path, f"is larger than {limit:,} bytes", "check that it is the file it should be")
    return content


def read_text(path: str | Path, *, limit: int = SETTINGS, fix: str = "check the path") -> str:
    """The content of a UTF-8 file, a byte order mark taken off.

    Raises:
        DataError: as :func:`read_bytes`, or it is not UTF-8.
    """
    content = read_bytes(path, limit=limit, fix=fix)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        raise DataError(path, f"is not UTF-8 text (byte {problem.start})", "save it as UTF-8") from problem


def lines_of(text: str) -> list[str]:
    """The lines of a text, as files mean them: ended by LF, CR LF or CR.

    ``str.splitlines`` also ends lines at vertical tabs, form feeds, U+0085, U+2028 and U+2029, which stand inside
    captions and words.

    Example:
        >>> lines_of("a\\nb\\u2028c\\r\\n")
        ['a', 'b\\u2028c']
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return lines if lines[-1] else lines[:-1]


def lines_within(file: IO[AnyStr], where: object, *, most: int = MOST_A_LINE, fix: str = "") -> Iterator[AnyStr]:
    """The lines of an open file one by one, with their ends.

    Args:
        file: of text or of bytes.
        where: names it, for messages.
        most: bytes or characters that a line may have: one of a damaged file, or of holes, may be as long as the file.
        fix: what the reader of an error can do.

    Raises:
        DataError: a line is longer; names its number.
    """
    for number in itertools.count(1):
        line = file.readline(most)
        if not line:
            return
        if len(line) == most:
            raise DataError(f"{where}: line {number}", f"is longer than {most:,} characters", fix)
        yield line


def arriving_lines(file: int, where: object) -> Iterator[list[str]]:
    """The lines of a pipe, a terminal or a file as they come in, those that are there already together; so that who
    waits for an answer to each gets it, and who sends many is served many at a time.

    Args:
        file: number of the open file, of UTF-8; what is none becomes half a surrogate pair, as in arguments.
        where: names it, for messages.

    Raises:
        DataError: a line is longer than :data:`MOST_A_LINE`.
    """
    rest, came = b"", True
    while came:
        part = os.read(file, 2**16)
        came = bool(part)
        *whole, rest = (rest + (part or b"\n" * bool(rest))).split(b"\n")
        if len(rest) > MOST_A_LINE:
            raise DataError(where, f"has a line longer than {MOST_A_LINE:,} bytes", "end queries by a line break")
        if whole:
            yield [line.decode("utf-8", "surrogateescape").removesuffix("\r") for line in whole]


def number_of_digits(text: str) -> int | None:
    """The number that up to 18 of the digits 0 to 9 write, None for any other text.

    ``str.isdigit`` also takes ``²``, and ``int`` refuses that one, and numbers of 5,000 digits, with a ValueError.

    Example:
        >>> number_of_digits("007"), number_of_digits("²"), number_of_digits("-1"), number_of_digits("9" * 5000)
        (7, None, None, None)
    """
    return int(text) if len(text) <= 18 and text.isascii() and text.isdigit() else None


def read_json(
    path: str | Path, *, limit: int = SETTINGS, fix: str = "", missing: str = "check the path", once: bool = False
) -> Any:
    """What a json file holds.

    Args:
        path: the file, UTF-8.
        limit: bytes that it may have.
        fix: what the reader of an error can do about its content.
        missing: and what if it is not there.
        once: refuse an object with the same name twice, of which json keeps the last without a word.

    Raises:
        DataError: as :func:`read_bytes` and :func:`parse_json`.
    """
    return parse_json(read_bytes(path, limit=limit, fix=missing), path, fix=fix, once=once)


def parse_json(content: bytes | str, where: object, *, fix: str = "", once: bool = False) -> Any:
    """What json says.

    Args:
        content: the text, as UTF-8 if bytes.
        where: where it stands, for messages.
        fix, once: as for :func:`read_json`.

    Raises:
        DataError: it is not UTF-8 or no json, is nested over :data:`DEPTH` deep, or (with ``once``) has a name twice.
    """
    data = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
    data = data.removeprefix(b"\xef\xbb\xbf")
    if data.count(b"[") + data.count(b"{") > DEPTH and json_depth(data) > DEPTH:  # few cannot be deep
        raise DataError(where, f"is nested over {DEPTH} deep", fix)

    def pairs_once(pairs: list[tuple[str, object]]) -> dict[str, object]:
        found = dict(pairs)
        if len(found) < len(pairs):
            names = [name for name, _ in pairs]
            twice = next(name for name in names if names.count(name) > 1)
            raise DataError(f"{where}: '{printable(twice)}'", "is there twice", "keep one of them")
        return found

    try:
        return json.loads(data.decode("utf-8"), object_pairs_hook=pairs_once if once else None)
    except UnicodeDecodeError as problem:
        raise DataError(where, f"is not UTF-8 text (byte {problem.start})", "save it as UTF-8") from problem
    except DataError:
        raise
    except (ValueError, RecursionError) as problem:
        raise DataError(where, f"is not json: {problem}", fix) from problem


def json_depth(data: bytes) -> int:
    """How deep objects and lists lie within each other, up to :data:`DEPTH` + 1; strings do not count. Of what is no
    json, where brackets lack their partners, it may be more.

    Example:
        >>> json_depth(b'{"a [": [[1], 2]}')
        3
    """
    brackets = _STRING.sub(b"", data).translate(_SQUARE, delete=_OTHERS)
    depth = 0
    while depth <= DEPTH and b"[]" in brackets:  # the innermost go, a layer at a time
        brackets, depth = brackets.replace(b"[]", b""), depth + 1
    return depth + brackets.count(b"[")


def need(
    values: object, where: object, fields: Mapping[str, type[Any] | UnionType | Callable[[Any], bool]], fix: str = ""
) -> dict[str, Any]:
    """An object whose fields are there and of their kinds.

    Args:
        values: what was read.
        where: where it stands, for messages.
        fields: name -> type, or a function that says whether a value is right; bool is no int.
        fix: what the reader of an error can do.

    Raises:
        DataError: it is no object, or names the first field that is missing or wrong.

    Example:
        >>> need({"words": 3}, "config.json", {"words": int})
        {'words': 3}
    """
    if not isinstance(values, dict):
        raise DataError(where, f"is {kind_of(values)}, not an object", fix)
    for name, kind in fields.items():
        if name not in values:
            raise DataError(f"{where}: {name}", "is missing", fix)
        value = values[name]
        if not isinstance(kind, (type, UnionType)):
            right, wanted = kind(value), ""
        else:
            right = isinstance(value, kind) and not (isinstance(value, bool) and kind in (int, float, int | float))
            wanted = f", not {KINDS.get(kind, str(kind))}" if isinstance(kind, type) else ""
        if not right:
            shown = f"{value!r:.60}" if isinstance(value, (int, float, str)) else kind_of(value)
            raise DataError(f"{where}: {name}", f"is {printable(shown)}{wanted}", fix)
    return values


def kind_of(value: object) -> str:
    """What a value of a json file is, in words."""
    return "nothing" if value is None else KINDS.get(type(value), f"a {type(value).__name__}")
