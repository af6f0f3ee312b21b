"""Reading the small files of datasets, with errors that name the file and the entry."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO

from graphvtr import reading
from graphvtr.errors import DataError
from graphvtr.names import first_repeat


def read_captions(path: Path) -> dict[str, list[str]]:
    """A ``{video: [caption, ...]}`` json file.

    Raises:
        DataError: the file is missing, no such json, or a caption is empty; the message names the video.
    """
    content = read_json(path)
    if not isinstance(content, dict):
        raise DataError(path, f"holds a {type(content).__name__}", "give a json object {video: [caption, ...]}")
    for video, captions in content.items():
        if not isinstance(captions, list) or not all(isinstance(caption, str) for caption in captions):
            raise DataError(f"{path}: video '{video}'", "is not a list of strings", "give its captions as a list")
        for position, caption in enumerate(captions):
            if not caption.strip():
                raise DataError(f"{path}: video '{video}', caption {position}", "is empty", "remove it")
    return content


def read_json(path: Path) -> object:
    """A json file.

    Raises:
        DataError: the file is missing, no UTF-8, no json, or names something twice within one object, of which json
            readers would silently keep the last.
    """
    found: object = reading.read_json(
        path, limit=reading.DATA, fix="download it again", missing="check --root", once=True
    )
    return found


def read_list(path: Path) -> list[str]:
    """One name a line; blank lines are skipped.

    Raises:
        DataError: the file is missing, empty, or names a video twice.
    """
    names = [line.strip() for _, line in numbered_lines(path)]
    if not names:
        raise DataError(path, "is empty", "give one video name a line")
    repeated = first_repeat(names)
    if repeated is not None:
        raise DataError(f"{path}: video '{repeated}'", "is listed twice", "list every video once")
    return names


def numbered_lines(path: Path, fix: str = "check --root") -> Iterator[tuple[int, str]]:
    """Lines that are not blank, with their numbers, from 1.

    Raises:
        DataError: the file is missing or no UTF-8.
    """
    with _open_text(path, fix) as file:
        try:
            yield from ((number, line) for number, line in enumerate(file, 1) if line.strip())
        except UnicodeDecodeError as error:
            raise DataError(path, f"cannot be read: {error}", "save it as UTF-8") from error


def read_lists(paths: Iterable[Path]) -> frozenset[str] | None:
    """The names of several lists together; None where one of them is missing.

    Raises:
        DataError: see :func:`read_list`.
    """
    paths = list(paths)
    if not all(path.is_file() for path in paths):
        return None
    return frozenset(name for path in paths for name in read_list(path))


def delimiter_of(path: Path, fix: str = "check --root") -> str:
    """What stands between the columns of a table's header: a comma, a semicolon (Excel's in half of Europe) or a tab.

    Raises:
        DataError: the file is missing or no UTF-8.
    """
    with _open_text(path, fix) as file:
        try:
            header = file.readline()
        except UnicodeDecodeError as error:
            raise DataError(path, f"cannot be read: {error}", "save it as UTF-8") from error
    return max(",;\t", key=header.count)


def read_table(
    path: Path, columns: Sequence[str], delimiter: str = ",", fix: str = "check --root", *, any_case: bool = False
) -> list[Row]:
    """Rows of a csv or tsv file with a header line; quoted fields may hold delimiters, quotes and line ends.

    Args:
        path: the file: UTF-8, with or without byte order mark, any line ends.
        columns: columns that must be there; further ones are kept.
        delimiter: ``","``, ``";"`` or a tab.
        any_case: ``Video`` is the column ``video``.
        fix: what to do where the file is missing.

    Raises:
        DataError: the file is missing, empty, no UTF-8, lacks a column, or has a row of another length; the message
            names the line.
    """
    rows: list[Row] = []
    with _open_text(path, fix) as file:
        reader = csv.DictReader(file, delimiter=delimiter, strict=True, skipinitialspace=False)
        try:
            header = [name.strip().lower() if any_case else name.strip() for name in reader.fieldnames or []]
            reader.fieldnames = header
            for column in columns:
                if column not in header:
                    found = f"columns {', '.join(header)}" if header else "no lines"
                    raise DataError(path, f"has no column '{column}' but {found}", _columns(columns, delimiter))
            begin = reader.line_num + 1
            for row in reader:
                if None in row or None in row.values():
                    raise _stray_quote(path, delimiter, begin) or DataError(
                        f"{path}, line {reader.line_num}",
                        f"has not the {len(header)} fields of the header",
                        "quote fields that hold delimiters",
                    )
                if reader.line_num > begin and any(_holds_row(value, len(header), delimiter) for value in row.values()):
                    raise _stray_quote(path, delimiter, begin) or DataError(
                        f"{path}, line {begin}", f"has a quoted field that goes on to line {reader.line_num}", QUOTES
                    )
                rows.append(Row(reader.line_num, row))
                begin = reader.line_num + 1
        except csv.Error as error:
            raise _stray_quote(path, delimiter, begin) or DataError(
                f"{path}, line {reader.line_num}", f"cannot be read: {error}", QUOTES
            ) from error
        except UnicodeDecodeError as error:
            raise DataError(
                f"{path}, line {reader.line_num}", f"cannot be read: {error}", "save it as UTF-8"
            ) from error
    if not rows:
        raise DataError(path, "has a header and nothing else", "give one row a caption")
    return rows


QUOTES = 'quote a field that holds quotes, and write each of them twice: "she says ""hello"""'


def _holds_row(value: str, fields: int, delimiter: str) -> bool:
    """Whether a field goes on over lines that look like rows of their own: as many fields, the first one like the name
    of a file (digits, ``_`` or ``.`` in it, no spaces) and not like a word."""
    rows = [line.split(delimiter) for line in value.split("\n")[1:]]
    return any(len(row) >= fields and re.fullmatch(r"\S*[\d_.]\S*", row[0]) for row in rows)


def _stray_quote(path: Path, delimiter: str, begin: int) -> DataError | None:
    """The error for the first line from ``begin`` on with a quote that cannot be one of csv's, if there is one."""
    with _open_text(path, "") as file:
        for number, line in enumerate(file, 1):
            if number >= begin and line.count('"') % 2:
                return DataError(f"{path}, line {number}", "has a quote that nothing closes", QUOTES)
    return None


def read_pairs(path: Path, delimiter: str = "\t", fix: str = "check --root") -> dict[str, list[str]]:
    """``name<TAB>caption`` lines as name -> captions, in order; the caption is the rest of the line.

    Raises:
        DataError: the file is missing, empty or no UTF-8, or a line has no delimiter, name or caption.
    """
    out: dict[str, list[str]] = {}
    for number, line in numbered_lines(path, fix):
        name, found, caption = line.strip("\r\n").partition(delimiter)
        if not found or not name.strip():
            text = f"is '{line.strip()[:60]}'"
            raise DataError(f"{path}, line {number}", text, f"give: name{delimiter!r}caption".replace("'", ""))
        out.setdefault(name.strip(), []).append(one_line(caption, f"{path}, line {number}"))
    if not out:
        raise DataError(path, "is empty", "give one caption a line")
    return out


def _columns(columns: Sequence[str], delimiter: str) -> str:
    name = {",": "a comma", ";": "a semicolon", "\t": "a tab"}.get(delimiter, delimiter)
    return f"columns: {', '.join(columns)}, with {name} between them"


class Row:
    """A row of :func:`read_table`: fields by column, and the ``line`` it ends on."""

    def __init__(self, line: int, fields: dict[str, str]) -> None:
        self.line, self._fields = line, fields

    def __getitem__(self, column: str) -> str:
        return self._fields[column].strip()

    @property
    def columns(self) -> list[str]:
        """Names of all columns, in order."""
        return list(self._fields)

    def get(self, column: str) -> str | None:
        """A field, None where there is no such column."""
        value = self._fields.get(column)
        return None if value is None else value.strip()


def one_line(caption: object, where: str) -> str:
    """A caption with single spaces and no line ends.

    Raises:
        DataError: it is no string or has no words.
    """
    if not isinstance(caption, str):
        raise DataError(where, f"has a {type(caption).__name__} for a caption", "give a string")
    words = caption.split()
    if not words:
        raise DataError(where, "has an empty caption", "remove it")
    return " ".join(words)


def need_file(root: Path, name: str, what: str) -> Path:
    """``root/name``.

    Raises:
        DataError: it is not there; ``what`` says what it is and where it comes from.
    """
    path = root / name
    if not path.is_file():
        raise DataError(path, "no such file", what)
    if path.stat().st_size == 0:
        raise DataError(path, "is empty", "the download was cut short: " + what)
    return path


def _open_text(path: Path, fix: str) -> IO[str]:
    if not path.is_file():
        raise DataError(path, "no such file", fix)
    if path.stat().st_size > reading.DATA:
        raise DataError(path, f"is larger than {reading.DATA:,} bytes", "check that it is the file it should be")
    return path.open(encoding="utf-8-sig", newline="")
