"""One way to end for every command: a line and a code, and no control character on a terminal or in a page (issue 14, 3
and 4)."""

from __future__ import annotations

import functools
import importlib
import os
import signal
import subprocess
import sys
import xml.dom.minidom
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from benchmarks.lib.hostile import checkpoint
from graphvtr.cli.main import main
from graphvtr.ending import Interrupted
from graphvtr.errors import GraphVTRError
from graphvtr.locks import output_lock
from graphvtr.video import FeatureStore
from tests.parsers import write_parser

SCENES = ["--data", "moving_scenes", "--option", "num_clips=20", "--split", "val"]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of the built-in data."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def store(tmp_path: Path) -> Path:
    found = FeatureStore.create(tmp_path / "store", {"frame_x": 4})
    found.add("clip", {"frame_x": torch.randn(3, 4), "frame_time": torch.arange(3.0)})
    return found.path


def commands(tmp_path: Path, cache: Path, store: Path) -> dict[str, Callable[[Path], list[str]]]:
    """Command -> its arguments for a place to write to."""
    model, captions, clips = checkpoint(tmp_path), tmp_path / "captions.txt", tmp_path / "clips"
    captions.write_text("a dog runs\n")
    (tmp_path / "captions.csv").write_text("video,caption,split\nclip,a dog runs,test\n")
    clips.mkdir(exist_ok=True)
    (clips / "a.mp4").write_text("no clip")
    scenes = [*SCENES, "--root", str(cache)]
    folder = ["--data", "folder", "--root", str(tmp_path), "--store", str(store), "--cache", str(cache)]
    return {
        "extract": lambda out: ["extract", str(clips), "--overwrite", "--out", str(out)],
        "parse": lambda out: ["parse", str(captions), "--out", str(out), "--no-progress"],
        "export": lambda out: ["export", str(model), "--out", str(out)],
        "perturb": lambda out: ["perturb", *scenes, "--out", str(out)],
        "convert --to": lambda out: ["store", "convert", str(store), str(out), "--to", "npz"],
        "plot": lambda out: ["plot", "role-graph", "a dog runs", "--out", f"{out}.svg"],
        "train": lambda out: ["train", "hgr", "--data", "moving_scenes", "--root", str(cache), "--out", str(out)],
        "index": lambda out: ["index", str(model), str(store), "--out", str(out)],
        "encode": lambda out: ["encode", str(model), str(captions), "--out", f"{out}.safetensors"],
        "eval": lambda out: ["eval", str(model), *folder, "--samples", "2", "--save-scores", f"{out}.npz"],
        "scenes --render": lambda out: ["scenes", "--num-clips", "20", "--cache", str(cache), "--render", str(out)],
        "scenes --sheet": lambda out: ["scenes", "--num-clips", "20", "--cache", str(cache), "--sheet", f"{out}.png"],
        "demo": lambda out: ["demo", "--model", "hgr", "--out", str(out), "--clips", "20", "--no-progress"],
    }


ONCE, ON = "nothing was written; run it again", "the same command goes on"
STOPPED = {
    "extract": ("graphvtr.video.extract", "run_tasks", f"after 0 of 1 clips; {ON}"),
    "parse": ("graphvtr.text.parse_file", "pool_of", f"after 0 of 1 captions; {ON}"),
    "export": ("graphvtr.tasks.checkpoint", "load", f"by SIGINT; {ONCE}"),
    "perturb": ("graphvtr.datasets", "build_dataset", f"by SIGINT; {ONCE}"),
    "convert --to": ("graphvtr.video.store.feature_store", "FeatureStore.read", f"by SIGINT; {ONCE}"),
    "plot": ("graphvtr.text", "get_parser", f"by SIGINT; {ONCE}"),
    "train": ("graphvtr.tasks.config", "build_dataset", "by SIGINT; go on with --resume, or run it again"),
    "index": ("graphvtr.search.index.build", "add_clips", f"by SIGINT; {ON}"),
    "encode": ("graphvtr.tasks.embedding_file", "_encoder", f"after 0 of 1 items; {ON}"),
    "eval": ("graphvtr.tasks.evaluate", "evaluate_checkpoint", f"by SIGINT; {ONCE}"),
    "scenes --render": ("graphvtr.datasets.moving_scenes", "MovingScenes", f"by SIGINT; {ON}"),
    "demo": ("graphvtr.tasks.config", "train", f"by SIGINT; {ON}"),
}
"""Command -> module and function that Ctrl-C comes in, and what is said then."""
NAMES = (*STOPPED, "scenes --sheet")


@pytest.mark.parametrize("name", NAMES)
def test_what_the_system_refuses_is_a_line(
    name: str, tmp_path: Path, cache: Path, store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    code = main(commands(tmp_path, cache, store)[name](tmp_path / "file" / "out"))
    lines = [line for line in capsys.readouterr().err.splitlines() if "error" in line]
    assert code == 2
    assert len(lines) == 1
    assert lines[0].startswith("graphvtr: error: ")
    assert str(tmp_path / "file") in lines[0]


@pytest.mark.parametrize("name", [name for name in NAMES if name != "scenes --sheet"])
def test_a_second_writer_is_refused(
    name: str, tmp_path: Path, cache: Path, store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = commands(tmp_path, cache, store)[name](tmp_path / "out")
    flag = next((flag for flag in ("--out", "--save-scores", "--render") if flag in arguments), None)
    out = tmp_path / "out" if flag is None else Path(arguments[arguments.index(flag) + 1])
    folder = name in ("extract", "export", "train", "demo", "index", "scenes --render")
    with ThreadPoolExecutor(1) as other:  # a lock is held by a thread of its own, as by a process
        lock = output_lock(out, folder=folder)
        other.submit(lock.__enter__).result()
        try:
            assert main(arguments) == 2
            assert f"another run writes here (pid {os.getpid()}, since" in capsys.readouterr().err
        finally:
            other.submit(lock.__exit__, None, None, None).result()
    assert not out.exists()


@pytest.mark.parametrize("name", STOPPED)
def test_who_interrupts_is_told_how_to_go_on(
    name: str,
    tmp_path: Path,
    cache: Path,
    store: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def stop(*args: object, **kwargs: object) -> None:
        raise KeyboardInterrupt

    arguments = commands(tmp_path, cache, store)[name](tmp_path / "out")
    module, function, said = STOPPED[name]
    *owner, last = function.split(".")
    monkeypatch.setattr(functools.reduce(getattr, owner, importlib.import_module(module)), last, stop)
    assert main(arguments) == 130
    assert capsys.readouterr().err.splitlines()[-1] == f"graphvtr: stopped {said}"


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_stops_a_command_and_says_how_to_go_on(
    tmp_path: Path, signum: int, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """One from outside: tests/cli/test_train.py, tests/test_ending.py."""
    parser, run = tmp_path / "parser.py", tmp_path / "run"
    captions, out = run / "captions.txt", run / "out.jsonl"
    run.mkdir()
    captions.write_text("".join(f"dog {number} barks\n" for number in range(1200)))
    name = write_parser(parser, "stopped", f'if caption == "dog 700 barks": signal.raise_signal({int(signum)})')
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where the tests run in the background
    command = ["parse", str(captions), "--parser", name, "--out", str(out), "--no-progress"]
    assert main(command) == code
    err = capsys.readouterr().err
    assert err.splitlines()[-1] == "graphvtr: stopped after 512 of 1,200 captions; the same command goes on"
    assert "Traceback" not in err
    assert {path.name for path in run.iterdir()} == {"captions.txt", "out.jsonl.partial", "out.jsonl.partial.json"}
    assert (run / "out.jsonl.partial").read_bytes().count(b"\n") == 512


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (OSError(28, "No space left", "/data/x"), 2, "error: /data/x: cannot be used (No space left) (make room"),
        (MemoryError(), 2, "error: memory: is not enough"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), 2, "error: memory: is not enough"),
        (Interrupted(signal.SIGTERM, "after 1 of 2 clips", "go on"), 143, "stopped after 1 of 2 clips; go on"),
        (KeyboardInterrupt(), 130, "stopped by SIGINT"),
        (GraphVTRError("one\nline \x1b[31m"), 2, "error: one line \\x1b[31m"),
    ],
)
def test_whatever_stops_a_command_is_one_line(
    error: BaseException, code: int, line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from graphvtr.cli import info

    def fail(args: object) -> int:
        raise error

    monkeypatch.setattr(info, "run", fail)
    assert main(["info"]) == code
    err = capsys.readouterr().err
    assert err.startswith(f"graphvtr: {line}")
    assert err.count("\n") == 1


def test_captions_do_not_reach_the_terminal_raw(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["parse", "a dog \x1b[31m barks \x07 \u202e"]) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "\x07" not in out
    assert "\\x1b[31" in out


@pytest.mark.parametrize("ending", ["svg", "html"])
def test_pictures_and_pages_hold_no_control_characters(ending: str, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    path = tmp_path / f"graph.{ending}"
    assert main(["plot", "role-graph", "a dog\x08 <barks>\x1b[31m", "--out", str(path)]) == 0
    text = path.read_text(encoding="utf-8")
    assert not any(ord(char) < 32 and char not in "\t\n\r" for char in text)
    if ending == "svg":
        xml.dom.minidom.parseString(text)


@pytest.mark.skipif(os.name != "posix", reason="a file system of size 0")
def test_output_that_cannot_be_written_is_an_error() -> None:
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-m", "graphvtr", "train", "vse", "--help"]  # prints without importing torch
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("graphvtr: error: standard output: cannot be written (No space left on device)")
    assert "Exception ignored" not in done.stderr
