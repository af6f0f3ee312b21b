"""Building an index: what does not go together is named."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from graphvtr.errors import DataError
from graphvtr.nn import HGR
from graphvtr.search import Index, build_index, verify
from graphvtr.search.index.manifest import read_manifest
from graphvtr.video import FeatureStore
from tests.search.conftest import QUERY, WIDTH, Files


def test_another_model_needs_overwrite(files: Files) -> None:
    files.build()
    other = HGR(len(files.vocabulary), WIDTH, hidden=8, word_dim=4)
    other.vocabulary = files.vocabulary
    with pytest.raises(DataError, match="another model"):
        build_index(other, files.store, files.path)
    assert len(build_index(other, files.store, files.path, overwrite=True).added) == 7
    assert verify(files.path) == {}


@pytest.mark.parametrize("shards", [0, 2])
def test_what_an_index_is_told_anew_counts(files: Files, tmp_path: Path, shards: int) -> None:
    """A second run with the folder of the video files, a parser or a kind; one without them takes nothing back."""
    path = tmp_path / "index"
    for media, parser, kind in ((None, None, "auto"), (tmp_path, "neural", "hnsw"), (None, None, "auto")):
        build_index(files.checkpoint, files.store, path, media=media, parser=parser, kind=kind, shards=shards)
    for folder in (path, *path.glob("shard-*")):
        manifest = read_manifest(folder)
        assert (manifest.media, manifest.parser, manifest.kind) == (str(tmp_path), "neural", "hnsw")
    generation = read_manifest(path).generation
    build_index(files.checkpoint, files.store, path, media=tmp_path, shards=shards)
    assert read_manifest(path).generation == generation, "nothing new"


def test_what_killed_runs_left_is_in_nobody_s_way(files: Files, tmp_path: Path) -> None:
    files.path.mkdir()
    left = [files.path / f"{name}.1-abcd123456.partial" for name in ("manifest.json", "model")]  # of another machine
    for _ in range(2):
        left[0].touch()
        left[1].mkdir()
        assert len(files.build()) == 7
        assert not any(path.exists() for path in left)
    (tmp_path / "sharded" / "shard-000").mkdir(parents=True)
    assert len(build_index(files.checkpoint, files.store, tmp_path / "sharded", shards=2).added) == 7


def test_what_is_wrong_is_named(files: Files, tmp_path: Path) -> None:
    wide = FeatureStore.create(tmp_path / "wide", {"frame_x": WIDTH + 1})
    wide.add("clip", {"frame_x": torch.zeros(1, WIDTH + 1), "frame_time": torch.zeros(1)})
    empty = FeatureStore.create(tmp_path / "empty", {"frame_x": WIDTH})
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("years of work")
    cases = [
        (lambda: build_index(files.checkpoint, wide, tmp_path / "a"), f"is {WIDTH + 1} wide"),
        (lambda: build_index(files.checkpoint, empty, tmp_path / "a"), "has no clips"),
        (lambda: build_index(files.checkpoint, tmp_path / "absent", tmp_path / "a"), "is not a feature store"),
        (lambda: build_index(tmp_path / "none.ckpt", files.store, tmp_path / "a"), "no such file"),
        (lambda: build_index(files.checkpoint, files.store, tmp_path / "full"), "holds something else"),
        (lambda: build_index(files.checkpoint, files.store, tmp_path / "a", kind="tree"), "kind 'tree': is unknown"),
        (lambda: build_index(files.checkpoint, files.store, tmp_path / "a", media=tmp_path / "b"), "is not a folder"),
        (lambda: build_index(files.checkpoint, files.store, tmp_path / "a", shards=-1), "shards: is -1"),
    ]
    for build, problem in cases:
        with pytest.raises(DataError, match=problem):
            build()
    assert (tmp_path / "full" / "thesis.txt").read_text() == "years of work"


def test_no_changed_bit_of_the_manifest_is_missed(files: Files) -> None:
    index = files.build()
    index.delete(files.store.names[1:3])
    path = files.path / "manifest.json"
    whole = path.read_bytes()
    key = whole.index(b'"crc32"')  # without it this is one of older versions, of the same content
    for place in [place for place in range(0, len(whole), 5) if not key <= place < key + 7]:
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << place % 7]) + whole[place + 1 :])
        with pytest.raises(DataError, match=r"manifest\.json"):
            read_manifest(files.path)
    path.write_bytes(whole.replace(b'"crc32"', b'"CRC32"'))
    assert read_manifest(files.path).segments[0].deleted == [1, 2]


@pytest.mark.parametrize("what", ["manifest", "array", "missing", "model", "keys"])
def test_damage_is_found(files: Files, what: str) -> None:
    index = files.build()
    segment = index.segments[0].folder
    if what == "manifest":
        (files.path / "manifest.json").write_text('{"format": "graphvtr.Index/1", "segments": [{"name": "../.."}]}')
        with pytest.raises(DataError, match=r"manifest\.json"):
            Index.open(files.path)
        return
    target = {
        "array": segment / "video" / "event.npy",
        "missing": segment / "time.npy",
        "model": files.path / "model" / "model.safetensors",
        "keys": segment / "video" / "keys.faiss",
    }[what]
    if what == "missing":
        target.unlink()
    else:
        content = bytearray(target.read_bytes())
        content[-1] ^= 255
        target.write_bytes(content if what != "keys" else content[: len(content) // 2])
    wrong = verify(files.path)
    name = target.name if what != "model" else "model"
    assert any(name in found for found in wrong)
    if what in ("missing", "keys"):
        with pytest.raises(DataError):
            Index.open(files.path)


def test_an_index_says_what_it_is(files: Files) -> None:
    from graphvtr.search.opening import describe_index, open_index

    index = files.build()
    index.delete(["clip 1"])
    told = describe_index(files.path)
    assert (told["clips"], told["captions"], told["deleted"], told["model"]) == (6, 6, 1, "hgr")
    assert told["bytes"] > 1000
    assert repr(open_index(files.path)) == f"Index('{files.path}', 6 clips, hgr)"
    assert len(open_index(files.path).search(QUERY)) == 6
