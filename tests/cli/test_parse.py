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
        (["a dog", "--parser", "none.json"], "none.json: no such file"),
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
    assert "line 1: is not UTF-8 text" in capsys.readouterr().err


def test_a_text_file_stands_for_its_captions(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "captions.txt"
    path.write_text("a dog barks\ntwo cats\n", encoding="utf-8")
    assert main(["parse", "--json", str(path), "run"]) == 0
    graphs = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [graph["caption"] for graph in graphs] == ["a dog barks", "two cats", "run"]


def test_a_file_is_written_as_json_is_printed(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path, out = tmp_path / "captions.txt", tmp_path / "graphs.jsonl"
    path.write_text("a dog barks\n\ntwo cats on a sofa\n", encoding="utf-8")
    assert main(["parse", "--json", str(path)]) == 0
    printed = capsys.readouterr().out
    assert main(["parse", str(path), "--out", str(out), "--no-progress"]) == 0
    captured = capsys.readouterr()
    assert captured.out == f"2 graphs in {out}\n"
    assert captured.err == ""
    assert out.read_text() == printed
    assert main(["parse", str(path), "--out", str(out)]) == 2
    assert f"{out}: exists (delete it, or pass --overwrite)" in capsys.readouterr().err
    assert main(["parse", "--file", str(path), "--out", str(out), "--overwrite"]) == 0
    assert "captions/s" in capsys.readouterr().err.replace("caption/s", "captions/s"), "the progress bar"
    assert out.read_text() == printed


@pytest.mark.parametrize("given", [[], ["a.txt", "b.txt"], ["--file", "-"]])
def test_out_needs_one_file(capsys: pytest.CaptureFixture[str], tmp_path: Path, given: list[str]) -> None:
    assert main(["parse", *given, "--out", str(tmp_path / "out.jsonl")]) == 2
    assert "--out: needs one file of captions" in capsys.readouterr().err


def test_options_of_a_parser(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["parse", "--parser", "spacy:max_words=2", "a dog barks"]) == 2
    assert "has 3 words, the limit is 2 words" in capsys.readouterr().err
    assert main(["parse", "--parser", "bert-srl:archive=none.tar.gz", "a dog barks"]) == 2
    assert "none.tar.gz: no such file" in capsys.readouterr().err
