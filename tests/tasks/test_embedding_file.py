"""Embeddings of a corpus in a file: those of the model, wherever a run was stopped."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from graphvtr.cli.main import main
from graphvtr.errors import DataError
from graphvtr.nn import HGR
from graphvtr.nn.levels import LevelEmbeddings
from graphvtr.tasks import CheckpointInfo, embedding_file, encode_file, load, read_embeddings, save_checkpoint
from graphvtr.text import Vocabulary
from graphvtr.video import FeatureStore
from graphvtr.video.store.layout import Layout

CAPTIONS = ["a dog runs", "the cat sleeps", "a man sings", "a dog sleeps", "a bird"]


@pytest.fixture
def checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(embedding_file, "CHUNK", 2)
    vocabulary = Vocabulary.from_captions([caption.split() for caption in CAPTIONS])
    model = HGR(len(vocabulary), 6, hidden=8, word_dim=4)
    save_checkpoint(tmp_path / "model.ckpt", model, vocabulary, CheckpointInfo("hgr", video_dim=6))
    return tmp_path / "model.ckpt"


@pytest.fixture
def store(tmp_path: Path) -> FeatureStore:
    store = FeatureStore.create(tmp_path / "store", {"frame_x": 6}, {"features": {"name": "x"}})
    for number in range(5):
        store.add(str(number), {"frame_x": torch.randn(2 + number, 6), "frame_time": torch.arange(2.0 + number)})
    return store


def assert_close(found: LevelEmbeddings, wanted: LevelEmbeddings) -> None:
    assert list(found) == sorted(wanted)
    for name, level in wanted.items():
        torch.testing.assert_close(found[name].x, level.x)
        assert (found[name].ptr is None) == (level.ptr is None)
        assert level.ptr is None or torch.equal(found[name].ptr, level.ptr)


@torch.inference_mode()
def test_clips_and_captions(checkpoint: Path, store: FeatureStore, tmp_path: Path, capsys) -> None:
    model = load(checkpoint).eval()
    assert encode_file(checkpoint, store.path, tmp_path / "videos") == 5
    found, names = read_embeddings(tmp_path / "videos")
    assert names == store.names
    assert_close(found, model.encode_video(store.video_graphs()))
    (tmp_path / "captions.txt").write_text("\n".join(CAPTIONS))
    pytest.importorskip("spacy")
    assert main(["encode", str(checkpoint), str(tmp_path / "captions.txt"), "--out", str(tmp_path / "texts")]) == 0
    assert "5 embeddings in" in capsys.readouterr().out
    found, captions = read_embeddings(tmp_path / "texts")
    assert captions == CAPTIONS
    assert_close(found, model.encode_text(CAPTIONS))


def test_models_of_frames_read_no_regions(checkpoint: Path, tmp_path: Path, monkeypatch) -> None:
    store = FeatureStore.create(tmp_path / "regions", {"frame_x": 6, "region_x": 7}, {"features": {"name": "x"}})
    regions = {"region_x": torch.randn(4, 7), "region_box": torch.tensor([[0.0, 0.0, 0.5, 0.5]]).repeat(4, 1)}
    regions |= {"region_score": torch.ones(4), "region_frame": torch.tensor([0, 0, 1, 2])}
    for number in range(3):
        store.add(str(number), {"frame_x": torch.randn(3, 6), "frame_time": torch.arange(3.0), **regions})
    read: set[str] = set()
    real = Layout.read_into
    monkeypatch.setattr(
        Layout, "read_into", lambda self, view, key, *rest: read.add(key) or real(self, view, key, *rest)
    )
    assert encode_file(checkpoint, store.path, tmp_path / "videos") == 3
    assert read == {"frame_x", "frame_time"}
    data = bytearray(store.file_of("1").read_bytes())
    data[-3] ^= 1
    store.file_of("1").write_bytes(data)
    with pytest.raises(DataError, match=r"have changed|is damaged"):  # which only who reads all of a clip can tell
        encode_file(checkpoint, store.path, tmp_path / "again")


def test_a_stopped_run_goes_on(checkpoint: Path, store: FeatureStore, tmp_path: Path, monkeypatch) -> None:
    encode_file(checkpoint, store.path, tmp_path / "whole")
    made = embedding_file._encoder
    calls: list[list[str]] = []

    def stopped(*given: object):
        encode = made(*given)

        def work(names: list[str]):
            calls.append(list(names))
            if len(calls) == 2:
                raise KeyboardInterrupt
            return encode(names)

        return work

    monkeypatch.setattr(embedding_file, "_encoder", stopped)
    with pytest.raises(KeyboardInterrupt, match="stopped after 2 of 5 items; the same command goes on"):
        encode_file(checkpoint, store.path, tmp_path / "parts")
    assert not (tmp_path / "parts").exists()
    encode_file(checkpoint, store.path, tmp_path / "parts")
    assert calls == [["0", "1"], ["2", "3"], ["2", "3"], ["4"]]
    assert (tmp_path / "parts").read_bytes() == (tmp_path / "whole").read_bytes()
    assert not (tmp_path / "parts.partial").exists()


def test_a_changed_bit_is_noticed(checkpoint: Path, store: FeatureStore, tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "out"
    encode_file(checkpoint, store.path, path)
    whole = path.read_bytes()
    for place in (len(whole) - 5, whole.index(b"names") + 12):  # a number; a name
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(DataError, match=r"is damaged|cannot be read"):
            read_embeddings(path)
    part = tmp_path / "again.partial" / "000000000.safetensors"
    made = embedding_file.write_tensors

    def damaged(path: Path, *given: object) -> None:
        made(path, *given)
        if path == part:
            path.write_bytes(path.read_bytes()[:-1] + bytes([path.read_bytes()[-1] ^ 1]))

    monkeypatch.setattr(embedding_file, "write_tensors", damaged)
    with pytest.raises(DataError, match=r"000000000\.safetensors: is damaged: .*delete it; the same command goes on"):
        encode_file(checkpoint, store.path, tmp_path / "again")


def test_what_is_refused(checkpoint: Path, store: FeatureStore, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"workers: is 2, and one process uses all .*--engine ray"):
        encode_file(checkpoint, store.path, tmp_path / "out", workers=2)
    (tmp_path / "none.txt").write_text("\n")
    with pytest.raises(DataError, match="is empty"):
        encode_file(checkpoint, tmp_path / "none.txt", tmp_path / "out")
    (tmp_path / "out.partial").mkdir()
    (tmp_path / "out.partial" / "mine").touch()
    with pytest.raises(DataError, match="is of another format"):
        encode_file(checkpoint, store.path, tmp_path / "out")
    encode_file(checkpoint, store.path, tmp_path / "out", overwrite=True)
    (tmp_path / "killed.partial").mkdir()  # before it had a note
    (tmp_path / "killed.partial" / "note.json.1-abcd123456.partial").touch()
    encode_file(checkpoint, store.path, tmp_path / "killed")
    assert not (tmp_path / "killed.partial").exists()
    with pytest.raises(DataError, match="exists"):
        encode_file(checkpoint, store.path, tmp_path / "out")
    with pytest.raises(DataError, match=r"is no graphvtr.embeddings/1|is damaged"):
        read_embeddings(checkpoint)
