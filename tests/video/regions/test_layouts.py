from __future__ import annotations

import json
import math

import pytest
import torch

from graphvtr.errors import DataError
from graphvtr.video.regions import DetectorLayout
from graphvtr.video.regions.layouts import decode_fastestdet

WANTED = torch.tensor([[0.1, 0.2, 0.5, 0.4], [0.5, 0.5, 1.0, 0.75]])  # x0 y0 x1 y1 of an input of 40 x 80 pixels
PIXELS = WANTED * torch.tensor([80.0, 40.0, 80.0, 40.0])
PROBABILITIES = torch.tensor([[0.1, 0.7, 0.2], [0.6, 0.1, 0.3]])


def written(form: str, box: torch.Tensor) -> torch.Tensor:
    x0, y0, x1, y1 = box.unbind(-1)
    return {
        "xyxy": box,
        "yxyx": torch.stack([y0, x0, y1, x1], -1),
        "xywh": torch.stack([x0, y0, x1 - x0, y1 - y0], -1),
        "cxcywh": torch.stack([(x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0], -1),
    }[form]


def test_fastestdet_equals_a_plain_loop():
    output = torch.randn(2, 5 + 3, 4, 5, dtype=torch.float64)
    output[:, 0] = output[:, 0].sigmoid()
    output[:, 5:] = output[:, 5:].softmax(1)
    box, score, label = decode_fastestdet(output)
    assert (box.shape, score.shape, label.shape) == ((2, 20, 4), (2, 20), (2, 20))
    for t in range(2):
        for i in range(4):
            for j in range(5):
                cell, number = output[t, :, i, j].tolist(), i * 5 + j
                x, y = (j + math.tanh(cell[1])) / 5, (i + math.tanh(cell[2])) / 4
                w, h = 1 / (1 + math.exp(-cell[3])), 1 / (1 + math.exp(-cell[4]))
                corners = [x - w / 2, y - h / 2, x + w / 2, y + h / 2]
                assert box[t, number].tolist() == pytest.approx([min(max(value, 0), 1) for value in corners])
                assert score[t, number].item() == pytest.approx(cell[0] ** 0.6 * max(cell[5:]) ** 0.4)
                assert label[t, number].item() == max(range(3), key=lambda c: cell[5 + c])


@pytest.mark.parametrize("form", ["xyxy", "yxyx", "xywh", "cxcywh"])
@pytest.mark.parametrize("units", ["pixels", "fractions"])
@pytest.mark.parametrize("turned", [False, True])
def test_yolo_rows(form, units, turned):
    layout = DetectorLayout(kind="yolo", box=form, units=units, objectness=True)
    box = written(form, PIXELS if units == "pixels" else WANTED)
    rows = torch.cat([box, torch.tensor([[0.5], [0.9]]), PROBABILITIES], dim=1)
    rows = torch.cat([rows, torch.zeros(20, 8)])[None]  # more candidates than numbers, as detectors have
    found = layout.decode({"out": rows.transpose(1, 2) if turned else rows}, 40, 80)
    torch.testing.assert_close(found[0][0, :2], WANTED)
    torch.testing.assert_close(found[1][0, :2], torch.tensor([0.35, 0.54]))
    assert found[2][0, :2].tolist() == [1, 0]


def test_yolo_without_objectness():
    layout = DetectorLayout(kind="yolo", objectness=False, units="fractions", box="xyxy")
    rows = torch.cat([torch.cat([WANTED, PROBABILITIES], dim=1), torch.zeros(20, 7)])[None]
    assert layout.decode({"out": rows}, 40, 80)[1][0, :2].tolist() == pytest.approx([0.7, 0.6])


def test_raw_scores_are_activated():
    logits = PROBABILITIES.logit()
    rows = torch.cat([torch.cat([WANTED, torch.zeros(2, 1), logits], dim=1), torch.zeros(20, 8)])[None]
    layout = DetectorLayout(kind="yolo", units="fractions", box="xyxy", activation="sigmoid")
    assert layout.decode({"out": rows}, 40, 80)[1][0, :2].tolist() == pytest.approx([0.35, 0.3])


def test_ssd_with_a_background():
    layout = DetectorLayout(kind="ssd", box="yxyx", units="fractions", activation="softmax", background=0)
    score = torch.tensor([[5.0, 1.0, 2.0], [0.0, 3.0, 0.0]])
    found = layout.decode({"boxes": written("yxyx", WANTED)[None], "scores": score[None]}, 40, 80)
    torch.testing.assert_close(found[0][0], WANTED)
    assert found[1][0].tolist() == pytest.approx(score.softmax(-1)[[0, 1], [2, 1]].tolist())
    assert found[2][0].tolist() == [2, 1]


def test_ssd_with_labels_and_named_outputs():
    layout = DetectorLayout(kind="ssd", box="xyxy", outputs=("b", "s", "l"))
    outputs = {
        "l": torch.tensor([[7.0, 3.0]]),
        "b": PIXELS[None],
        "s": torch.tensor([[0.9, 0.2]]),
        "unused": torch.zeros(1),
    }
    box, score, label = layout.decode(outputs, 40, 80)
    torch.testing.assert_close(box[0], WANTED)
    assert (score.tolist(), label.tolist()) == ([pytest.approx([0.9, 0.2])], [[7, 3]])


def test_boxes_are_cut_at_the_picture():
    layout = DetectorLayout(kind="ssd", box="xyxy", units="fractions")
    box = layout.decode({"b": torch.tensor([[[-0.5, 0.2, 0.5, 1.7]]]), "s": torch.ones(1, 1, 2)}, 8, 8)[0]
    torch.testing.assert_close(box[0, 0], torch.tensor([0.0, 0.2, 0.5, 1.0]))


@pytest.mark.parametrize(
    ("layout", "outputs"),
    [
        (DetectorLayout(), {"map": torch.zeros(1, 10, 4)}),
        (DetectorLayout(), {"map": torch.zeros(1, 5, 4, 4)}),
        (DetectorLayout(kind="yolo"), {"rows": torch.zeros(10, 8)}),
        (DetectorLayout(kind="ssd"), {"boxes": torch.zeros(1, 10, 4)}),
        (DetectorLayout(kind="ssd"), {"boxes": torch.zeros(1, 10, 5), "scores": torch.zeros(1, 10, 3)}),
        (DetectorLayout(kind="ssd"), {"boxes": torch.zeros(1, 10, 4), "scores": torch.zeros(1, 10)}),
        (DetectorLayout(kind="ssd"), {"boxes": torch.zeros(1, 10, 4), "scores": torch.zeros(1, 9, 3)}),
        (DetectorLayout(kind="yolo", outputs=("other",)), {"rows": torch.zeros(1, 10, 8)}),
    ],
)
def test_other_outputs_are_refused_by_file(layout, outputs):
    with pytest.raises(DataError, match=r"^model.onnx: (does not fit kind|has no output 'other')"):
        layout.decode(outputs, 32, 32, source="model.onnx")


def test_configuration_files(tmp_path):
    path = tmp_path / "model.json"
    path.write_text(json.dumps({"kind": "yolo", "size": [40, 80], "colour": "rgb", "outputs": ["out"]}), "utf-8-sig")
    layout = DetectorLayout.from_file(path)
    assert layout == DetectorLayout(kind="yolo", size=(40, 80), colour="rgb", outputs=("out",))
    assert DetectorLayout.from_mapping(json.loads(json.dumps(layout.settings))) == layout


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is not json"),
        ("[]", "is no JSON object"),
        ('{"sort": "yolo"}', "has 'sort'.*known: kind"),
        ('{"kind": "rcnn"}', "kind: is 'rcnn'.*fastestdet, yolo, ssd"),
        ('{"size": [3]}', "size"),
        ('{"std": [0, 1, 1]}', "std"),
        ('{"mean": 3}', "mean"),
    ],
)
def test_bad_configurations_are_refused(tmp_path, content, message):
    path = tmp_path / "model.json"
    path.write_text(content)
    with pytest.raises(DataError, match=message):
        DetectorLayout.from_file(path)
    with pytest.raises(DataError, match="no such file"):
        DetectorLayout.from_file(tmp_path / "none.json")
