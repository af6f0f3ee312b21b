"""A first query's sentences, parsed by a second process."""

from __future__ import annotations

import functools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from graphvtr.errors import DataError
from graphvtr.search import ahead
from graphvtr.search.ahead import Ahead, parse_ahead
from graphvtr.search.plain import MANIFEST
from graphvtr.text import SpacyRoleParser
from graphvtr.text.parsing_worker import WorkerParser
from tests.search.conftest import QUERY, Files

pytest.importorskip("spacy")
GOLD = Path(__file__).parents[1] / "text" / "gold_captions.txt"
CAPTIONS = [line for line in GOLD.read_text().splitlines() if line.strip()]
READY = "import json, time; print(json.dumps({'ready': 1, 'version': '1'}), flush=True); "
HAS_PROC = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="reads /proc")


@pytest.fixture(scope="module")
def own() -> SpacyRoleParser:
    return SpacyRoleParser()


@pytest.fixture
def without_torch(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As in a process that has not imported it yet, on a machine of two cores."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 1}, raising=False)
    modules = dict(sys.modules)
    del modules["torch"]
    with monkeypatch.context() as context:
        context.setattr(sys, "modules", modules)
        yield


def test_the_graphs_are_those_of_this_process(own: SpacyRoleParser) -> None:
    begun = Ahead(CAPTIONS)
    parser = begun("spacy")
    assert isinstance(parser, WorkerParser)
    assert (parser.name, parser.version) == (own.name, own.version)
    for captions, size in ((CAPTIONS, 256), (CAPTIONS[:50], 7), (["A DOG BARKS", "“Ça va?” 犬 🐕 runs"], 256)):
        mine, its = (one.parse_store(captions, batch_size=size) for one in (own, parser))
        assert its.digest() == mine.digest()
    assert parser._own is None, "all by the worker"
    # what is wrong with a caption is said in the same words, and the next one is parsed here
    wrong = ["a dog", *[QUERY] * 300, "half a \udce9 sign"]
    errors = []
    for one in (own, parser):
        with pytest.raises(DataError) as error:
            list(one.sentences(wrong, 256))
        errors.append(str(error.value))
    assert errors[0] == errors[1]
    assert parser._own is not None
    assert not begun._worker.alive
    assert list(map(list, parser.parse_store([QUERY]).strings.values())) == [[QUERY]]


@pytest.mark.parametrize(
    "worker",
    [
        "raise SystemExit(3)",
        "print('hello')",
        "print('{}')",
        "import time; time.sleep(60)",
        READY + "raise SystemExit(3)",
        READY + "time.sleep(60)",
        READY + "print(json.dumps({'id': 0, 'results': []}))",
        READY + "print(json.dumps({'id': 0, 'results': [{'caption': 'a'}]}))",
        READY + "print(json.dumps({'id': 0, 'error': 'MemoryError'}))",
    ],
)
def test_a_process_that_fails_loses_no_query(
    worker: str, own: SpacyRoleParser, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(ahead, "WORKER", worker)
    monkeypatch.setattr(ahead, "SECONDS", 0.3)
    begun = Ahead([QUERY])
    assert begun("spacy").parse_store([QUERY]).digest() == own.parse_store([QUERY]).digest()
    assert not begun._worker.alive
    assert capfd.readouterr() == ("", "")


def test_a_long_question_to_a_process_that_does_not_read(own: SpacyRoleParser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ahead, "WORKER", READY + "time.sleep(60)")
    monkeypatch.setattr(ahead, "SECONDS", 0.3)
    long = [f"{'very ' * 150} long dog number {number} barks" for number in range(200)]  # more than a pipe holds
    assert Ahead(long)("spacy").parse_store(long[:1]).digest() == own.parse_store(long[:1]).digest()


@pytest.mark.usefixtures("without_torch")
def test_it_begins_where_it_pays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[list[str]] = []
    monkeypatch.setattr(ahead, "Ahead", begun.append)

    def begins(queries: list[str], told: Any, parser: str | None = None) -> bool:
        (tmp_path / MANIFEST).write_text(json.dumps(told))
        before = len(begun)
        parse_ahead(tmp_path, queries, parser)
        return len(begun) > before

    trained = {"provenance": {"parser": {"name": "spacy", "version": "1"}}}
    assert begins([QUERY, "agent=dog", QUERY, "a cat"], trained)
    assert begins([], {})
    assert begins([QUERY], {"parser": "neural"}, "spacy")
    assert begun == [[QUERY, "a cat"], [], [QUERY]]
    assert not begins(["agent=dog action=bark"], trained), "no sentence"
    assert not begins([QUERY], trained, "neural")
    assert not begins([QUERY], {"parser": "neural"})
    assert not begins([QUERY], {"provenance": {"parser": {"name": "neural"}}})
    assert not begins([QUERY], {"parser": "spacy:model=/tmp/evil"}), "a file names no options"
    assert not begins([QUERY], {"shards": ["shard-0"]}), "whose processes parse"
    odd: list[Any] = [[], {"provenance": 3}, {"provenance": {"parser": "x"}}, {"parser": 3}]
    assert [begins([QUERY], told) for told in odd] == [True, True, True, False]
    with monkeypatch.context() as context:
        context.setattr(os, "sched_getaffinity", lambda process: {0}, raising=False)
        assert not begins([QUERY], trained), "one core"
    sys.modules["torch"] = sys
    assert not begins([QUERY], trained), "torch is there, the parser takes no time beside it"


def test_an_index_is_asked_by_it(files: Files, capsys: pytest.CaptureFixture[str], own: SpacyRoleParser) -> None:
    """And where the model was trained with another version of the parser, that is told."""
    index = files.build()
    wanted = [result.to_dict() for result in index.search(QUERY)]
    asked: list[str] = []

    def make(name: str) -> SpacyRoleParser:
        asked.append(name)
        return own

    again = files.build("again")
    again.encoder.make = make
    assert [result.to_dict() for result in again.search(QUERY)] == wanted
    assert asked == ["spacy"]


@HAS_PROC
@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGINT])
def test_it_ends_with_who_asks(files: Files, signum: int) -> None:
    files.build()
    command = [sys.executable, "-m", "graphvtr", "search", str(files.path), "-"]  # waits for queries that never come
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    heard = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # ignored where tests run in the background
    with subprocess.Popen(command, start_new_session=True, preexec_fn=heard, **pipes) as process:
        end = time.monotonic() + 60
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        while not (its := children.read_text().split()) and time.monotonic() < end:
            time.sleep(0.01)
        assert its, "a second process has begun"
        if signum == signal.SIGKILL:
            process.kill()
        else:
            os.killpg(process.pid, signum)  # as the terminal does
        assert process.wait(60) == (-9 if signum == signal.SIGKILL else 130)
        assert process.stderr is not None
        errors = process.stderr.read()
        assert errors == ("" if signum == signal.SIGKILL else "graphvtr: stopped by SIGINT\n")
        while Path(f"/proc/{its[0]}/cmdline").exists() and time.monotonic() < end:
            time.sleep(0.01)
        assert not Path(f"/proc/{its[0]}/cmdline").exists()
