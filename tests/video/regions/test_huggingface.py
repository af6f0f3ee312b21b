"""Tiny detectors with random weights, saved as transformers saves them."""

from __future__ import annotations

import json

import pytest
import torch

from graphvtr.errors import DataError
from graphvtr.video import HFDetector, build_detector

transformers = pytest.importorskip("transformers")

FRAMES = torch.randint(0, 256, (3, 40, 60, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
ATTENTION = {"encoder_attention_heads": 2, "decoder_attention_heads": 2, "encoder_ffn_dim": 16, "decoder_ffn_dim": 16}


def detr():
    backbone = transformers.ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], out_features=["stage2"])
    config = transformers.DetrConfig(
        use_timm_backbone=False,
        use_pretrained_backbone=False,
        backbone=None,
        backbone_config=backbone,
        d_model=16,
        encoder_layers=1,
        decoder_layers=1,
        num_queries=7,
        num_labels=4,
        **ATTENTION,
    )
    return transformers.DetrForObjectDetection(config)


def deformable():
    backbone = transformers.ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], out_features=["stage2"])
    config = transformers.DeformableDetrConfig(
        use_timm_backbone=False,
        use_pretrained_backbone=False,
        backbone=None,
        backbone_config=backbone,
        d_model=32,
        encoder_layers=1,
        decoder_layers=2,
        num_queries=7,
        num_labels=4,
        num_feature_levels=1,
        **ATTENTION,
    )
    return transformers.DeformableDetrForObjectDetection(config)


def save(model, folder):
    model.eval().save_pretrained(folder)
    size = {"shortest_edge": 64, "longest_edge": 100}
    (folder / "preprocessor_config.json").write_text(
        json.dumps({"size": size, "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]})
    )
    return folder


@pytest.mark.parametrize("make", [detr, deformable])
def test_regions_are_the_queries_boxes(tmp_path, make):
    model = make()
    with torch.no_grad():  # queries of random models are all alike: nothing is suppressed here
        found = HFDetector(save(model, tmp_path), min_score=0.0, max_overlap=1.0)(FRAMES)
    pictures = torch.nn.functional.interpolate(FRAMES.permute(0, 3, 1, 2), (64, 96), mode="bilinear", antialias=True)
    with torch.no_grad():
        output = model(pixel_values=pictures.float() / 255 * 2 - 1)
    probability = output.logits.softmax(-1)[..., :4] if output.logits.size(-1) == 5 else output.logits.sigmoid()
    score, label = probability.max(-1)
    assert torch.bincount(found.frame).tolist() == [7, 7, 7]
    for t in range(3):
        order = score[t].argsort(descending=True)
        here = found.frame == t
        torch.testing.assert_close(found.score[here], score[t][order], atol=1e-5, rtol=1e-4)
        assert found.label[here].sort().values.tolist() == label[t].sort().values.tolist()
        x, y, w, h = output.pred_boxes[t][order].unbind(-1)
        expected = torch.stack([x - w / 2, y - h / 2, x + w / 2, y + h / 2], -1).clamp(0, 1)
        torch.testing.assert_close(found.box[here].sort(0).values, expected.sort(0).values, atol=1e-4, rtol=1e-3)


def test_selection_and_settings(tmp_path):
    detector = build_detector(save(detr(), tmp_path), num_regions=2)
    assert isinstance(detector, HFDetector)
    found = detector(FRAMES)
    assert torch.bincount(found.frame, minlength=3).max() <= 2
    assert detector.settings["num_regions"] == 2
    assert json.loads(json.dumps(detector.settings)) == detector.settings
    assert detector.version.startswith(tmp_path.name)


def test_what_is_no_detector_is_refused(tmp_path):
    config = transformers.ViTConfig(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, image_size=32, patch_size=8
    )
    save(transformers.ViTModel(config), tmp_path)
    with pytest.raises(DataError, match="holds no model for detecting regions"):
        HFDetector(tmp_path)
