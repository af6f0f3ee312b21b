from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from graphvtr.errors import DataError
from graphvtr.video import MotionInput, OnnxMotion, Window, build_motion

VECTOR = np.arange(1, 5, dtype=np.float32)[None]


@pytest.fixture
def make_motion(make_onnx):
    """Models of [n, 3, 4, 16, 16] or, turned, [n, 4, 3, 16, 16]."""

    def make(outputs, shape=(3, 4, 16, 16), config=None, **settings):
        path = make_onnx("motion.onnx", outputs, shape=shape, **settings)
        if config is not None:
            path.with_suffix(".json").write_text(json.dumps(config))
        return path

    return make


@pytest.mark.parametrize(("order", "shape"), [("cthw", (3, 4, 16, 16)), ("tchw", (4, 3, 16, 16))])
def test_windows_reach_the_network_as_configured(make_motion, order, shape):
    config = {"order": order, "rate": 5.0, "colour": "bgr", "mean": [10, 20, 30], "std": [2, 4, 8]}
    featurizer = build_motion(make_motion({"x": VECTOR}, shape, config))
    assert isinstance(featurizer, OnnxMotion)
    assert (featurizer.window, featurizer.dim) == (Window(frames=4, rate=5.0, side=16), 4)
    seen, run = [], featurizer._session.run
    featurizer._session.run = lambda items: seen.append(items) or run(items)
    windows = torch.zeros(2, 4, 16, 16, 3, dtype=torch.uint8)
    windows[..., 0], windows[:, 2, ..., 1] = 60, 100  # red always, green in the third picture
    torch.testing.assert_close(featurizer(windows), torch.from_numpy(VECTOR).expand(2, -1))
    pictures = seen[0] if order == "cthw" else seen[0].transpose(1, 2)
    assert pictures.shape == (2, 3, 4, 16, 16)
    torch.testing.assert_close(pictures[0, :, 0, 5, 5], torch.tensor([-5.0, -5.0, 3.75]))
    torch.testing.assert_close(pictures[0, :, 2, 5, 5], torch.tensor([-5.0, 20.0, 3.75]))


def test_maps_are_averaged_and_outputs_chosen_by_name(make_motion):
    maps = np.random.default_rng(0).normal(size=(1, 6, 2, 3, 3)).astype(np.float32)
    featurizer = OnnxMotion(make_motion({"x": VECTOR, "maps": maps}), MotionInput(output="maps"))
    found = featurizer(torch.zeros(3, 4, 16, 16, 3, dtype=torch.uint8))
    torch.testing.assert_close(found, torch.from_numpy(maps.mean((2, 3, 4))).expand(3, -1))


def test_open_sizes_come_from_the_configuration(make_motion):
    path = make_motion({"x": VECTOR}, (3, "t", "h", "w"))
    with pytest.raises(DataError, match="leaves frames open"):
        OnnxMotion(path)
    assert OnnxMotion(path, MotionInput(frames=8, side=12)).window == Window(8, 12.5, 12)


@pytest.mark.parametrize(
    ("shape", "config", "message"),
    [
        ((3, 4, 16, 20), {}, "wants pictures of 16 x 20"),
        ((3, 16, 16), {}, r"wants input \[1, 3, 16, 16\]"),
        ((4, 3, 16, 16), {}, "it should be"),
        ((3, 4, 16, 16), {"frames": 8}, "wants frames = 4"),
        ((3, 4, 16, 16), {"output": "y"}, "has no output 'y'"),
    ],
)
def test_what_does_not_fit_is_refused(make_motion, shape, config, message):
    with pytest.raises(DataError, match=message):
        OnnxMotion(make_motion({"x": VECTOR}, shape), MotionInput(**config))


@pytest.mark.parametrize("values", [{"order": "thwc"}, {"colour": "hsv"}, {"mean": (1.0,)}, {"std": (0.0, 1.0, 1.0)}])
def test_bad_configurations_are_refused(values):
    with pytest.raises(DataError, match=f"motion.{next(iter(values))}"):
        MotionInput(**values)
