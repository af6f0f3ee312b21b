"""Reading the released layout; a whole tree goes through ``graphvtr eval`` in tests/test_released_tree.py."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from graphvtr.datasets import DataSource, build_dataset
from graphvtr.datasets.hgr_tree import open_features, read_names, read_vocabulary
from graphvtr.errors import DataError

h5py = pytest.importorskip("h5py")


def write_sa(root: Path, name: str, content: dict[str, np.ndarray], split: str = "trn") -> Path:
    folder = root / "ordered_feature" / "SA" / name
    folder.mkdir(parents=True)
    path = folder / f"{split}_ft.hdf5"
    with h5py.File(path, "w") as file:
        for key, value in content.items():
            file.create_dataset(key, data=value)
    return path


def write_mp(root: Path, name: str, rows: np.ndarray) -> None:
    folder = root / "ordered_feature" / "MP" / name
    folder.mkdir(parents=True)
    np.save(folder / "trn_ft.npy", rows)


def test_frame_features_map_slashes_and_flat_rows(tmp_path: Path) -> None:
    write_sa(tmp_path, "r", {"a_b": np.ones((3, 4), np.float16), "flat": np.zeros(4)})
    with open_features(tmp_path, "trn", ["a/b", "flat"], None) as features:
        assert "a/b" in features
        assert "c" not in features
        assert features["a/b"].shape == (3, 4)
        assert features["a/b"].dtype == np.float32
        assert features["flat"].shape == (1, 4)


def test_mean_features_stand_in(tmp_path: Path) -> None:
    write_mp(tmp_path, "r", np.arange(6.0).reshape(2, 3))
    with open_features(tmp_path, "trn", ["a", "b"], None) as features:
        assert features["b"].tolist() == [[3.0, 4.0, 5.0]]
    with (
        pytest.raises(DataError, match=r"has shape \[2, 3\] .give \[3, D\]"),
        open_features(tmp_path, "trn", ["a", "b", "c"], None),
    ):
        pass


def test_frame_features_come_before_mean_features(tmp_path: Path) -> None:
    write_mp(tmp_path, "r", np.zeros((1, 3)))
    write_sa(tmp_path, "r", {"a": np.ones((2, 3))})
    with open_features(tmp_path, "trn", ["a"], None) as features:
        assert features["a"].shape == (2, 3)


def test_the_choice_of_features_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"has no trn_ft\.hdf5"), open_features(tmp_path, "trn", [], None):
        pass
    write_sa(tmp_path, "one", {"a": np.ones((2, 3))})
    write_sa(tmp_path, "two", {"a": np.zeros((2, 3))})
    with (
        pytest.raises(DataError, match=r"has several features: one, two .pass --feature NAME"),
        open_features(tmp_path, "trn", ["a"], None),
    ):
        pass
    with (
        pytest.raises(DataError, match=r"feature 'three': not found.*known: one, two"),
        open_features(tmp_path, "trn", ["a"], "three"),
    ):
        pass
    with open_features(tmp_path, "trn", ["a"], "two") as features:
        assert features["a"].sum() == 0


def test_a_truncated_file_is_named(tmp_path: Path) -> None:
    path = write_sa(tmp_path, "r", {"a": np.ones((200, 30))})
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(DataError, match=r"trn_ft\.hdf5: cannot be read"), open_features(tmp_path, "trn", ["a"], None):
        pass


def test_read_names(tmp_path: Path) -> None:
    path = tmp_path / "names.npy"
    np.save(path, np.array(["a/b", "ü"]))
    assert read_names(path) == ["a/b", "ü"]
    np.save(path, np.array([b"a", b"b"]))
    assert read_names(path) == ["a", "b"]
    np.save(path, np.array(["a", "b"], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match=r"is not a whole, plain npy file.*dtype=str"):
        read_names(path)
    np.save(path, np.zeros(3))
    with pytest.raises(DataError, match="holds float64"):
        read_names(path)
    with pytest.raises(DataError, match="no such file"):
        read_names(tmp_path / "absent.npy")


def test_read_vocabulary(tmp_path: Path) -> None:
    assert read_vocabulary(tmp_path) is None
    (tmp_path / "word2int.json").write_text('{"<BOS>": 0, "<EOS>": 1, "<UNK>": 2, "Dog": 3}')
    vocabulary = read_vocabulary(tmp_path)
    assert vocabulary is not None
    assert vocabulary.ids(["Dog", "cat"]) == [3, 2]
    (tmp_path / "word2int.json").write_text('["dog"]')
    with pytest.raises(DataError, match=r"word2int\.json: is not an object"):
        read_vocabulary(tmp_path)


def test_features_become_float32_tensors(tmp_path: Path) -> None:
    write_sa(tmp_path, "r", {"a": np.ones((2, 3), np.float64)})
    with open_features(tmp_path, "trn", ["a"], None) as features:
        assert torch.from_numpy(features["a"]).dtype == torch.float32


def test_what_is_odd_is_reported(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    root = tmp_path / "tree"
    (root / "public_split").mkdir(parents=True)
    for split, names in {"trn": ["a"], "val": ["b", "x"], "tst": ["c"]}.items():
        np.save(root / "public_split" / f"{split}_names.npy", np.array(names))
    write_sa(root, "r", {"b": np.ones((2, 3), np.float16)}, "val")
    captions = {"a": ["one"], "b": ["a dog", "a dog"], "c": ["two"], "x": ["cats"], "y": ["nobody lists me"]}
    (root / "ref_captions.json").write_text(json.dumps(captions))
    source = DataSource(root=root, parser="spacy", missing="skip", cache=tmp_path / "cache")
    dataset = build_dataset("hgr", "val", source)
    assert dataset.captions == ["a dog", "a dog"]
    assert dataset.report.lines() == [
        "1 listed videos have no features: x",
        "1 videos have captions but are on no list: y",
        "1 caption stands more than once for their video (kept, unless --option duplicate_captions=drop)",
    ]
    assert "on no list: y" in caplog.text
    captions["x"] = []
    (root / "ref_captions.json").write_text(json.dumps(captions))
    with pytest.raises(DataError, match=r"ref_captions.json: video 'x': has no captions .*it is listed in .*val_names"):
        build_dataset("hgr", "val", source)


@pytest.mark.parametrize(
    ("present", "message"),
    [
        (
            [],
            r"public_split/trn_names.npy: no such file .put public_split/trn_names.npy of the data that HGR's authors",
        ),
        (
            ["names"],
            r"annotation/RET/ref_captions.json: no such file .put annotation/RET/ref_captions.json of the data",
        ),
        (["names", "captions"], r"has no trn_ft.hdf5 or trn_ft.npy .put features in SA/NAME or MP/NAME"),
    ],
)
def test_missing_files_say_what_to_put_where(tmp_path: Path, present: list[str], message: str) -> None:
    if "names" in present:
        (tmp_path / "public_split").mkdir()
        np.save(tmp_path / "public_split" / "trn_names.npy", np.array(["a"]))
    if "captions" in present:
        (tmp_path / "ref_captions.json").write_text('{"a": ["one"]}')
    with pytest.raises(DataError, match=message):
        build_dataset("hgr", "train", DataSource(root=tmp_path))
