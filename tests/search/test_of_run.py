"""A run is searched by its folder: its index is made once, and again when what it was made of has changed."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
import torch

from graphvtr.cli.main import main
from graphvtr.errors import DataError
from graphvtr.search import Index
from graphvtr.search.of_run import index_of, is_run
from graphvtr.tasks.checkpoint import CheckpointInfo, save_checkpoint
from graphvtr.video import FeatureStore
from tests.search.conftest import QUERY, SENTENCES, WIDTH, Files

pytest.importorskip("faiss")
pytest.importorskip("yaml")
pytest.importorskip("spacy")


@pytest.fixture
def run(files: Files) -> Path:
    """A run on a folder of clips that are files, with captions."""
    run, clips = files.folder / "run", files.folder / "clips"
    run.mkdir()
    clips.mkdir()
    store = FeatureStore.create(files.folder / "of files", {"frame_x": WIDTH}, {"frames": {"num_frames": 4}})
    for number, name in enumerate(("a", "b", "c")):
        (clips / f"{name}.mp4").write_bytes(b"film")
        fields = {"frame_x": torch.randn(3, WIDTH), "frame_time": torch.arange(3) + 0.5}
        store.add(name, fields, source={"file": f"{name}.mp4", "bytes": number})
    rows = [f'{name}.mp4,"{sentence}"' for name, sentence in zip("abc", SENTENCES, strict=True)]
    (clips / "captions.csv").write_text("\n".join(["video,caption", *rows]) + "\n")
    shutil.copy2(files.checkpoint, run / "best.ckpt")
    (run / "config.yaml").write_text(f"data: folder\nroot: {clips}\nstore: {store.path}\nepochs: 3\n")
    return run


def later(path: Path) -> None:
    """As if written after everything that is there."""
    os.utime(path, ns=(status := path.stat().st_mtime_ns + 10**9, status))


def test_the_index_of_a_run(run: Path, files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    assert is_run(run)
    assert not is_run(files.folder)
    with pytest.raises(DataError, match="is not an index"):
        index_of(files.folder)
    assert main(["search", str(run), QUERY]) == 0
    said = capsys.readouterr().out
    assert said.count(".mp4") == 3, said
    index = Index.open(run / "index")
    assert index_of(index.path) == index.path
    assert sorted(index.names) == ["a", "b", "c"]
    assert index.item("b").captions == [SENTENCES[1]]
    assert index.file_of("b") == (files.folder / "clips" / "b.mp4").resolve()


def test_it_is_made_once(run: Path) -> None:
    manifest = index_of(run) / "manifest.json"
    before = manifest.read_text()
    assert index_of(run) == manifest.parent
    assert manifest.read_text() == before


def test_new_and_removed_clips(run: Path, files: Files) -> None:
    index_of(run)
    store = FeatureStore.open(files.folder / "of files")
    store.add("d", {"frame_x": torch.randn(2, WIDTH), "frame_time": torch.arange(2) + 0.5})
    store.remove(["a"])
    later(store.path / "clips")
    assert sorted(Index.open(index_of(run)).names) == ["b", "c", "d"]


def test_a_model_that_was_trained_on(run: Path, files: Files) -> None:
    first = Index.open(index_of(run)).manifest.model_digest
    for weight in files.model.parameters():
        torch.nn.init.normal_(weight)
    info = CheckpointInfo("hgr", video_dim=WIDTH)
    save_checkpoint(run / "best.ckpt", files.model, files.vocabulary, info)
    later(run / "best.ckpt")
    index = Index.open(index_of(run))
    assert index.manifest.model_digest != first
    assert len(index) == 3


def test_captions_that_were_added(run: Path, files: Files) -> None:
    index_of(run)
    captions = files.folder / "clips" / "captions.csv"
    captions.write_text(captions.read_text() + "c.mp4,a dog sings\n")
    later(captions)
    assert Index.open(index_of(run)).item("c").captions == [SENTENCES[2], "a dog sings"]


def test_another_store(run: Path, files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["search", str(run), "--store", str(files.store.path), QUERY, "--top", "20"]) == 0
    assert capsys.readouterr().out.count("clip ") == len(files.store)


def test_a_store_that_is_older_than_the_index(run: Path, files: Files) -> None:
    index_of(run)
    for path in (files.store.path, *files.store.path.rglob("*")):
        os.utime(path, ns=(10**9, 10**9))
    assert sorted(Index.open(index_of(run, files.store.path)).names) == sorted(files.store.names)
    assert sorted(Index.open(index_of(run)).names) == ["a", "b", "c"]


def test_what_a_run_may_lack(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = run / "config.yaml"
    config.write_text("data: moving_scenes\nstore: null\n")
    with pytest.raises(DataError, match="was not trained on a feature store"):
        index_of(run)
    config.write_text("data: folder\nstore: gone/features\n")
    with pytest.raises(DataError, match=r"gone/features: is not there, the feature store of .*run"):
        index_of(run)
    config.write_text("store: [1]\n")
    with pytest.raises(DataError, match=r"config\.yaml: store: is a list"):
        index_of(run)
    assert main(["search", str(run / "elsewhere"), "--store", "features", QUERY]) == 2
    assert "needs --zero-shot and --store together" in capsys.readouterr().err
