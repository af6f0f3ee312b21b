"""Clips that appear in a folder."""

from __future__ import annotations

import os
import shutil
import signal
import time
from pathlib import Path

import pytest
import torch

from graphvtr.cli.main import main
from graphvtr.errors import DataError
from graphvtr.nn import HGR
from graphvtr.search import Index, build_index
from graphvtr.search.watch import Watcher
from graphvtr.text import Vocabulary
from graphvtr.video import FeatureStore, PixelDescriptor, extract
from tests.processes import Command

av = pytest.importorskip("av")


def film(path: Path, shade: int) -> None:
    with av.open(str(path), "w") as out:
        stream = out.add_stream("mpeg4", rate=4)
        stream.width = stream.height = 32
        for _ in range(4):
            frame = av.VideoFrame.from_ndarray(
                torch.full((32, 32, 3), shade, dtype=torch.uint8).numpy(), format="rgb24"
            )
            for packet in stream.encode(frame):
                out.mux(packet)
        for packet in stream.encode(None):
            out.mux(packet)


def made(folder: Path, media: Path | None) -> Index:
    """An index of the film ``folder / clips / one.mp4``."""
    clips = folder / "clips"
    clips.mkdir()
    film(clips / "one.mp4", 10)
    extract(clips, folder / "store", PixelDescriptor(), num_frames=3, progress=False)
    store = FeatureStore.open(folder / "store")
    words = Vocabulary.from_captions([["a", "dog"]])
    model = HGR(len(words), store.widths["frame_x"], hidden=8, word_dim=4)
    model.vocabulary = words
    build_index(model, store, folder / "index", media=media, metadata={"one": {"tags": ["kept"]}})
    return Index.open(folder / "index")


def test_an_index_without_a_folder_is_told_this_one_before_it_is_there(tmp_path: Path) -> None:
    index = made(tmp_path, None)
    assert index.file_of("one") is None
    later = tmp_path / "later"
    watcher = Watcher(later, index, settled=0)
    assert index.manifest.media == str(later)
    assert watcher.look().added == []
    later.mkdir()
    film(later / "two.mp4", 90)
    assert watcher.look().added == ["two"]
    assert index.file_of("two") == later / "two.mp4"


def test_files_of_another_folder_are_found_and_not_shown(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    index = made(tmp_path, tmp_path / "clips")
    inside, outside = tmp_path / "clips" / "new", tmp_path / "other"
    for place, name in ((inside, "two"), (outside, "three"), (tmp_path / "clips", "three")):
        place.mkdir(exist_ok=True)
        film(place / f"{name}.mp4", len(name) * 30)
    assert Watcher(inside, index, settled=0).look().added == ["two"]
    assert index.file_of("two") == inside / "two.mp4"
    hidden = tmp_path / "clips" / "..more"  # within, though its name begins with the two dots that lead out
    hidden.mkdir()
    film(hidden / "four.mp4", 40)
    assert Watcher(hidden, index, settled=0).look().added == ["four"]
    assert index.file_of("four") == hidden / "four.mp4"
    assert not caplog.messages
    assert Watcher(outside, index, settled=0).look().added == ["three"]
    assert "is not in" in caplog.text
    assert index.file_of("three") is None, "not the one of that name among the index's clips"
    assert main(["search", str(index.path), "a dog", "--alone"]) == 0
    printed = capsys.readouterr().out
    assert f"      {outside}/three.mp4\n" in printed
    (outside / "three.mp4").unlink()
    assert main(["search", str(index.path), "a dog", "--alone"]) == 0
    assert "      ../other/three.mp4\n" in capsys.readouterr().out


def test_new_changed_broken_and_gone(tmp_path: Path) -> None:
    clips = tmp_path / "clips"
    index = made(tmp_path, clips)
    watcher = Watcher(clips, index, delete=True, settled=0)
    watcher.look()
    assert watcher.look().added == []
    assert Index.open(tmp_path / "index").item("one").tags == ["kept"]  # a store knows no tags
    film(clips / "two.mp4", 90)
    (clips / "broken.mp4").write_bytes(b"no film")
    assert watcher.look().added == ["two"]
    assert list(watcher.failures) == ["broken"]
    assert watcher.look().added == []  # told once
    film(clips / "two.mp4", 200)
    assert watcher.look().replaced == ["two"]
    (clips / "one.mp4").unlink()
    assert watcher.look().deleted == ["one"]
    assert Index.open(tmp_path / "index").names == ["two"]
    shutil.rmtree(clips)  # a disk that is not there for a moment
    assert watcher.look().deleted == []
    clips.mkdir()
    film(clips / "late.mp4", 30)
    assert Watcher(clips, Index.open(tmp_path / "index")).look().added == []  # perhaps still being copied
    told: list[list[str]] = []
    watcher.delete = False
    watcher.run(0.01, lambda change: told.append(change.added), rounds=2)
    assert told == [["late"]]
    with pytest.raises(DataError, match="every: is 0"):
        watcher.run(0)

    for name, changed in (("old", 0), ("ahead", time.time() + 3600)):  # as archives and other machines' clocks have it
        film(clips / f"{name}.mp4", 60)
        os.utime(clips / f"{name}.mp4", (changed, changed))
    with Command("watch", clips, "--index", tmp_path / "index", "--every", 0.1) as process:
        end = time.monotonic() + 60
        while not {"old", "ahead"} <= set(Index.open(tmp_path / "index").names):
            assert process.poll() is None
            assert time.monotonic() < end
            time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(60)
        assert process.poll() == 143
    assert set(out.split()) == {"added", "old", "ahead"}
    assert Index.open(tmp_path / "index").verify() == {}
