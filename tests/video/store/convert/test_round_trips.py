"""Store -> format -> store gives the same checksum wherever the format can hold what the store has."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from graphvtr.cli.main import main
from graphvtr.cli.store import FORMAT_NAMES
from graphvtr.errors import DataError
from graphvtr.video import FeatureStore
from graphvtr.video.store.convert import FORMATS, ConvertOptions, from_store, to_store

ENDS = {"hgr-hdf5": "trn_ft.hdf5", "vsrnet-h5": "regions.h5", "bottom-up-tsv": "regions.tsv"}


def names_of(store: FeatureStore, folder: Path) -> Path:
    path = folder / "names.txt"
    path.write_text("\n".join(store.names), encoding="utf-8")
    return path


@pytest.mark.parametrize("kind", ["hgr-hdf5", "bigfile", "npy", "npz", "pt"])
def test_frames(frames: FeatureStore, tmp_path: Path, kind: str) -> None:
    if kind == "hgr-hdf5":
        pytest.importorskip("h5py")
    target = tmp_path / ENDS.get(kind, "folder")
    options = ConvertOptions(names=names_of(frames, tmp_path) if kind == "hgr-hdf5" else None)
    from_store(frames.path, target, kind)
    report = to_store(target, tmp_path / "back", kind, options)
    assert (report.written, report.skipped, report.failures) == (3, 0, {})
    assert report.store.checksum() == frames.checksum()
    assert not list(tmp_path.glob("*.partial"))
    again = to_store(target, tmp_path / "back", kind, options)
    assert (again.written, again.skipped) == (0, 3)


@pytest.mark.parametrize("kind", ["vsrnet-h5", "bottom-up-tsv", "npz", "pt"])
def test_regions(regions: FeatureStore, tmp_path: Path, kind: str) -> None:
    if kind == "vsrnet-h5":
        pytest.importorskip("h5py")
    target = tmp_path / ENDS.get(kind, "folder")
    from_store(regions.path, target, kind)
    report = to_store(target, tmp_path / "back", kind)
    assert report.store.names == ["one", "two_4"]
    for name in regions:
        found, wanted = report.store.read(name), regions.read(name)
        assert found.keys() == wanted.keys()
        for key, value in wanted.items():
            assert torch.equal(found[key], value), key
    assert report.store.checksum() == regions.checksum()


def test_means(frames: FeatureStore, tmp_path: Path) -> None:
    from_store(frames.path, tmp_path / "tst_ft.npy", "hgr-npy")
    store = to_store(tmp_path / "tst_ft.npy", tmp_path / "back", "hgr-npy").store
    assert store.names == frames.names
    mean = frames.read("clip")["frame_x"].mean(0)
    assert torch.allclose(store.read("clip")["frame_x"], mean[None], atol=1e-2)
    (tmp_path / "tst_ft.npy").unlink()
    with pytest.raises(DataError, match=r"tst_names.npy: is there already"):
        from_store(frames.path, tmp_path / "tst_ft.npy", "hgr-npy")


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("npy", "has regions, which npy files cannot hold .write npz or pt"),
        ("hgr-hdf5", None),
    ],
)
def test_what_a_format_cannot_hold(regions: FeatureStore, tmp_path: Path, kind: str, message: str | None) -> None:
    if message is None:
        from_store(regions.path, tmp_path / "out", kind)  # the frame features only
        return
    with pytest.raises(DataError, match=message):
        from_store(regions.path, tmp_path / "out", kind)


@pytest.mark.parametrize("kind", ["vsrnet-h5", "bottom-up-tsv"])
def test_frames_are_no_regions(frames: FeatureStore, tmp_path: Path, kind: str) -> None:
    with pytest.raises(DataError, match=r"has no regions"):
        from_store(frames.path, tmp_path / "out", kind)


def test_clips_without_regions_are_no_lines(
    regions: FeatureStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nothing = {key: value[:0] for key, value in regions.read("one").items() if key.startswith("region")}
    regions.add("blind", {"frame_x": torch.ones(1, 6), "frame_time": torch.zeros(1), **nothing})
    command = ["store", "convert", "--to", "bottom-up-tsv", str(regions.path), str(tmp_path / "r.tsv")]
    assert main(command) == 1
    printed = capsys.readouterr()
    assert "r.tsv: 2 clips, 1 left out" in printed.out
    assert "clip 'blind': has no regions" in printed.err
    assert to_store(tmp_path / "r.tsv", tmp_path / "back", "bottom-up-tsv").store.names == ["one", "two_4"]
    blind = FeatureStore.create(tmp_path / "blind", {"frame_x": 6, "region_x": 6})
    blind.add("blind", regions.read("blind"))
    with pytest.raises(DataError, match="has no regions in any clip"):
        from_store(blind.path, tmp_path / "b.tsv", "bottom-up-tsv")
    for kind in ("npz", "pt"):
        from_store(blind.path, tmp_path / kind, kind)
        assert to_store(tmp_path / kind, tmp_path / f"{kind}-back", kind).store.checksum() == blind.checksum()


def test_names_that_a_format_cannot_hold(tmp_path: Path) -> None:
    store = FeatureStore.create(tmp_path / "store", {"frame_x": 1})
    for name in ("a/b", "a_b", "c d", "../e"):
        store.add(name, {"frame_x": torch.ones(1, 1)})
    with pytest.raises(DataError, match=r"clip 'a_b': has the key of 'a/b' where / becomes _"):
        from_store(store.path, tmp_path / "x.hdf5", "hgr-hdf5")
    with pytest.raises(DataError, match=r"clip 'c d': has white space in its name"):
        from_store(store.path, tmp_path / "big", "bigfile")
    with pytest.raises(DataError, match=r"clip '../e': is no file name"):
        from_store(store.path, tmp_path / "npz", "npz")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["store"]


def test_targets_are_not_overwritten(frames: FeatureStore, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    with pytest.raises(DataError, match=r"there: is there already"):
        from_store(frames.path, tmp_path / "there", "npz")
    from_store(frames.path, tmp_path / "a", "npz")
    from_store(frames.path, tmp_path / "b", "pt")
    to_store(tmp_path / "a", tmp_path / "back", "npz")
    with pytest.raises(DataError, match=r"converted.format is npz in the store and pt now"):
        to_store(tmp_path / "b", tmp_path / "back", "pt")
    empty = FeatureStore.create(tmp_path / "empty", {"frame_x": 1})
    with pytest.raises(DataError, match=r"has no clips"):
        from_store(empty.path, tmp_path / "c", "npz")


def test_the_command_line(frames: FeatureStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert sorted(FORMAT_NAMES) == sorted(FORMATS)
    big = tmp_path / "big"
    assert main(["store", "convert", "--to", "bigfile", str(frames.path), str(big)]) == 0
    assert main(["store", "convert", "--from", "bigfile", str(big), str(tmp_path / "back"), "--seconds", "0.5"]) == 0
    assert "3 clips written, 0 were there" in capsys.readouterr().out
    assert FeatureStore.open(tmp_path / "back").read("clip")["frame_time"].tolist() == [0, 0.5, 1, 1.5, 2]
    (tmp_path / "npy").mkdir()
    from_store(frames.path, tmp_path / "some", "npy")
    (tmp_path / "some" / "broken.npy").write_bytes(b"\x93NUMPY")
    assert main(["store", "convert", "--from", "npy", str(tmp_path / "some"), str(tmp_path / "part")]) == 1
    captured = capsys.readouterr()
    assert "broken.npy: is not a whole, plain npy file" in captured.err
    assert "3 clips written, 0 were there, 1 left out" in captured.out
    assert main(["store", "convert", "--from", "npy", str(tmp_path / "none"), str(tmp_path / "x")]) == 2
