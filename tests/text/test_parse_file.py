"""Files of captions to files of graphs: the same whatever the workers and wherever a run was killed."""

from __future__ import annotations

import json
import os
import pickle
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from graphvtr.cli.main import main
from graphvtr.errors import DataError
from graphvtr.text import PARSERS, chunk_parsers, graph_from_dict, parse_file, read_captions
from graphvtr.text import parse_file as function
from graphvtr.text.graph_lists import GraphLists
from graphvtr.text.parser import ListParser
from tests.parsers import write_parser
from tests.processes import Command

module = sys.modules[function.__module__]
CAPTIONS = [f"dog {number} barks" for number in range(40)] + ["naïve 犬 🐕"] * 3


class FirstWordActs(ListParser):
    """Quick: the first word is the action. ``die`` fails as a killed process would."""

    name, version = "first", "1"

    def sentences(self, captions: Iterator[str], batch_size: int) -> Iterator[GraphLists]:
        for caption in captions:
            if caption == "die":
                raise KeyboardInterrupt
            if caption == "bad":
                raise DataError("caption 'bad'", "has no graph")
            yield GraphLists(caption, caption.split(), [[0]], [], [])


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PARSERS._entries, "first", FirstWordActs)
    monkeypatch.setattr(module, "CHUNK", 7)


@pytest.fixture
def captions(tmp_path: Path) -> Path:
    path = tmp_path / "captions.txt"
    path.write_text("\n".join([*CAPTIONS[:20], "", "  ", *CAPTIONS[20:]]) + "\n\n", encoding="utf-8")
    return path


@pytest.fixture
def whole(tmp_path: Path, captions: Path) -> bytes:
    """What an undisturbed run writes."""
    out = tmp_path / "whole.jsonl"
    assert parse_file(captions, out, "first") == len(CAPTIONS)
    return out.read_bytes()


def test_one_line_a_caption_in_order(tmp_path: Path, whole: bytes) -> None:
    graphs = [graph_from_dict(json.loads(line)) for line in whole.splitlines()]
    assert [graph.caption for graph in graphs] == CAPTIONS
    assert sorted(path.name for path in tmp_path.iterdir()) == ["captions.txt", "whole.jsonl"], (
        "no partial file is left"
    )


def killed_after(out: Path, captions: Path, content: bytes) -> None:
    """The state of a run that a kill has stopped when ``content`` was written."""
    lines = captions.read_text(encoding="utf-8")
    captions.write_text(lines.replace("\n\n", "\ndie\n", 1), encoding="utf-8")
    with pytest.raises(KeyboardInterrupt):
        parse_file(captions, out, "first")
    captions.write_text(lines, encoding="utf-8")
    note = out.with_name(out.name + ".partial.json")
    note.write_text(json.dumps({**json.loads(note.read_text()), "captions": module._survey(captions)[1]}))
    out.with_name(out.name + ".partial").write_bytes(content)


@pytest.mark.parametrize("part", [0.0, 0.001, 0.1, 0.5, 0.83, 0.999, 1.0])
def test_a_killed_run_resumes(
    tmp_path: Path, captions: Path, whole: bytes, monkeypatch: pytest.MonkeyPatch, part: float
) -> None:
    out = tmp_path / "out.jsonl"
    content = whole[: int(part * len(whole))]
    killed_after(out, captions, content)
    assert not out.exists(), "the file appears when it is whole"
    asked: list[str] = []
    plain = FirstWordActs.sentences

    def counted(self: FirstWordActs, captions: Iterator[str], batch_size: int) -> Iterator[GraphLists]:
        for lists in plain(self, captions, batch_size):
            asked.append(lists.caption)
            yield lists

    monkeypatch.setattr(FirstWordActs, "sentences", counted)
    assert parse_file(captions, out, "first") == len(CAPTIONS)
    assert out.read_bytes() == whole
    assert len(asked) == len(CAPTIONS) - content.count(b"\n"), "what was there is not parsed again"


def test_an_interrupted_run_keeps_whole_chunks(tmp_path: Path, captions: Path) -> None:
    out = tmp_path / "out.jsonl"
    killed_after(out, captions, b"")
    assert (tmp_path / "out.jsonl.partial").exists()
    lines = captions.read_text(encoding="utf-8")
    captions.write_text(lines.replace("dog 30 barks", "bad"), encoding="utf-8")
    with pytest.raises(DataError, match="is of another captions file"):
        parse_file(captions, out, "first")
    with pytest.raises(DataError, match="caption 'bad': has no graph"):
        parse_file(captions, out, "first", overwrite=True)
    assert (tmp_path / "out.jsonl.partial").read_bytes().count(b"\n") == 28, "four chunks of seven"


def test_a_part_of_another_run_is_refused(
    tmp_path: Path, captions: Path, whole: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out.jsonl"
    killed_after(out, captions, whole[:500])
    monkeypatch.setattr(FirstWordActs, "version", "2")
    with pytest.raises(DataError, match=r"out\.jsonl\.partial: is of another parser or version"):
        parse_file(captions, out, "first")
    monkeypatch.setattr(FirstWordActs, "version", "1")
    (tmp_path / "out.jsonl.partial").write_bytes(whole.splitlines(keepends=True)[3])
    with pytest.raises(DataError, match="has no graph of caption 1 in line 1"):
        parse_file(captions, out, "first")
    (tmp_path / "out.jsonl.partial.json").write_text("[")
    with pytest.raises(DataError, match="is of another format"):
        parse_file(captions, out, "first")
    assert parse_file(captions, out, "first", overwrite=True) == len(CAPTIONS)
    assert out.read_bytes() == whole


def test_graphs_are_counted_before_the_file_appears(
    tmp_path: Path, captions: Path, whole: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, partial = tmp_path / "out.jsonl", tmp_path / "out.jsonl.partial"

    def lossy(number: int) -> None:  # a disk that has kept less than was written
        if partial.exists():
            os.truncate(partial, max(0, partial.stat().st_size - 5))

    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", lossy)
        with pytest.raises(DataError, match=rf"has not the {len(CAPTIONS)} graphs of .*let nothing else write there"):
            parse_file(captions, out, "first")
    assert not out.exists()
    assert parse_file(captions, out, "first") == len(CAPTIONS)
    assert out.read_bytes() == whole


def test_a_finished_file_is_kept(tmp_path: Path, captions: Path) -> None:
    out = tmp_path / "out.jsonl"
    out.write_text("mine")
    with pytest.raises(DataError, match="exists"):
        parse_file(captions, out, "first")
    assert out.read_text() == "mine"
    parse_file(captions, out, "first", overwrite=True)
    assert out.read_text() != "mine"


def test_captions_are_read_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "captions.txt"
    path.write_bytes("\ufeffa dog\r\n\r\n  two\u2028cats \n\tlast".encode())
    assert list(read_captions(path)) == ["a dog", "  two\u2028cats ", "\tlast"]
    path.write_bytes(b"fine\n\xff\n")
    with pytest.raises(DataError, match=r"captions\.txt: line 2: is not UTF-8 text"):
        list(read_captions(path))
    with pytest.raises(DataError, match="cannot be read"):
        list(read_captions(tmp_path / "none.txt"))


def test_mistakes(tmp_path: Path, captions: Path) -> None:
    empty = tmp_path / "empty.txt"
    empty.write_text("\n \n")
    with pytest.raises(DataError, match=r"empty\.txt: has no captions"):
        parse_file(empty, tmp_path / "out", "first")
    with pytest.raises(DataError, match="workers: is 0"):
        parse_file(captions, tmp_path / "out", "first", workers=0)
    with pytest.raises(DataError, match="cannot be made"):
        parse_file(captions, empty / "out", "first")  # below a file


def test_a_worker_says_why_it_cannot_start(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[int] = []
    monkeypatch.setattr(chunk_parsers.torch, "set_num_threads", threads.append)
    chunk_parsers._start("none", 4, 1)
    with pytest.raises(DataError, match="parser 'none': unknown"):
        chunk_parsers._identity()
    chunk_parsers._start("first", 4, 1)
    assert chunk_parsers._identity() == "first 1"
    assert [json.loads(line)["caption"] for line in chunk_parsers._lines(["a b", "c"])] == ["a b", "c"]
    assert threads == [1, 1]


def test_the_errors_of_workers_can_be_handed_over() -> None:
    error = DataError("caption 3", "is empty", "drop it")
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - what the pool of processes does
    assert str(again) == str(error)
    assert (again.item, again.problem, again.fix) == (error.item, error.problem, error.fix)


def children(process: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="reads /proc")
def test_kill_9_and_resume_with_workers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    captions, out, parser = tmp_path / "captions.txt", tmp_path / "out.jsonl", tmp_path / "slow.py"
    captions.write_text("".join(f"a man throws ball {number} to dog {number}\n" for number in range(1800)))
    command = ["parse", captions, "--parser", write_parser(parser, "slow", "time.sleep(0.001)"), "--out", out]
    partial = tmp_path / "out.jsonl.partial"
    end = time.monotonic() + 240
    with Command(*command, "--workers", 2) as process:
        while not (partial.exists() and partial.stat().st_size) and process.poll() is None and time.monotonic() < end:
            time.sleep(0.02)
        workers = children(process.pid)
        process.send_signal(signal.SIGKILL)
        process.process.join()
    before = partial.read_bytes()
    assert workers
    assert 0 < before.count(b"\n") < 1800
    while any(Path(f"/proc/{worker}/cmdline").exists() for worker in workers) and time.monotonic() < end:
        time.sleep(0.05)
    assert not any(Path(f"/proc/{worker}/cmdline").exists() for worker in workers), "workers outlive their parent"
    assert main([str(one) for one in command]) == 0
    assert "caption/s" in capsys.readouterr().err
    lines = out.read_bytes()
    assert lines.startswith(before)
    assert [json.loads(line)["caption"] for line in lines.splitlines()] == captions.read_text().splitlines()
