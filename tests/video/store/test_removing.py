"""Clips go from wherever they are, and nothing else changes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from graphvtr.cli.main import main
from graphvtr.errors import DataError
from graphvtr.video import FeatureStore
from graphvtr.video.store import DiskGraphs

NAMES = ("a", "b", "c", "d", "e")


def clip(number: int) -> dict[str, torch.Tensor]:
    return {"frame_x": torch.full((2 + number, 3), float(number)), "frame_time": torch.arange(2.0 + number)}


def add(store: FeatureStore, name: str, number: int) -> None:
    store.add(name, clip(number), source={"file": f"sub/{name}.mp4"})


@pytest.fixture(params=["loose", "packed", "batch", "both"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> FeatureStore:
    """Clips in files of their own, in a shard, in one file, or in a shard that newer files hide."""
    made = FeatureStore.create(tmp_path / "store", {"frame_x": 3})
    if request.param == "batch":
        made.add_many({name: clip(number) for number, name in enumerate(NAMES)})
        return made
    for number, name in enumerate(NAMES):
        add(made, name, 9 if request.param == "both" else number)
    if request.param != "loose":
        made.pack()
    if request.param == "both":
        for number, name in enumerate(NAMES):
            add(made, name, number)
    return made


def assert_holds(store: FeatureStore, names: list[str]) -> None:
    """In the open store and in one that is opened anew, also packed."""
    for opened in (store, FeatureStore.open(store.path)):
        assert opened.names == names
        assert opened.verify() == {}
        for name in names:
            assert torch.equal(opened.read(name)["frame_x"], clip(NAMES.index(name))["frame_x"])


def test_removed_clips_are_gone_and_the_others_as_they_were(store: FeatureStore) -> None:
    assert store.remove(["b", "d", "b"]) == ["b", "d"]
    assert_holds(store, ["a", "c", "e"])
    store.pack()
    assert_holds(store, ["a", "c", "e"])
    store.remove(["a", "c", "e"])
    assert_holds(store, [])
    assert not list(store.path.glob("*/*.safetensors"))


def test_an_unknown_name_removes_nothing(store: FeatureStore) -> None:
    with pytest.raises(DataError, match="clip 'x': is not in the store"):
        store.remove(["a", "x"])
    assert_holds(store, list(NAMES))


def test_who_reads_meanwhile_is_told(store: FeatureStore) -> None:
    reader = DiskGraphs(FeatureStore.open(store.path))
    store.remove(["b"])
    store.pack()
    reader.store.refresh()
    assert "b" not in reader.store
    assert torch.equal(reader.store.read("c")["frame_x"], clip(2)["frame_x"])


def test_prune_removes_what_has_no_file_any_more(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = FeatureStore.create(tmp_path / "store", {"frame_x": 3})
    (tmp_path / "clips" / "sub").mkdir(parents=True)
    for number, name in enumerate(NAMES):
        add(store, name, number)
        (tmp_path / "clips" / "sub" / f"{name}.mp4").touch()
    store.add("by hand", clip(0))  # nothing says where it comes from: it stays
    store.pack()
    for name in ("a", "e"):
        (tmp_path / "clips" / "sub" / f"{name}.mp4").unlink()
    asked = ["store", "prune", str(store.path), str(tmp_path / "clips")]
    assert main([*asked, "--dry-run"]) == 0
    assert capsys.readouterr().out.splitlines() == ["a", "e", f"{store.path}: 2 clips would be removed, 6 left"]
    assert main(asked) == 0
    assert capsys.readouterr().out.endswith("2 clips removed, 4 left\n")
    assert FeatureStore.open(store.path).names == ["b", "by hand", "c", "d"]
    (tmp_path / "other").mkdir()
    assert main([*asked[:-1], str(tmp_path / "other")]) == 2
    assert "has none of the 3 files" in capsys.readouterr().err
    assert main([*asked[:-1], str(tmp_path / "none")]) == 2
    assert len(FeatureStore.open(store.path)) == 4


def test_list_and_remove_by_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = FeatureStore.create(tmp_path / "store", {"frame_x": 3})
    add(store, "a", 0)
    store.add("b", clip(1))
    assert main(["store", "list", str(store.path)]) == 0
    assert capsys.readouterr().out == "a\t2\tsub/a.mp4\nb\t3\t-\n"
    assert main(["store", "list", str(store.path), "--json"]) == 0
    assert capsys.readouterr().out.splitlines()[1] == '{"name": "b", "frames": 3, "file": null}'
    assert main(["store", "remove", str(store.path), "a"]) == 0
    assert "1 clips removed, 1 left" in capsys.readouterr().out
    assert main(["store", "remove", str(store.path), "a"]) == 2
