from __future__ import annotations

import errno
import json
import os
import subprocess
import sys

import numpy as np
import pytest
from safetensors import safe_open

from graphvtr.errors import DataError
from graphvtr.video.store.files import (
    ClipEntry,
    StoreWriteError,
    differences,
    locked,
    loose_file_name,
    open_clips,
    shard_file_name,
    write_clips,
    write_store_file,
)


def entry(name: str) -> ClipEntry:
    return ClipEntry(name, {"frame_x": [2, 3]}, 7, {"file": f"{name}.mp4"}, "a note")


def pieces(arrays):
    return lambda key: [row.tobytes() for row in arrays[key]]


def test_clips_come_back(tmp_path):
    arrays = {name: {"frame_x": np.random.default_rng(0).random((2, 3)).astype(np.float16)} for name in "ab"}
    write_clips(tmp_path / "f", [(entry(name), pieces(arrays[name])) for name in "ab"])
    file, entries = open_clips(tmp_path / "f")
    assert entries == [entry("a"), entry("b")]
    np.testing.assert_array_equal(file.get_tensor("b/frame_x"), arrays["b"]["frame_x"])
    assert entries[0].num_bytes == 12
    with safe_open(tmp_path / "f", framework="np") as plain:  # any safetensors reader can open it
        assert sorted(plain.keys()) == ["a/frame_x", "b/frame_x"]


@pytest.mark.parametrize("damage", ["truncated", "empty", "other format", "no entries", "text"])
def test_damaged_files_are_refused(tmp_path, damage):
    from safetensors.numpy import save

    path = tmp_path / "f"
    write_clips(path, [(entry("a"), pieces({"frame_x": np.zeros((2, 3), np.float16)}))])
    content = {
        "truncated": path.read_bytes()[:-1],
        "empty": b"",
        "other format": save({"x": np.zeros(1)}, {"format": "pt"}),
        "no entries": save({"x": np.zeros(1)}, {"format": "graphvtr.FeatureStore/1"}),
        "text": b"hello " * 100,
    }[damage]
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"is damaged|is not a graphvtr.FeatureStore/1 file"):
        open_clips(path)


def test_a_file_that_is_gone_is_told_apart(tmp_path):
    with pytest.raises(FileNotFoundError):
        open_clips(tmp_path / "none")


def test_file_names_are_safe_and_different():
    names = ["a", "A", "a/b", "a_b", "../../etc/passwd", "x" * 500, "Ünïcode", ".hidden", "a b", "a  b"]
    files = [loose_file_name(name) for name in names]
    assert len({file.lower() for file in files}) == len(names)
    assert all("/" not in file and not file.startswith(".") and len(file) < 100 for file in files)
    assert shard_file_name(3) != shard_file_name(3)
    assert sorted([shard_file_name(10), shard_file_name(9)])[0].startswith("shard-000009")


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_failed_write_leaves_what_was_there(tmp_path, monkeypatch, step):
    path = tmp_path / "f"
    write_store_file(path, b"old")

    def fail(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, step, fail) if step == "fsync" else monkeypatch.setattr("pathlib.Path.replace", fail)
    with pytest.raises(StoreWriteError, match=r"No space left on device.*finished clips are kept"):
        write_store_file(path, b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["f"]


def test_a_folder_that_cannot_be_made_is_reported(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StoreWriteError):
        write_store_file(tmp_path / "file" / "f", b"x")


TRY = """
import fcntl, sys
with open(sys.argv[1], "ab") as file:
    try:
        fcntl.flock(file, (fcntl.LOCK_EX if sys.argv[2] == "True" else fcntl.LOCK_SH) | fcntl.LOCK_NB)
        print("got it")
    except BlockingIOError:
        print("busy")
"""


def _try_lock(path, exclusive):
    command = [sys.executable, "-c", TRY, str(path / ".lock"), str(exclusive)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.parametrize(
    ("held", "wanted", "outcome"), [(False, False, "got it"), (False, True, "busy"), (True, False, "busy")]
)
def test_adding_is_shared_and_packing_alone(tmp_path, held, wanted, outcome):
    with locked(tmp_path, exclusive=held):
        assert _try_lock(tmp_path, wanted) == outcome
    assert _try_lock(tmp_path, True) == "got it"


def test_differences_name_every_leaf():
    stored = {"a": 1, "deep": {"b": [1, 2], "same": None}, "only here": 1}
    wanted = {"a": 2, "deep": {"b": [1, 3], "same": None}, "only there": {"c": 1}}
    assert differences(stored, wanted) == [
        "a is 1 in the store and 2 now",
        "deep.b is [1, 2] in the store and [1, 3] now",
        "only here is 1 in the store and not set now",
        "only there is not set in the store and {'c': 1} now",
    ]
    assert differences(stored, json.loads(json.dumps(stored))) == []
