"""One way to end for every command: a line and a code, and no control character on a terminal or in a page (issue 14, 3
and 4)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import xml.dom.minidom
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from benchmarks.lib.hostile import checkpoint
from graphvtr.cli.main import main
from graphvtr.ending import Interrupted
from graphvtr.errors import GraphVTRError
from graphvtr.locks import output_lock
from graphvtr.video import FeatureStore

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
    model, captions = checkpoint(tmp_path), tmp_path / "captions.txt"
    captions.write_text("a dog runs\n")
    scenes = [*SCENES, "--root", str(cache)]
    return {
        "parse": lambda out: ["parse", str(captions), "--out", str(out), "--no-progress"],
        "export": lambda out: ["export", str(model), "--out", str(out)],
        "perturb": lambda out: ["perturb", *scenes, "--out", str(out)],
        "convert --to": lambda out: ["store", "convert", str(store), str(out), "--to", "npz"],
        "plot": lambda out: ["plot", "role-graph", "a dog runs", "--out", f"{out}.svg"],
        "train": lambda out: ["train", "hgr", "--data", "moving_scenes", "--root", str(cache), "--out", str(out)],
        "scenes --sheet": lambda out: ["scenes", "--num-clips", "20", "--cache", str(cache), "--sheet", f"{out}.png"],
        "demo": lambda out: ["demo", "--out", str(out), "--clips", "20", "--no-progress"],
    }


NAMES = ("parse", "export", "perturb", "convert --to", "plot", "train", "scenes --sheet", "demo")


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
    out = Path(arguments[arguments.index("--out") + 1]) if "--out" in arguments else tmp_path / "out"
    folder = name in ("export", "train", "demo")
    code = (
        f"import sys, time; from graphvtr.locks import output_lock\nwith output_lock({str(out)!r}, folder={folder}):\n"
    )
    code += "    print('held', flush=True); time.sleep(120)"
    other = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    try:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        assert main(arguments) == 2
        assert f"another run writes here (pid {other.pid}, since" in capsys.readouterr().err
    finally:
        other.kill()
        other.wait()
        other.stdout.close()
    with output_lock(out, folder=folder):
        pass  # a dead one's place is taken


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_stops_a_command_and_says_how_to_go_on(tmp_path: Path, signum: int, code: int) -> None:
    captions = tmp_path / "captions.txt"
    captions.write_text("".join(f"a man cuts {i} apples and a woman throws a ball\n" for i in range(200_000)))
    command = [sys.executable, "-m", "graphvtr", "parse", str(captions), "--out", str(tmp_path / "out.jsonl")]
    process = subprocess.Popen([*command, "--no-progress"], stderr=subprocess.PIPE, text=True)
    partial = tmp_path / "out.jsonl.partial"
    while not partial.exists() or not partial.stat().st_size:
        time.sleep(0.05)
        assert process.poll() is None
    process.send_signal(signum)
    _, err = process.communicate(timeout=120)
    assert process.returncode == code
    assert err.splitlines()[-1].startswith("graphvtr: stopped after ")
    assert err.splitlines()[-1].endswith("of 200,000 captions; the same command goes on")
    assert "Traceback" not in err
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "captions.txt", "out.jsonl.partial", "out.jsonl.partial.json"
    ]  # fmt: skip


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
        command = [sys.executable, "-m", "graphvtr", "info", "vse", "--json"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("graphvtr: error: standard output: cannot be written (No space left on device)")
    assert "Exception ignored" not in done.stderr
