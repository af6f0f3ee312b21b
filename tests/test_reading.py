"""One reader for JSON and YAML: bounds before memory, and errors that name file and field."""

import io
import json
import os

import pytest

from graphvtr.errors import DataError
from graphvtr.reading import (
    DEPTH,
    MOST_A_LINE,
    arriving_lines,
    json_depth,
    lines_within,
    need,
    parse_json,
    read_json,
    read_text,
)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"[" * 200_000, f"is nested over {DEPTH} deep"),
        (b'{"a":' * (DEPTH + 1) + b"1" + b"}" * (DEPTH + 1), f"is nested over {DEPTH} deep"),
        (b"[[[", "is not json"),
        (b'"' + b'\\"' * 100_000, "is not json"),
        (b"\xff\xfe[1]", "is not UTF-8"),
        (b"9" * 5000, "is not json"),
        (b"", "is not json"),
        (b'{"a": 1} x', "is not json"),
    ],
)
def test_what_is_no_json_is_an_error_that_names_the_file(tmp_path, content, problem):
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(DataError, match=f"{path}: {problem}"):
        read_json(path)


def test_depth_counts_brackets_outside_of_strings(tmp_path):
    deepest = "[" * DEPTH + "]" * DEPTH
    assert parse_json(deepest, "x") == json.loads(deepest)
    text = json.dumps({"[" * 1000: ['"' + "]" * 1000 + "\\", {}]})
    assert json_depth(text.encode()) == 3
    assert parse_json("\ufeff" + text, "x") == json.loads(text)


def test_a_name_given_twice_is_refused_where_asked():
    text = '{"a": {"b": 1, "b": 2}}'
    assert parse_json(text, "x") == {"a": {"b": 2}}
    with pytest.raises(DataError, match="x: 'b': is there twice"):
        parse_json(text, "x", once=True)


def test_size_is_bounded_before_memory_is_taken(tmp_path):
    path = tmp_path / "a.json"
    with path.open("wb") as file:
        file.truncate(2**42)  # of holes
    with pytest.raises(DataError, match=r"is larger than 16,777,216 bytes"):
        read_json(path)


def test_pipes_devices_and_folders_are_no_files(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", "/dev/zero"):
        with pytest.raises(DataError, match="is no file"):
            read_json(path)
    with pytest.raises(DataError, match=r"no such file \(give a folder\)"):
        read_text(tmp_path / "none", fix="give a folder")


@pytest.mark.parametrize(
    ("values", "fields", "problem"),
    [
        ([], {}, "f: is a list, not an object"),
        ({}, {"a": int}, "f: a: is missing"),
        ({"a": True}, {"a": int}, "f: a: is True, not a whole number"),
        ({"a": "x\x1b"}, {"a": float}, r"f: a: is 'x\\x1b', not a number"),
        ({"a": [1]}, {"a": dict}, "f: a: is a list, not an object"),
        ({"a": -1}, {"a": lambda value: value > 0}, "f: a: is -1"),
    ],
)
def test_fields_are_named(values, fields, problem):
    with pytest.raises(DataError) as error:
        need(values, "f", fields, "fix")
    assert str(error.value).startswith(problem.replace("\\\\", "\\"))


def test_lines_are_bounded():
    assert list(lines_within(io.StringIO("a\n\nb"), "f", most=5)) == ["a\n", "\n", "b"]
    assert list(lines_within(io.BytesIO(b"1234"), "f", most=5)) == [b"1234"]
    with pytest.raises(DataError, match=r"f: line 2: is longer than 5 characters \(copy it again\)"):
        list(lines_within(io.BytesIO(b"1\n12345\n"), "f", most=5, fix="copy it again"))


def test_lines_of_a_pipe_come_as_they_are_written():
    read, write = os.pipe()
    lines = arriving_lines(read, "standard input")
    os.write(write, b"one\ntwo\r\nthr")
    assert next(lines) == ["one", "two"]
    os.write(write, b"ee\n\n\xff")
    assert next(lines) == ["three", ""]
    os.close(write)
    assert list(lines) == [["\udcff"]]
    os.close(read)


def test_a_line_without_end_is_refused():
    with open("/dev/zero", "rb") as file, pytest.raises(DataError, match=f"a line longer than {MOST_A_LINE:,} bytes"):
        list(arriving_lines(file.fileno(), "standard input"))
