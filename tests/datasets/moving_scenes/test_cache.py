from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from graphvtr.datasets.moving_scenes import cache
from graphvtr.datasets.moving_scenes.cache import Settings, load_or_make, read_split
from graphvtr.errors import DataError
from graphvtr.video import FEATURIZERS

SMALL = Settings(num_clips=20)


def make(root: Path, settings: Settings = SMALL, split: str = "val") -> cache.SplitFiles:
    return load_or_make(settings, split, root, workers=0, progress=False)


def folder_of(root: Path) -> Path:
    (folder,) = (root / "moving_scenes").iterdir()
    return folder


def content(path: Path) -> object:
    """What a file holds; a graph store's header may list its entries in any order."""
    if path.name == "manifest.json":  # but for checksums: safetensors write their metadata in any order
        return {name: value for name, value in json.loads(path.read_text()).items() if name != "crc32"}
    if path.suffix != ".safetensors":
        return path.read_bytes()
    with safe_open(path, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  no mapping
        return file.metadata(), {name: (str(t.dtype), t.shape, t.numpy().tobytes()) for name, t in tensors.items()}


def refuse(*args: object, **kwargs: object) -> None:
    raise AssertionError("clips were made again")


def test_second_time_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = make(tmp_path)
    monkeypatch.setattr(cache, "write_split", refuse)
    second = make(tmp_path)
    assert first.clips == second.clips
    assert first.negatives == second.negatives
    for one, other in zip(first.video_graphs, second.video_graphs, strict=True):
        assert torch.equal(one["frame"].x, other["frame"].x)
        assert torch.equal(one["region"].x, other["region"].x)
    assert [g.caption for g in first.role_graphs] == [g.caption for g in second.role_graphs]


def test_same_settings_same_content(tmp_path: Path) -> None:
    make(tmp_path / "one")
    make(tmp_path / "two")
    one, two = folder_of(tmp_path / "one"), folder_of(tmp_path / "two")
    assert one.name == two.name
    names = {path.name for path in one.iterdir()}
    assert names == {
        "manifest.json",
        "clips.jsonl",
        "negatives.jsonl",
        "video_graphs.safetensors",
        "role_graphs.safetensors",
        "negative_graphs.safetensors",
    }
    for name in names:
        assert content(one / name) == content(two / name), name


@pytest.mark.parametrize(
    "change", [{"seed": 1}, {"num_clips": 21}, {"num_frames": 12}, {"distractors": 1}, {"weather": 0.5}]
)
def test_other_settings_other_folder(tmp_path: Path, change: dict[str, int]) -> None:
    make(tmp_path)
    make(tmp_path, Settings(**({"num_clips": 20} | change)))
    assert len(list((tmp_path / "moving_scenes").iterdir())) == 2


def test_other_version_other_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path)
    monkeypatch.setattr(cache, "WORLD_VERSION", -1)
    make(tmp_path)
    assert len(list((tmp_path / "moving_scenes").iterdir())) == 2


DAMAGE = {
    "truncated store": lambda folder: (folder / "video_graphs.safetensors").write_bytes(b"\0" * 40),
    "missing store": lambda folder: (folder / "role_graphs.safetensors").unlink(),
    "wrong store": lambda folder: (folder / "role_graphs.safetensors").write_bytes(
        (folder / "video_graphs.safetensors").read_bytes()
    ),
    "cut line": lambda folder: (folder / "clips.jsonl").write_text((folder / "clips.jsonl").read_text()[:-40]),
    "line lost": lambda folder: (folder / "negatives.jsonl").write_text(
        "".join((folder / "negatives.jsonl").read_text().splitlines(keepends=True)[:-1])
    ),
    "a bit": lambda folder: (folder / "video_graphs.safetensors").write_bytes(
        (folder / "video_graphs.safetensors").read_bytes()[:-1] + b"\x7f"
    ),
    "a letter": lambda folder: (folder / "clips.jsonl").write_text(
        (folder / "clips.jsonl").read_text().replace("the", "tho", 1)
    ),
    "deep manifest": lambda folder: (folder / "manifest.json").write_text("[" * 200_000),
    "other manifest": lambda folder: (folder / "manifest.json").write_text("{}"),
    "no manifest": lambda folder: (folder / "manifest.json").unlink(),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_files_are_made_again(tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture) -> None:
    first = make(tmp_path)
    folder = folder_of(tmp_path)
    before = {path.name: content(path) for path in folder.iterdir()}
    DAMAGE[damage](folder)
    with caplog.at_level(logging.WARNING):
        second = make(tmp_path)
    assert "made again" in caplog.text
    assert first.clips == second.clips
    assert {path.name: content(path) for path in folder.iterdir()} == before


def test_a_failure_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise DataError("disk", "is full")

    monkeypatch.setattr(cache, "_write_lines", fail)
    with pytest.raises(DataError, match="disk"):
        make(tmp_path)
    assert list((tmp_path / "moving_scenes").iterdir()) == []


def test_a_cache_that_cannot_be_written_stops_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("GRAPHVTR_CACHE", str(tmp_path / "file" / "cache"))
    first = load_or_make(SMALL, "val", None, workers=0, progress=False)
    assert "made for this run alone" in caplog.text
    assert len(first.clips) == 2
    monkeypatch.setattr(cache, "write_split", refuse)
    assert load_or_make(SMALL, "val", None, workers=0, progress=False).clips == first.clips
    with pytest.raises(DataError, match="cannot be written"):  # one that was asked for
        make(tmp_path / "file" / "cache")


def test_another_process_may_be_quicker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = cache.write_split

    def slower(folder: Path, settings: Settings, manifest: dict[str, object], split: str, **kwargs: object) -> None:
        real(folder, settings, manifest, split, workers=0, progress=False)
        finished = folder.with_name(folder.name.split(".partial")[0])
        monkeypatch.setattr(cache.shutil, "rmtree", lambda *a, **k: None)  # it comes between removing and renaming
        if not finished.exists():
            finished.mkdir()
            for path in folder.iterdir():
                (finished / path.name).write_bytes(path.read_bytes())

    monkeypatch.setattr(cache, "write_split", slower)
    assert len(make(tmp_path).clips) == 2


def test_manifest_names_everything() -> None:
    manifest = SMALL.manifest("val")
    assert json.loads(json.dumps(manifest)) == manifest
    assert {"version", "split", "seed", "num_clips", "num_frames", "distractors", "features"} <= set(manifest)


@pytest.mark.parametrize(
    "wrong",
    [{"num_clips": 19}, {"num_clips": 2.5}, {"num_clips": True}, {"seed": -1}, {"num_frames": 8}, {"distractors": 9}],
)
def test_settings_out_of_range(wrong: dict[str, int]) -> None:
    with pytest.raises(DataError, match=next(iter(wrong))):
        Settings(**wrong)


def test_unknown_features() -> None:
    with pytest.raises(DataError, match="unknown"):
        Settings(features="thumbnails")
    assert "thumbnail" not in FEATURIZERS  # the built-in name stays free


def test_reading_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        read_split(tmp_path, SMALL.manifest("val"))
