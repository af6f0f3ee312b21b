"""``graphvtr parse`` from the command line down."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from graphvtr.cli.main import main

pytest.importorskip("spacy")

TREE = """\
a white dog chases a cat in the yard
└─ chases
   ├─ ARG0 (agent)      a white dog
   ├─ ARG1 (patient)    a cat
   └─ ARGM-LOC (place)  in the yard
"""


def test_a_caption_is_drawn(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["parse", "a white dog chases a cat in the yard"]) == 0
    assert capsys.readouterr().out == TREE


def test_several_captions_as_json_lines(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "captions.txt"
    path.write_text("a dog barks\n\n  two cats\n", encoding="utf-8")
    assert main(["parse", "--json", "run", "--file", str(path)]) == 0
    graphs = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [graph["caption"] for graph in graphs] == ["run", "a dog barks", "  two cats"]
    assert graphs[1]["entities"] == [{"role": "ARG0", "words": [0, 1], "text": "a dog"}]


def test_captions_from_stdin(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("a dog barks\ntwo cats\n"))
    assert main(["parse", "--file", "-"]) == 0
    assert capsys.readouterr().out == (
        "a dog barks\n└─ barks\n   └─ ARG0 (agent)  a dog\n\ntwo cats\n└─ NOUN (other)  two cats\n"
    )


def test_a_terminal_without_the_signs_gets_ascii(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr("sys.stdout", out)
    assert main(["parse", "a dog barks"]) == 0
    out.seek(0)
    assert out.read() == "a dog barks\n`- barks\n   `- ARG0 (agent)  a dog\n"


def test_a_released_file_is_a_parser(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "sent2rolegraph.json"
    path.write_text(json.dumps({"dogs bark": [{"1": {"role": "V", "spans": [0, 1]}}, []]}))
    assert main(["parse", "--parser", str(path), "dogs bark"]) == 0
    assert capsys.readouterr().out == "dogs bark\n└─ dogs bark\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "captions: there are none"),
        ([""], "caption 0 '': is empty"),
        (["word " * 500], "has 500 words, the limit is 200 words"),
        (["a dog", "--parser", "spacey"], "parser 'spacey': unknown"),
        (["a dog", "--parser", "none.json"], "none.json: cannot be read"),
        (["--file", "none.txt"], "none.txt: cannot be read"),
    ],
)
def test_mistakes_are_one_line(capsys: pytest.CaptureFixture[str], arguments: list[str], message: str) -> None:
    assert main(["parse", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("graphvtr: error: ")
    assert message in captured.err
    assert captured.err.count("\n") == 1


def test_a_file_of_another_encoding(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "captions.txt"
    path.write_bytes("a naïve dog".encode("latin-1"))
    assert main(["parse", "--file", str(path)]) == 2
    assert "is not UTF-8 text (byte 4)" in capsys.readouterr().err
