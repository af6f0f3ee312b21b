from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from graphvtr.errors import DataError
from graphvtr.video import FrameInput, OnnxFrames, OnnxMaps, build_featurizer, onnx_featurizer
from graphvtr.video.features.base import MapFeaturizer

FRAMES = torch.randint(0, 256, (3, 40, 60, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
MAP = np.random.default_rng(0).normal(size=(1, 5, 2, 3)).astype(np.float32)
VECTOR = MAP.mean((2, 3))


def test_a_map_is_the_vectors_mean_and_can_be_pooled(make_onnx):
    featurizer = build_featurizer(make_onnx("map.onnx", {"map": MAP}))
    assert isinstance(featurizer, OnnxMaps)
    assert isinstance(featurizer, MapFeaturizer)
    vectors, maps = featurizer.vectors_and_map(FRAMES)
    assert featurizer.dim == 5
    torch.testing.assert_close(maps, torch.from_numpy(MAP).expand(3, -1, -1, -1))
    torch.testing.assert_close(vectors, torch.from_numpy(VECTOR).expand(3, -1))
    torch.testing.assert_close(featurizer(FRAMES), vectors)


def test_vectors(make_onnx):
    featurizer = build_featurizer(make_onnx("vectors.onnx", {"vectors": VECTOR}))
    assert isinstance(featurizer, OnnxFrames)
    assert not isinstance(featurizer, MapFeaturizer)
    torch.testing.assert_close(featurizer(FRAMES), torch.from_numpy(VECTOR).expand(3, -1))


def test_the_configuration_beside_it(make_onnx):
    path = make_onnx("both.onnx", {"vectors": VECTOR, "map": MAP}, size=("h", "w"))
    config = {"output": "map", "size": [16, 24], "mean": [0, 0, 0], "std": [255, 255, 255], "colour": "bgr"}
    path.with_suffix(".json").write_text(json.dumps(config))
    featurizer = onnx_featurizer(path)
    assert isinstance(featurizer, OnnxMaps)
    assert json.loads(json.dumps(featurizer.settings)) == config
    assert isinstance(onnx_featurizer(path, FrameInput()), OnnxFrames)


@pytest.mark.parametrize("colour", ["rgb", "bgr"])
def test_pictures_reach_the_network_as_configured(make_onnx, colour):
    path = make_onnx("mean.onnx", {"unused": VECTOR, "channels": None})
    frames = torch.full((2, 40, 60, 3), 0, dtype=torch.uint8)
    frames[...] = torch.tensor([60, 110, 250])
    with pytest.raises(DataError, match=r"gives \[1, 1, 3\]"):
        OnnxFrames(path, FrameInput(output="channels"))
    # a model of one channel mean a picture has no vectors, so its input is looked at directly
    featurizer = OnnxFrames(path, FrameInput(colour=colour, mean=(10.0, 20.0, 30.0), std=(2.0, 4.0, 8.0)))
    seen = featurizer._session.run
    pictures = []
    featurizer._session.run = lambda items: pictures.append(items) or seen(items)
    featurizer(frames)
    expected = torch.tensor([60.0, 110.0, 250.0] if colour == "rgb" else [250.0, 110.0, 60.0])
    expected = (expected - torch.tensor([10.0, 20.0, 30.0])) / torch.tensor([2.0, 4.0, 8.0])
    torch.testing.assert_close(pictures[0].mean((2, 3))[1], expected)


@pytest.mark.parametrize(
    ("outputs", "size", "config", "message"),
    [
        ({"a": VECTOR}, (32, 32), {"size": (16, 16)}, "wants input 32 x 32"),
        ({"a": VECTOR}, 32, {"output": "b"}, "has no output 'b'.*a"),
        ({"a": np.zeros((1, 2, 3), np.float32)}, 32, {}, r"gives \[1, 2, 3\]"),
    ],
)
def test_what_does_not_fit_is_refused(make_onnx, outputs, size, config, message):
    path = make_onnx("model.onnx", outputs, size=size)
    with pytest.raises(DataError, match=message):
        onnx_featurizer(path, FrameInput(**config))


@pytest.mark.parametrize("values", [{"colour": "hsv"}, {"mean": (1.0,)}, {"std": (0.0, 1.0, 1.0)}, {"size": (1, 2, 3)}])
def test_bad_configurations_are_refused(values):
    with pytest.raises(DataError, match=f"features.{next(iter(values))}"):
        FrameInput(**values)
