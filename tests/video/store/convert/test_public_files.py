"""Files as other projects write them, their quirks, and what is said about damaged ones."""

from __future__ import annotations

import base64
import os
import pickle
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pytest
import torch

from graphvtr.errors import DataError
from graphvtr.video import FeatureStore
from graphvtr.video.store import StoreWriteError
from graphvtr.video.store.convert import ConvertOptions, from_store, to_store

h5py = pytest.importorskip("h5py")


def convert(path: Path, kind: str, **options: object) -> FeatureStore:
    report = to_store(path, path.parent / f"{path.name}-store", kind, ConvertOptions(**options))
    assert not report.failures
    return report.store


# --- BigFile ----------------------------------------------------------------------------------------------------


def bigfile(folder: Path, mapping: str | None = None) -> Path:
    folder.mkdir()
    (folder / "shape.txt").write_bytes(b"4 3\r\n")
    (folder / "id.txt").write_bytes(b"v1_0 v1_10 v1_2\nv/2_0\n")
    np.arange(12, dtype="<f4").tofile(folder / "feature.bin")
    if mapping is not None:
        (folder / "video2frames.txt").write_text(mapping)
    return folder


def test_bigfile(tmp_path: Path) -> None:
    store = convert(bigfile(tmp_path / "b", "{'v1': ['v1_0', 'v1_2', 'v1_10'], u'v/2': ['v/2_0']}"), "bigfile")
    assert store.names == ["v/2", "v1"]
    assert store.read("v1")["frame_x"].tolist() == [[0, 1, 2], [6, 7, 8], [3, 4, 5]]  # the mapping's order
    assert convert(bigfile(tmp_path / "plain"), "bigfile").names == ["v/2_0", "v1_0", "v1_10", "v1_2"]


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("shape.txt", b"4", "shape.txt: is '4'"),
        ("shape.txt", b"4 x", "shape.txt: is '4 x'"),
        ("shape.txt", b"5 3", "id.txt: has 4 ids, shape.txt says 5"),
        ("id.txt", b"a b a c", "id.txt: clip 'a': is there twice"),
        ("feature.bin", b"\0" * 47, "feature.bin: has 47 bytes, 4 x 3 float32 are 48 .it is cut short"),
        ("feature.bin", None, "feature.bin: no such file"),
        ("id.txt", None, "id.txt: no such file .a BigFile folder has"),
        ("shape.txt", "\u00b2 3".encode(), "shape.txt: is '\u00b2 3' .give two numbers"),
        ("video2frames.txt", b"__import__('os').mkdir('ran')", "video2frames.txt: is no plain dict"),
        ("video2frames.txt", b"{'v1': ['v1_0'", "video2frames.txt: is no plain dict .SyntaxError"),
        ("video2frames.txt", b"['v1']", "video2frames.txt: holds a list"),
        ("video2frames.txt", b"{'v1': []}", "video 'v1': has no list of frames"),
        ("video2frames.txt", b"{'v1': ['v1_0', 'v9']}", "video 'v1': has the frame 'v9', which id.txt lacks"),
    ],
)
def test_bigfile_faults(tmp_path: Path, file: str, content: bytes | None, message: str) -> None:
    folder = bigfile(tmp_path / "b")
    if content is None:
        (folder / file).unlink()
    else:
        (folder / file).write_bytes(content)
    with pytest.raises(DataError, match=message):
        convert(folder, "bigfile")
    assert not Path("ran").exists()


# --- HGR --------------------------------------------------------------------------------------------------------


def test_hgr_hdf5(tmp_path: Path) -> None:
    path = tmp_path / "trn_ft.hdf5"
    with h5py.File(path, "w") as file:
        file["v_1"], file["flat"] = np.ones((3, 4), np.float16), np.zeros(4)
    assert convert(path, "hgr-hdf5").names == ["flat", "v_1"]
    names = tmp_path / "trn_names.npy"
    np.save(names, np.array([b"v/1"]))
    report = to_store(path, tmp_path / "named", "hgr-hdf5", ConvertOptions(names=names))
    assert report.store.names == ["v/1"]
    names.write_bytes(b"")
    with pytest.raises(DataError, match=r"trn_names.npy: is not a whole, plain npy file"):
        to_store(path, tmp_path / "x", "hgr-hdf5", ConvertOptions(names=names))


def test_a_truncated_hdf5(tmp_path: Path) -> None:
    path = tmp_path / "trn_ft.hdf5"
    with h5py.File(path, "w") as file:
        file["a"] = np.ones((300, 40))
    os.truncate(path, path.stat().st_size // 2)
    with pytest.raises(DataError, match=r"trn_ft.hdf5: cannot be read .*cut short or no HDF5 file"):
        convert(path, "hgr-hdf5")
    path.write_bytes(b"")
    with pytest.raises(DataError, match=r"cannot be read"):
        convert(path, "hgr-hdf5")
    with pytest.raises(DataError, match=r"no such file"):
        convert(tmp_path / "absent.hdf5", "hgr-hdf5")


def test_hgr_means_look_for_their_names(tmp_path: Path) -> None:
    folder = tmp_path / "ordered_feature" / "MP" / "resnet"
    folder.mkdir(parents=True)
    (tmp_path / "public_split").mkdir()
    np.save(folder / "trn_ft.npy", np.eye(2))
    with pytest.raises(DataError, match=r"has no trn_names.npy beside it or in public_split .pass the names"):
        convert(folder / "trn_ft.npy", "hgr-npy")
    np.save(tmp_path / "public_split" / "trn_names.npy", np.array(["a", "b/c"]))
    assert convert(folder / "trn_ft.npy", "hgr-npy").read("b/c")["frame_x"].tolist() == [[0, 1]]
    (tmp_path / "names.txt").write_bytes("a\ncaf\u00e9\n".encode("latin-1"))
    with pytest.raises(DataError, match=r"names.txt: is not UTF-8 text"):
        to_store(folder / "trn_ft.npy", tmp_path / "x", "hgr-npy", ConvertOptions(names=tmp_path / "names.txt"))
    np.save(tmp_path / "public_split" / "trn_names.npy", np.array(["a"]))
    with pytest.raises(DataError, match=r"has shape \[2, 2\] for 1 names"):
        to_store(folder / "trn_ft.npy", tmp_path / "x", "hgr-npy")


# --- one file a video -------------------------------------------------------------------------------------------


def test_npz_of_regions(tmp_path: Path) -> None:
    (tmp_path / "f" / "sub").mkdir(parents=True)
    boxes = np.tile(np.array([0.0, 0, 64, 48]), (2, 3, 1))
    np.savez(tmp_path / "f" / "sub" / "v.npz", features=np.ones((2, 3, 5)), boxes=boxes)
    store = convert(tmp_path / "f", "npz", size=(640.0, 480.0))
    fields = store.read("sub/v")
    assert fields["region_box"][0].tolist() == pytest.approx([0, 0, 0.1, 0.1])
    assert fields["region_frame"].tolist() == [0, 0, 0, 1, 1, 1]
    with pytest.raises(DataError, match=r"boxes: reach 64, beyond the picture .boxes in pixels need the size"):
        to_store(tmp_path / "f", tmp_path / "x", "npz")


def test_pt_files_are_read_weights_only(tmp_path: Path) -> None:
    folder = tmp_path / "f"
    folder.mkdir()
    torch.save(torch.ones(2, 3, dtype=torch.bfloat16), folder / "tensor.pt")
    torch.save({"x": torch.zeros(1, 3)}, folder / "dict.pt")
    assert convert(folder, "pt").names == ["dict", "tensor"]

    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.mkdir, (str(tmp_path / "ran"),)

    torch.save({"x": Evil()}, folder / "evil.pt")
    (folder / "pickled.pt").write_bytes(pickle.dumps(Evil()))
    torch.save({"x": "text"}, folder / "text.pt")
    (folder / "short.pt").write_bytes((folder / "dict.pt").read_bytes()[:200])
    (folder / "empty.pt").touch()
    report = to_store(folder, tmp_path / "some", "pt")
    assert report.store.names == ["dict", "tensor"]
    for name, text in (
        ("evil", "is not a whole file of tensors"),
        ("pickled", "is not a whole file of tensors"),
        ("text", "text.pt: x: is a str"),
        ("short", "is not a whole file of tensors"),
        ("empty", "is empty"),
    ):
        assert text in report.failures[name], report.failures[name]
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.array([[1.0, np.nan]]), "clip 'bad': frame.x: has NaN"),
        (np.array([[1e9, 0.0]]), "clip 'bad': frame_x: reaches 1e.09, beyond float16"),
        (np.ones((2, 3)), r"clip 'bad': frame_x: has shape \[2, 3\], the store holds \[n, 2\]"),
        (np.ones((0, 2)), "clip 'bad': frame_x: has no frames"),
        (np.ones((1, 1, 1, 2)), r"bad.npy: holds float64 \[1, 1, 1, 2\]"),
        (np.array(["text"]), "bad.npy: holds <U4"),
        (np.array([{"a": 1}], dtype=object), "bad.npy: is not a whole, plain npy file"),
    ],
)
def test_bad_clips_are_left_out_and_named(tmp_path: Path, array: np.ndarray, message: str) -> None:
    folder = tmp_path / "f"
    folder.mkdir()
    np.save(folder / "a.npy", np.ones((3, 2)))
    np.save(folder / "bad.npy", array, allow_pickle=True)
    report = to_store(folder, tmp_path / "store", "npy")
    assert report.store.names == ["a"]
    assert list(report.failures) == ["bad"]
    with pytest.raises(DataError, match=message):
        raise DataError(report.failures["bad"], "")
    (folder / "a.npy").unlink()
    if array.ndim != 2 or array.dtype.kind == "U":
        with pytest.raises(DataError, match=r"none of its 1 clips can be read; the first"):
            to_store(folder, tmp_path / "other", "npy")


def test_no_files(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"has no clips"):
        convert(tmp_path, "npy")
    with pytest.raises(DataError, match=r"no such folder .give a folder of .npy files"):
        convert(tmp_path / "absent", "npy")
    with pytest.raises(DataError, match=r"format 'mat': unknown"):
        to_store(tmp_path, tmp_path / "x", "mat")
    with pytest.raises(DataError, match=r"seconds: is 0"):
        ConvertOptions(seconds=0)


# --- VSR-Net ----------------------------------------------------------------------------------------------------


def test_vsrnet_without_anything_but_features(tmp_path: Path) -> None:
    path = tmp_path / "r.h5"
    with h5py.File(path, "w") as file:
        file["feats"] = np.arange(2 * 3 * 2 * 4, dtype=np.float32).reshape(2, 3, 2, 4)
    store = convert(path, "vsrnet-h5")
    assert store.names == ["video0", "video1"]
    fields = store.read("video1")
    assert fields["region_x"].shape == (6, 4)
    assert fields["frame_x"][0].tolist() == [26, 27, 28, 29]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"x": np.ones((2, 3))}, "has 0 datasets of four dimensions: none"),
        ({"x": np.ones((1, 1, 1, 2)), "y": np.ones((1, 1, 1, 2))}, "has 2 datasets .*: x, y .pass --dataset"),
        ({"x": np.ones((2, 1, 1, 2)), "names": [b"a", b"a"]}, "clip 'a': is there twice"),
        ({"x": np.ones((2, 1, 1, 2)), "names": [b"a"]}, "has 2 videos for 1 names"),
        (
            {"x": np.ones((2, 1, 1, 2)), "boxes": np.ones((2, 1, 2, 4))},
            r"boxes: has shape \[2, 1, 2, 4\] .give \[2, 1, 1",
        ),
        ({"x": np.ones((1, 2, 1, 2)), "num_frames": np.array([3])}, "num_frames: is 3 .give 1 to 2"),
    ],
)
def test_vsrnet_faults(tmp_path: Path, content: dict, message: str) -> None:
    path = tmp_path / "r.h5"
    with h5py.File(path, "w") as file:
        for key, value in content.items():
            file[key] = value
    with pytest.raises(DataError, match=message):
        convert(path, "vsrnet-h5")


# --- bottom-up attention ----------------------------------------------------------------------------------------


def line(image: str, number: int, width: int = 3, size: tuple[int, int] = (640, 480)) -> list[bytes]:
    boxes = np.tile(np.array([0, 0, size[0] / 2, size[1]], dtype="<f4"), (number, 1))
    features = np.full((number, width), float(number), dtype="<f4")
    cells = [image, str(size[0]), str(size[1]), str(number)]
    return [cell.encode() for cell in cells] + [base64.b64encode(array.tobytes()) for array in (boxes, features)]


def write_tsv(path: Path, *lines: list[bytes]) -> Path:
    path.write_bytes(b"\r\n".join(b"\t".join(cells) for cells in lines) + b"\r\n")
    return path


def test_tsv_frames_in_any_order(tmp_path: Path) -> None:
    path = write_tsv(tmp_path / "r.tsv", line("v_10", 2), line("w_0", 1), line("v_2", 3), line("poster", 1))
    store = convert(path, "bottom-up-tsv")
    assert store.names == ["poster", "v", "w"]
    fields = store.read("v")
    assert fields["region_frame"].tolist() == [0, 0, 0, 1, 1]  # frame 2 before frame 10
    assert fields["region_box"][0].tolist() == [0, 0, 0.5, 1]
    assert fields["frame_x"][:, 0].tolist() == [3, 2]
    path = write_tsv(tmp_path / "s.tsv", line("a/b#3", 1), line("a/b#1", 2))
    assert convert(path, "bottom-up-tsv", frame_of="#").read("a/b")["region_frame"].tolist() == [0, 0, 1]


def cell(place: int, value: bytes) -> list[bytes]:
    cells = line("v_0", 2)
    cells[place] = value
    return cells


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (line("v_0", 2)[:5], "line 1: has 5 of the columns image_id"),
        (cell(1, b"0"), "line 1: image_w: is b'0'"),
        (cell(3, b"two"), "line 1: num_boxes: is b'two'"),
        (cell(3, b"inf"), "line 1: num_boxes: is b'inf'"),
        (cell(3, b"3"), "line 1: boxes: has 8 numbers for 3 boxes"),
        (cell(4, b"!!!"), "line 1: boxes: is no base64"),
        (cell(5, base64.b64encode(b"12345")), "line 1: features: has 5 bytes, which are no float32"),
        (cell(5, base64.b64encode(b"1234" * 5)), "line 1: features: has 5 numbers for 2 boxes"),
        (cell(5, line("v_0", 2)[5][:-3]), "line 1: features: is no base64"),
        (cell(1, b"10"), "line 1: boxes: reach 32, beyond the picture"),
    ],
)
def test_tsv_faults(tmp_path: Path, cells: list[bytes], message: str) -> None:
    with pytest.raises(DataError, match=message):
        convert(write_tsv(tmp_path / "r.tsv", cells), "bottom-up-tsv")


def test_tsv_repeats_and_widths(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"line 2: image 'v_0': is there twice"):
        convert(write_tsv(tmp_path / "r.tsv", line("v_0", 2), line("v_0", 1)), "bottom-up-tsv")
    with pytest.raises(DataError, match=r"video 'v': has features of widths \[3, 4\]"):
        convert(write_tsv(tmp_path / "s.tsv", line("v_0", 2), line("v_1", 1, width=4)), "bottom-up-tsv")
    (tmp_path / "e.tsv").touch()
    with pytest.raises(DataError, match=r"is empty"):
        convert(tmp_path / "e.tsv", "bottom-up-tsv")


# --- a full disk ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["hgr-hdf5", "hgr-npy", "bigfile", "npy", "npz", "pt", "vsrnet-h5", "bottom-up-tsv"])
def test_a_full_disk_leaves_nothing_behind(
    tmp_path: Path, kind: str, full_disk: Callable[[int], AbstractContextManager[None]]
) -> None:
    regions = kind in ("vsrnet-h5", "bottom-up-tsv")
    store = FeatureStore.create(tmp_path / "store", {"frame_x": 64, **({"region_x": 64} if regions else {})})
    for name in ("a", "b"):
        fields = {"frame_x": torch.rand(400, 64), "frame_time": torch.arange(400.0)}
        if regions:
            fields |= {
                "region_x": torch.rand(400, 64),
                "region_box": torch.tensor([[0.0, 0, 1, 1]]).repeat(400, 1),
                "region_score": torch.ones(400),
                "region_frame": torch.arange(400),
            }
        store.add(name, fields)
    with full_disk(300 if kind == "hgr-npy" else 20_000), pytest.raises(DataError) as caught:
        from_store(store.path, tmp_path / "out", kind)
    assert isinstance(caught.value, StoreWriteError), caught.value
    assert "out" in str(caught.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["store"]
