from __future__ import annotations

import json
import pickle

import numpy as np
import pytest
import torch

from graphvtr.errors import DataError, MissingExtraError
from graphvtr.video import sample_clip
from graphvtr.video.regions import DetectorLayout, OnnxDetector

YOLO = {"kind": "yolo", "box": "xyxy", "units": "fractions", "objectness": False, "colour": "rgb"}


@pytest.fixture
def rows() -> np.ndarray:
    """Three boxes (two nearly the same) and many of no confidence: box and two classes."""
    rows = np.zeros((1, 20, 6), np.float32)
    rows[0, :3] = [[0.0, 0.0, 0.5, 0.5, 0.2, 0.8], [0.0, 0.0, 0.5, 0.52, 0.9, 0.0], [0.5, 0.5, 1.0, 1.0, 0.3, 0.4]]
    return rows


def test_regions_of_a_model_with_its_configuration(make_onnx, rows):
    path = make_onnx("tiny.onnx", {"rows": rows})
    path.with_suffix(".json").write_text(json.dumps(YOLO))
    found = OnnxDetector(path, num_regions=5)(torch.zeros(3, 40, 60, 3, dtype=torch.uint8))
    assert found.frame.tolist() == [0, 0, 1, 1, 2, 2]
    torch.testing.assert_close(found.box[:2], torch.tensor([[0.0, 0.0, 0.5, 0.52], [0.5, 0.5, 1.0, 1.0]]))
    assert found.score.tolist() == pytest.approx([0.9, 0.4] * 3)
    assert found.label.tolist() == [0, 1] * 3


@pytest.mark.parametrize(
    ("setting", "count"), [({"num_regions": 1}, 1), ({"min_score": 0.5}, 1), ({"max_overlap": 1.0}, 3)]
)
def test_selection(make_onnx, rows, setting, count):
    detector = OnnxDetector(make_onnx("tiny.onnx", {"rows": rows}), DetectorLayout(**YOLO), **setting)
    assert len(detector(torch.zeros(1, 40, 60, 3, dtype=torch.uint8))) == count
    name, value = next(iter(setting.items()))
    assert detector.settings[name] == value


@pytest.mark.parametrize("batch", [1, 4, "n"])
@pytest.mark.parametrize("colour", ["rgb", "bgr"])
def test_pictures_reach_the_model_as_the_layout_says(make_onnx, batch, colour):
    box = np.array([[[0.0, 0.0, 1.0, 1.0]]], np.float32)
    layout = DetectorLayout(
        kind="ssd", box="xyxy", units="fractions", colour=colour, mean=(10.0, 10.0, 10.0), std=(300.0, 400.0, 500.0)
    )
    path = make_onnx("tiny.onnx", {"box": box, "channels": None}, batch=batch)
    frames = torch.zeros(3, 40, 60, 3, dtype=torch.uint8)
    frames[0, ..., 0], frames[1, ..., 1], frames[2, ..., 2] = 60, 110, 250  # red, green, blue
    found = OnnxDetector(path, layout)(frames)
    channels = [0, 1, 2] if colour == "rgb" else [2, 1, 0]
    assert found.label.tolist() == channels
    expected = [(value - 10) / (300, 400, 500)[c] for value, c in zip((60, 110, 250), channels, strict=True)]
    assert found.score.tolist() == pytest.approx(expected, rel=1e-4)


def test_versions_tell_models_apart(make_onnx, rows):
    versions = set()
    for index, name in enumerate(("a.onnx", "a.onnx", "b.onnx")):
        versions.add(OnnxDetector(make_onnx(name, {"rows": rows + index // 2}), DetectorLayout(**YOLO)).version)
    assert len(versions) == 2


def test_travels_to_other_processes(make_onnx, rows):
    detector = OnnxDetector(make_onnx("tiny.onnx", {"rows": rows}), DetectorLayout(**YOLO))
    frames = torch.zeros(2, 40, 60, 3, dtype=torch.uint8)
    again = pickle.loads(pickle.dumps(detector))  # noqa: S301 (our own object)
    assert torch.equal(again(frames).box, detector(frames).box)
    assert again.settings == detector.settings


def test_outputs_that_do_not_fit_are_refused_at_once(make_onnx, rows):
    with pytest.raises(DataError, match=r"tiny.onnx: does not fit kind 'fastestdet': it gives rows \[1, 20, 6\]"):
        OnnxDetector(make_onnx("tiny.onnx", {"rows": rows}))


@pytest.mark.parametrize(
    ("size", "layout", "message"),
    [
        (("h", "w"), {}, "leaves the input's size open"),
        ((32, 32), {"size": (64, 64)}, "wants input 32 x 32"),
    ],
)
def test_input_sizes_that_do_not_fit_are_refused(make_onnx, rows, size, layout, message):
    path = make_onnx("tiny.onnx", {"rows": rows}, size=size)
    with pytest.raises(DataError, match=message):
        OnnxDetector(path, DetectorLayout(**YOLO, **layout))


def test_an_open_size_is_taken_from_the_layout(make_onnx, rows):
    path = make_onnx("tiny.onnx", {"rows": rows}, size=("h", "w"))
    assert (
        len(OnnxDetector(path, DetectorLayout(**YOLO, size=(16, 24)))(torch.zeros(1, 4, 4, 3, dtype=torch.uint8))) == 2
    )


def test_files_that_are_no_models_are_refused(make_onnx, rows, tmp_path):
    (tmp_path / "text.onnx").write_text("hello")
    with pytest.raises(DataError, match=r"text.onnx: is no model that onnxruntime reads"):
        OnnxDetector(tmp_path / "text.onnx")
    with pytest.raises(DataError, match=r"none.onnx: cannot be read"):
        OnnxDetector(tmp_path / "none.onnx")
    with pytest.raises(DataError, match=r"has the inputs pictures: tensor\(float\), size"):
        OnnxDetector(make_onnx("two.onnx", {"rows": rows}, extra_inputs=["size"]))


def test_missing_package_says_what_to_install(make_onnx, rows, monkeypatch):
    path = make_onnx("tiny.onnx", {"rows": rows})
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    with pytest.raises(MissingExtraError, match=r"graphvtr\[detect\]"):
        OnnxDetector(path, DetectorLayout(**YOLO))


def test_fastestdet_finds_what_is_there(real_data):
    """The first clip shows a woman at a table all the time."""
    detector = OnnxDetector(real_data / "detectors" / "fastestdet" / "FastestDet.onnx", num_regions=36)
    clip = sample_clip(next((real_data / "msvd98" / "video").glob("04Gt01vatkk_248_265.avi")), 3)
    found = detector(clip.frames)
    assert torch.bincount(found.frame).tolist() == [36, 36, 36]
    person, table = 0, 60  # of COCO's 80 classes
    for t in range(3):
        here = found.frame == t
        best = int(found.score[here].argmax())
        assert found.label[here][best] == person
        assert found.score[here][best] > 0.7
        x0, y0, x1, y1 = found.box[here][best].tolist()
        assert x0 < 0.45 < 0.55 < x1  # she sits in the middle
        assert y0 < 0.2
        assert y1 > 0.6
        assert table in found.label[here].tolist()
