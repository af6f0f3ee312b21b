"""Files that appear only once they are whole."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from graphvtr.atomic import whole, write_tensors, write_whole
from graphvtr.errors import DataError
from graphvtr.tasks.checkpoint import write_file
from graphvtr.text.json_file import write_json
from graphvtr.video.store import StoreWriteError


def _fail(_: object) -> None:
    raise ZeroDivisionError


def test_the_old_content_stays_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "words.txt"
    write_whole(path, "old")
    with whole(path) as partial:
        partial.write_text("new")
        assert path.read_text() == "old"
        assert partial.parent == path.parent
    assert path.read_text() == "new"
    with pytest.raises(ZeroDivisionError), whole(path) as partial:
        _fail(partial.write_text("half"))
    assert path.read_text() == "new"
    assert [file.name for file in path.parent.iterdir()] == ["words.txt"]


def test_text_is_utf8_and_writers_do_not_meet(tmp_path: Path) -> None:
    write_whole(tmp_path / "a", "naïve 犬")
    assert (tmp_path / "a").read_bytes().decode() == "naïve 犬"
    with whole(tmp_path / "a") as one, whole(tmp_path / "a") as other:
        one.write_text("one")
        other.write_text("other")
    assert (tmp_path / "a").read_text() == "one", "whose writing ends last"


def test_folders(tmp_path: Path) -> None:
    with whole(tmp_path / "folder") as partial:
        partial.mkdir()
        (partial / "file").touch()
    assert (tmp_path / "folder" / "file").is_file()
    with pytest.raises(ZeroDivisionError), whole(tmp_path / "other") as partial:
        _fail(partial.mkdir())
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


WRITERS = {
    "bytes": lambda path: write_whole(path, b"x" * 10_000),
    "json": lambda path: write_json(path, list(range(10_000))),
    "tensors": lambda path: write_tensors(path, {"x": torch.randn(10_000)}),
    "torch": lambda path: write_file(path, {"x": torch.randn(10_000)}),
    "many tensors": lambda path: write_file(path, {str(i): torch.randn(100) for i in range(100)}),
}


@pytest.mark.parametrize("kind", WRITERS)
def test_a_full_disk_is_named_and_loses_nothing(
    kind: str, tmp_path: Path, full_disk: Callable[[int], AbstractContextManager[None]]
) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    with full_disk(2_000), pytest.raises(DataError, match=r"file: cannot be written .*make room"):
        WRITERS[kind](path)
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["file"]
    WRITERS[kind](path)
    assert path.stat().st_size > 2_000


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreWriteError, match=r"words\.txt: cannot be written \(.*\) \(elsewhere\)"):
        write_whole(tmp_path / "file" / "words.txt", "", error=StoreWriteError, fix="elsewhere")


def test_tensors_keep_the_modes_of_other_files(tmp_path: Path) -> None:
    write_tensors(tmp_path / "a", {"x": torch.arange(3)}, {"format": "test"})
    assert load_file(tmp_path / "a")["x"].tolist() == [0, 1, 2]
    (tmp_path / "b").touch()
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "b").stat().st_mode


def test_a_killed_writer_leaves_the_old_content(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    code = f"""
import os, signal
from graphvtr.atomic import whole
with whole({str(path)!r}) as partial:
    partial.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    ended = subprocess.run([sys.executable, "-c", code], env={**os.environ, "OMP_NUM_THREADS": "1"}, check=False)
    assert ended.returncode == -signal.SIGKILL
    assert path.read_text() == "old"
    assert sorted(name.suffix for name in tmp_path.iterdir()) == ["", ".partial"]
