"""A query that asks a server which runs already."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from graphvtr.cli.main import main
from graphvtr.errors import DataError
from graphvtr.search import Index
from graphvtr.serve.client import NOTE, ask_server, find_server, noted
from tests.serve.conftest import QUERY


def test_the_answers_are_those_of_the_index(served: str, made: SimpleNamespace) -> None:
    path, url = made.index, served
    assert find_server(path) == url
    found = ask_server(url, QUERY, {"top": 3, "where": ["duration<9"]})
    wanted = Index.open(path).search(QUERY, top=3, where=["duration<9"]).to_dict()
    assert {**found, "seconds": 0} == {**json.loads(json.dumps(wanted)), "seconds": 0}
    with pytest.raises(DataError, match="nonsense"):
        ask_server(url, QUERY, {"where": ["nonsense"]})


def test_the_command_asks_it(served: str, made: SimpleNamespace, capsys: pytest.CaptureFixture[str]) -> None:
    path, url = made.index, served
    told = []
    for own in ([], ["--server", url], ["--alone"]):
        assert main(["search", str(path), QUERY, "--top", "2", "--exhaustive", *own]) == 0
        told.append(capsys.readouterr().out)
    assert told[0] == told[1] == told[2]
    assert "at" in told[0]
    assert f"      {made.clips / 'scene-'}" in told[0]  # the file to look at
    assert main(["search", str(path), QUERY, "--json"]) == 0
    first = json.loads(capsys.readouterr().out)["results"][0]
    assert first["file"] == str(made.clips / first["path"])
    assert main(["search", str(path), QUERY, "--server", url, "--video", "x.mp4"]) == 2
    assert main(["search", str(path), QUERY, "--server", url, "--candidates", "5"]) == 2
    assert "does not go with --candidates" in capsys.readouterr().err
    assert main(["search", str(path), QUERY, "--server", "file:///etc/passwd"]) == 2
    assert "is no address of a server" in capsys.readouterr().err


def test_a_file_finds_captions_and_clips(made: SimpleNamespace, capsys: pytest.CaptureFixture[str]) -> None:
    ask = ["search", str(made.index), "--video", str(made.clips / "scene-2.mp4"), "--json", "--top", "3"]
    assert main([*ask, "--find", "clips"]) == 0
    first = json.loads(capsys.readouterr().out)["results"][0]
    assert first["name"] == "scene-2"
    assert first["score"] == pytest.approx(1, abs=1e-3)
    assert main(ask) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["query"] == "scene-2.mp4"
    wanted = Index.open(made.index).search_videos([made.clips / "scene-2.mp4"], top=3)[0]
    assert [one["caption"] for one in told["results"]] == [one.caption for one in wanted]


def test_it_needs_no_torch(served: str, made: SimpleNamespace) -> None:
    code = (
        "import sys; from graphvtr.cli.main import main; code = main(); assert 'torch' not in sys.modules; exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", code, "search", str(made.index), QUERY, "--json"], capture_output=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["query"] == QUERY


@pytest.mark.parametrize(
    "note", ["", "[]", "{", "[" * 1000, '{"port": "80"}', '{"port": 99999}', '{"port": 1, "key": "a"}']
)
def test_a_note_that_leads_nowhere(note: str, tmp_path: Path) -> None:
    (tmp_path / NOTE).write_text(note)
    assert find_server(tmp_path) is None


def test_a_note_without_end(tmp_path: Path) -> None:
    (tmp_path / NOTE).symlink_to("/dev/zero")
    assert find_server(tmp_path) is None


@pytest.mark.parametrize("answer", [{}, {"results": 3}, {"results": [3]}, {"results": [{"phrases": [3]}]}])
def test_an_answer_of_something_else(answer: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("graphvtr.serve.client._get", lambda url, seconds: answer)
    with pytest.raises(DataError, match=r"^http://127.0.0.1:1"):
        ask_server("http://127.0.0.1:1", QUERY, {})


def test_somebody_elses_server(served: str, made: SimpleNamespace, tmp_path: Path) -> None:
    port = int(served.rpartition(":")[2])
    (tmp_path / NOTE).write_text(json.dumps({"port": port, "key": "another"}))
    assert find_server(tmp_path) is None
    with noted(made.index, port):  # a second server of the same index does not take the note of the first
        assert find_server(made.index) == served
    assert find_server(made.index) == served
    with pytest.raises(DataError, match="does not answer"):
        ask_server("http://127.0.0.1:1", QUERY, {})
