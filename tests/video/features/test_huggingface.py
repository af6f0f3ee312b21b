"""Tiny models with random weights, saved as transformers saves them."""

from __future__ import annotations

import json

import pytest
import torch

from graphvtr.errors import DataError
from graphvtr.video import HuggingFaceVision, build_featurizer
from graphvtr.video.features.base import MapFeaturizer

transformers = pytest.importorskip("transformers")

SMALL = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
PICTURES = {"image_size": 32, "patch_size": 8}
FRAMES = torch.randint(0, 256, (3, 40, 60, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def clip_model():
    vision = transformers.CLIPVisionConfig(**SMALL, **PICTURES).to_dict()
    text = transformers.CLIPTextConfig(**SMALL, vocab_size=50, bos_token_id=0, eos_token_id=1).to_dict()
    config = transformers.CLIPConfig(text_config=text, vision_config=vision, projection_dim=12)
    return transformers.CLIPModel(config)


def clip_vision():
    config = transformers.CLIPVisionConfig(**SMALL, **PICTURES, projection_dim=12)
    return transformers.CLIPVisionModelWithProjection(config)


def siglip():
    return transformers.SiglipVisionModel(transformers.SiglipVisionConfig(**SMALL, **PICTURES))


def vit():
    return transformers.ViTModel(transformers.ViTConfig(**SMALL, **PICTURES), add_pooling_layer=False)


def resnet():
    config = transformers.ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1])
    return transformers.ResNetModel(config)


def swin():
    config = transformers.SwinConfig(
        image_size=32, patch_size=2, embed_dim=8, depths=[1, 1], num_heads=[1, 2], window_size=4
    )
    return transformers.SwinModel(config)


MODELS = {
    "clip": (clip_model, 12, (4, 4)),
    "clip vision": (clip_vision, 12, (4, 4)),
    "siglip": (siglip, 16, (4, 4)),
    "vit": (vit, 16, (4, 4)),
    "resnet": (resnet, 16, (4, 4)),
    "swin": (swin, 16, (8, 8)),
}


def save(model, folder):
    model.eval().save_pretrained(folder)
    mean_std = {"image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]}
    (folder / "preprocessor_config.json").write_text(
        json.dumps({"size": {"shortest_edge": 32}, "crop_size": 32, **mean_std})
    )
    return folder


@pytest.mark.parametrize("kind", MODELS)
def test_vectors_and_maps(tmp_path, kind):
    make, dim, grid = MODELS[kind]
    featurizer = build_featurizer(save(make(), tmp_path))
    assert isinstance(featurizer, HuggingFaceVision)
    assert isinstance(featurizer, MapFeaturizer)
    vectors, maps = featurizer.vectors_and_map(FRAMES)
    assert (featurizer.dim, vectors.shape, maps.shape) == (dim, (3, dim), (3, dim, *grid))
    torch.testing.assert_close(featurizer(FRAMES), vectors)
    torch.testing.assert_close(featurizer(FRAMES[1:2]), vectors[1:2])  # pictures do not mix
    json.dumps(featurizer.settings)


def pictures():
    resized = torch.nn.functional.interpolate(FRAMES.permute(0, 3, 1, 2), (32, 32), mode="bilinear", antialias=True)
    return resized.float() / 255 * 2 - 1


def test_clip_gives_its_image_embeddings(tmp_path):
    model = clip_model().eval()
    found = build_featurizer(save(model, tmp_path))(FRAMES)
    with torch.no_grad():
        expected = model.visual_projection(model.vision_model(pixel_values=pictures()).pooler_output)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


def test_a_cls_token_is_the_vector_and_its_patches_are_the_map(tmp_path):
    model = vit().eval()
    vectors, maps = build_featurizer(save(model, tmp_path)).vectors_and_map(FRAMES)
    with torch.no_grad():
        hidden = model(pixel_values=pictures()).last_hidden_state
    torch.testing.assert_close(vectors, hidden[:, 0], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(maps[:, :, 1, 2], hidden[:, 1 + 4 + 2], atol=1e-5, rtol=1e-4)


def test_missing_weights_are_refused(tmp_path):
    from safetensors.torch import load_file, save_file

    save(vit(), tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    weights.pop(next(key for key in weights if "attention" in key))
    save_file(weights, tmp_path / "model.safetensors", {"format": "pt"})
    with pytest.raises(DataError, match=r"lacks weights: .*attention"):
        build_featurizer(tmp_path)


def test_no_weights_at_all(tmp_path):
    save(vit(), tmp_path)
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(DataError, match="holds no model for frame features"):
        build_featurizer(tmp_path)


def test_no_preprocessor(tmp_path):
    save(vit(), tmp_path)
    (tmp_path / "preprocessor_config.json").unlink()
    with pytest.raises(DataError, match=r"preprocessor_config.json: no such file"):
        build_featurizer(tmp_path)


def test_text_models_are_refused(tmp_path):
    config = transformers.BertConfig(**SMALL, vocab_size=20)
    save(transformers.BertModel(config), tmp_path)
    with pytest.raises(DataError, match="is no model of pictures"):
        build_featurizer(tmp_path)
