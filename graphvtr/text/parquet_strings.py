"""A column of strings from a Parquet file, in plain Python.

The packaged GloVe vectors keep their words in a Parquet file of one column. Reading that one needs no 40 MB
package: this module reads BYTE_ARRAY columns with plain or dictionary encoding, uncompressed or Snappy, version 1
pages (https://parquet.apache.org/docs/file-format/), and says so when a file is anything else.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from graphvtr.errors import DataError

BYTE_ARRAY, OPTIONAL = 6, 1
UNCOMPRESSED, SNAPPY = 0, 1
DATA_PAGE, DICTIONARY_PAGE = 0, 2
PLAIN, PLAIN_DICTIONARY, RLE_DICTIONARY = 0, 2, 8


def read_string_column(path: str | Path) -> list[str]:
    """The strings of a Parquet file of one column without nulls.

    Raises:
        DataError: the file is missing, damaged, or uses what is not read here.
    """
    path = Path(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(path, f"cannot be read: {error.strerror}", "check the path") from error
    try:
        return _read(data)
    except DataError as error:
        raise DataError(path, error.problem, error.fix) from error
    except (IndexError, KeyError, ValueError, TypeError, struct.error) as error:
        raise DataError(path, f"is no Parquet file or is damaged ({error})", "install or download it again") from error


def _read(data: bytes) -> list[str]:
    if data[:4] != b"PAR1" or data[-4:] != b"PAR1":
        raise ValueError("no PAR1 at both ends")
    (footer_size,) = struct.unpack("<I", data[-8:-4])
    footer, _ = _struct(data, len(data) - 8 - footer_size)
    schema, rows, groups = footer[2], footer[3], footer[4]
    if len(schema) != 2 or schema[1].get(1) != BYTE_ARRAY:
        raise DataError("", "is not one column of strings", "give a Parquet file of one string column")
    optional = schema[1].get(3) == OPTIONAL
    words: list[bytes] = []
    for group in groups:
        words += _column(data, group[1][0][3], optional)
    if len(words) != rows:
        raise DataError("", f"has {rows} rows and {len(words)} values", "columns with nulls are not read")
    return [word.decode("utf-8") for word in words]


def _column(data: bytes, meta: dict[int, Any], optional: bool) -> list[bytes]:
    """Values of one column chunk."""
    codec, count = meta[4], meta[5]
    if codec not in (UNCOMPRESSED, SNAPPY):
        raise DataError("", f"uses compression codec {codec}", "write it with Snappy or without compression")
    position: int = meta.get(11, meta[9])  # the dictionary page comes first, where there is one
    dictionary: list[bytes] = []
    out: list[bytes] = []
    while len(out) < count:
        header, begin = _struct(data, position)
        position = begin + header[3]
        page = data[begin:position]
        if codec == SNAPPY:
            page = snappy_decompress(page)
        if header[1] == DICTIONARY_PAGE:
            dictionary = list(_plain(page, 0, header[7][1]))
        elif header[1] == DATA_PAGE:
            out += _page(page, header[5], dictionary, optional)
        else:
            raise DataError("", f"has pages of type {header[1]}", "write it with version 1 data pages")
    return out


def _page(page: bytes, header: dict[int, Any], dictionary: list[bytes], optional: bool) -> list[bytes]:
    count, encoding = header[1], header[2]
    begin = 0
    if optional:  # definition levels: 1 where a value is there
        (size,) = struct.unpack_from("<I", page)
        begin = 4 + size
        if sum(_hybrid(page[4:begin], 1, count)) != count:
            raise DataError("", "has nulls", "columns with nulls are not read")
    if encoding == PLAIN:
        return list(_plain(page, begin, count))
    if encoding in (PLAIN_DICTIONARY, RLE_DICTIONARY):
        return [dictionary[index] for index in _hybrid(page[begin + 1 :], page[begin], count)]
    raise DataError("", f"has pages of encoding {encoding}", "write it with plain or dictionary encoding")


def _plain(page: bytes, position: int, count: int) -> Iterator[bytes]:
    for _ in range(count):
        (size,) = struct.unpack_from("<I", page, position)
        position += 4 + size
        if position > len(page):
            raise ValueError("a string ends outside its page")
        yield page[position - size : position]


def _hybrid(data: bytes, width: int, count: int) -> list[int]:
    """Parquet's mix of run-length and bit-packed integers of ``width`` bits."""
    out: list[int] = []
    position, size = 0, (width + 7) // 8
    while len(out) < count:
        header, position = _varint(data, position)
        if header & 1:  # groups of eight, bit-packed from the lowest bit on
            values, length = (header >> 1) * 8, (header >> 1) * width
            packed = int.from_bytes(data[position : position + length], "little")
            mask = (1 << width) - 1
            step = 8 * 8  # values of one slice: shifting the whole number for each would be quadratic
            for first in range(0, values, step):
                part = packed >> (first * width) & ((1 << (step * width)) - 1)
                out += [part >> (index * width) & mask for index in range(min(step, values - first))]
            position += length
        else:
            out += [int.from_bytes(data[position : position + size], "little")] * (header >> 1)
            position += size
        if position > len(data):
            raise ValueError("a run ends outside its page")
    return out[:count]


def snappy_decompress(data: bytes) -> bytes:
    """Raw Snappy (https://github.com/google/snappy/blob/main/format_description.txt).

    Raises:
        ValueError: damaged data.
    """
    size, position = _varint(data, 0)
    out = bytearray()
    while position < len(data):
        tag = data[position]
        position += 1
        if tag & 3 == 0:
            length = (tag >> 2) + 1
            if length > 60:
                extra = length - 60
                length = int.from_bytes(data[position : position + extra], "little") + 1
                position += extra
            out += data[position : position + length]
            position += length
            continue
        if tag & 3 == 1:
            length, offset = (tag >> 2 & 7) + 4, (tag >> 5) << 8 | data[position]
            position += 1
        else:
            extra = 2 if tag & 3 == 2 else 4
            length, offset = (tag >> 2) + 1, int.from_bytes(data[position : position + extra], "little")
            position += extra
        if not 0 < offset <= len(out):
            raise ValueError("Snappy copy from outside the data")
        if offset >= length:
            begin = len(out) - offset
            out += out[begin : begin + length]
        else:  # the copy overlaps itself: it repeats the last `offset` bytes
            piece = bytes(out[-offset:])
            out += (piece * (length // offset + 1))[:length]
    if len(out) != size:
        raise ValueError(f"Snappy data of {len(out)} instead of {size} bytes")
    return bytes(out)


def _varint(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7


def _zigzag(data: bytes, position: int) -> tuple[int, int]:
    value, position = _varint(data, position)
    return value >> 1 ^ -(value & 1), position


def _struct(data: bytes, position: int) -> tuple[dict[int, Any], int]:
    """A Thrift struct in the compact protocol: field id -> value."""
    fields: dict[int, Any] = {}
    field = 0
    while True:
        head = data[position]
        position += 1
        if head == 0:
            return fields, position
        if head >> 4:
            field += head >> 4
        else:
            field, position = _zigzag(data, position)
        fields[field], position = _value(data, position, head & 15)


def _value(data: bytes, position: int, kind: int) -> tuple[Any, int]:
    if kind in (1, 2):  # true, false
        return kind == 1, position
    if kind == 3:
        return data[position], position + 1
    if kind in (4, 5, 6):
        return _zigzag(data, position)
    if kind == 7:
        return struct.unpack_from("<d", data, position)[0], position + 8
    if kind == 8:
        size, position = _varint(data, position)
        return data[position : position + size], position + size
    if kind in (9, 10):
        head, position = data[position], position + 1
        size = head >> 4
        if size == 15:
            size, position = _varint(data, position)
        values = []
        for _ in range(size):
            value, position = _value(data, position, head & 15)
            values.append(value)
        return values, position
    if kind == 12:
        return _struct(data, position)
    raise ValueError(f"Thrift type {kind}")
