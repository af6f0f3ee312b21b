"""What somebody hostile has written is refused by name: nothing is run, no memory is taken (issue 14, 1 and 2)."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.lib.hostile import CASES, checkpoint, model_folder, small_model
from graphvtr.datasets.source import DataSource
from graphvtr.errors import DataError, GraphVTRError
from graphvtr.search import Index, build_index
from graphvtr.tasks import load
from graphvtr.tasks.open import dataset_for
from graphvtr.text.parser import parser_from_file
from graphvtr.video import FeatureStore
from graphvtr.video.store.convert import ConvertOptions, to_store

pytest.importorskip("h5py")
pytest.importorskip("jsonargparse")


@pytest.mark.parametrize("name", CASES)
def test_it_is_refused_in_a_line(name: str, tmp_path: Path) -> None:
    read = CASES[name](tmp_path)
    with pytest.raises(GraphVTRError) as error:
        read()
    assert "\x1b" not in str(error.value)
    assert len(str(error.value)) < 2000


def test_the_error_says_whose_it_is_to_name_a_parser(tmp_path: Path) -> None:
    path = checkpoint(tmp_path, parser="spacy:model=antigravity")
    with pytest.raises(DataError, match=r"m.ckpt: asks for the parser 'spacy:model=antigravity'.*--parser NAME"):
        dataset_for(load(path), "moving_scenes", "val", DataSource())
    assert parser_from_file("spacy", path) == "spacy"


def test_what_is_whole_is_still_read(tmp_path: Path) -> None:
    assert model_folder(tmp_path, lambda content: None)().config["hidden"] == 8


def test_a_folder_named_by_a_file_is_not_written_to(tmp_path: Path) -> None:
    from graphvtr.nn.rebuild import check_options

    options = check_options("config.json", "vsrnet", {"hidden": 8, "text_cache": str(tmp_path / "cache")})
    assert options == {"hidden": 8, "text_cache": True}


def test_an_index_shows_no_other_files(tmp_path: Path) -> None:
    (tmp_path / "clips").mkdir()
    for name in ("secret.txt", "clips/a.mp4", "b.mp4"):
        (tmp_path / name).write_text("x")
    named = {"text": "secret.txt", "fine": "clips/a.mp4", "above": "../b.mp4", "gone": "c.mp4"}
    store = FeatureStore.create(tmp_path / "store", {"frame_x": 4})
    for name, file in named.items():
        store.add(name, {"frame_x": torch.ones(1, 4), "frame_time": torch.zeros(1)}, source={"file": file})
    build_index(small_model(), store, tmp_path / "index", media=tmp_path)
    index = Index.open(tmp_path / "index")
    found = {name: index.file_of(name) for name in named}
    assert found == {"text": None, "fine": tmp_path.resolve() / "clips" / "a.mp4", "above": None, "gone": None}


@pytest.mark.parametrize(
    ("keys", "dataset", "names"),
    [
        (["v_a", "v_b"], None, ["v_a", "v_b"]),
        (["v_a/c3d_features", "v_b/c3d_features"], None, ["v_a", "v_b"]),
        (["videos/v_a", "videos/v_b"], None, ["v_a", "v_b"]),
        (["videos/v_a"], None, ["v_a"]),
        (["v_a/c3d"], None, ["v_a"]),
        (["v_a/c3d", "v_a/rgb", "v_b/c3d", "v_b/rgb"], "rgb", ["v_a", "v_b"]),
        (["all/v_a/x", "all/v_b/x"], None, ["all/v_a", "all/v_b"]),
    ],
)
def test_hdf5_with_a_group_a_video(keys: list[str], dataset: str | None, names: list[str], tmp_path: Path) -> None:
    import h5py

    with h5py.File(tmp_path / "a.h5", "w") as file:
        for value, key in enumerate(keys):
            file[key] = np.full((3, 4), value, "f4")
    report = to_store(tmp_path / "a.h5", tmp_path / "store", "hgr-hdf5", ConvertOptions(dataset=dataset))
    assert sorted(report.store.names) == names
    for name in names:
        found = float(report.store.read(name)["frame_x"][0, 0])
        assert name in keys[int(found)]


def test_a_configuration_may_say_all_else(tmp_path: Path) -> None:
    from graphvtr.tasks.config import Configuration

    (tmp_path / "c.yaml").write_text(json.dumps({"data": "moving_scenes", "parser": "spacy", "out": "x", "lr": 0.5}))
    assert Configuration("hgr", ["--config", str(tmp_path / "c.yaml")]).values["lr"] == 0.5
    (tmp_path / "c.yaml").write_text(json.dumps({"data": "mine.py:x", "parser": "bert-srl:archive=a", "out": "x"}))
    given = ["--config", str(tmp_path / "c.yaml"), "--parser", "bert-srl:archive=a", "--data", "mine.py:x"]
    assert Configuration("hgr", given).values["parser"] == "bert-srl:archive=a"
