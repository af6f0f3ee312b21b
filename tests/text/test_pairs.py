from __future__ import annotations

from pathlib import Path

import pytest

from graphvtr.errors import DataError
from graphvtr.text.pairs import BinaryPair, read_pairs, write_pairs


def test_file_round_trip_and_errors(tmp_path: Path) -> None:
    pairs = [BinaryPair("v", "a dog", "a cät", "replace persons"), BinaryPair("w", "x", "y", "z")]
    path = tmp_path / "p.jsonl"
    write_pairs(path, pairs)
    assert read_pairs(path) == pairs
    for text, message in (
        ("", "holds no pairs"),
        ("\n{", "line 2: is not json"),
        ("[]", "line 1: is no object"),
        ('{"video": "v", "positive": "a", "negative": 3, "kind": "k"}', "line 1: negative: is missing or no text"),
        ('{"video": "v", "positive": " ", "negative": "b", "kind": "k"}', "line 1: positive: is missing"),
    ):
        path.write_text(text)
        with pytest.raises(DataError, match=message):
            read_pairs(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(DataError, match="is not UTF-8"):
        read_pairs(path)
    with pytest.raises(DataError, match="no such file"):
        read_pairs(tmp_path / "none.jsonl")
    with pytest.raises(DataError, match="cannot be written"):
        write_pairs(path / "p.jsonl", pairs)  # below a file
