from __future__ import annotations

import json

import pytest
import torch

from graphvtr.errors import DataError
from graphvtr.video.huggingface import PictureInput, load_model, model_version, read_json


def write(folder, **values):
    (folder / "preprocessor_config.json").write_text(json.dumps(values))
    return folder


@pytest.mark.parametrize(
    ("values", "size"),
    [
        ({"size": 224}, (224, 224)),
        ({"size": {"height": 32, "width": 48}}, (32, 48)),
        ({"size": [32, 48]}, (32, 48)),
        ({"size": {"shortest_edge": 224}, "crop_size": {"height": 200, "width": 200}}, (200, 200)),
        ({"size": {"shortest_edge": 80, "longest_edge": 1333}}, (80, 160)),
        ({"size": {"shortest_edge": 80, "longest_edge": 100}}, (50, 100)),
    ],
)
def test_sizes_of_all_generations(tmp_path, values, size):
    assert PictureInput.of(write(tmp_path, **values)).size(60, 120) == size


def test_a_fixed_size_comes_first(tmp_path):
    assert PictureInput.of(write(tmp_path, size=224), 32).size(60, 120) == (32, 32)


@pytest.mark.parametrize("normalises", [True, False])
def test_pictures_are_scaled(tmp_path, normalises):
    folder = write(tmp_path, size=4, image_mean=[0.5, 0.4, 0.3], image_std=[0.5, 0.2, 0.1], do_normalize=normalises)
    frames = torch.full((2, 8, 6, 3), 255, dtype=torch.uint8)
    found = PictureInput.of(folder)(frames, torch.device("cpu"))
    assert found.shape == (2, 3, 4, 4)
    assert found[1, :, 2, 2].tolist() == pytest.approx([1.0, 3.0, 7.0] if normalises else [1.0, 1.0, 1.0])


@pytest.mark.parametrize("values", [{}, {"size": {"longest_edge": 30}}, {"size": [1, 2, 3]}])
def test_no_size_is_refused(tmp_path, values):
    with pytest.raises(DataError, match="says no size"):
        PictureInput.of(write(tmp_path, **values))


def test_what_is_no_model_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"config.json: no such file"):
        load_model(tmp_path, "AutoModel", "frame features")
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(DataError, match="is not json"):
        load_model(tmp_path, "AutoModel", "frame features")
    (tmp_path / "config.json").write_text("[]")
    with pytest.raises(DataError, match="is no JSON object"):
        read_json(tmp_path / "config.json")


def test_versions_follow_content(tmp_path):
    versions = set()
    for content in (b"a", b"a", b"b"):
        (tmp_path / "model.safetensors").write_bytes(content)
        versions.add(model_version(tmp_path))
    write(tmp_path, size=3)
    versions.add(model_version(tmp_path))
    assert len(versions) == 3
