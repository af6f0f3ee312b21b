"""Zero-shot retrieval with a tiny random CLIP: against the model itself, phrase by phrase."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch.nn.functional import normalize

from graphvtr.errors import DataError
from graphvtr.graphs import GraphStore, RoleGraph, VideoGraph
from graphvtr.nn import GraphVTR, ZeroShot

transformers = pytest.importorskip("transformers")
CAPTIONS = [
    RoleGraph.build("a dog chases a cat".split(), [[2]], [("ARG0", [0, 1]), ("ARG1", [3, 4])], [(0, 0), (1, 0)]),
    RoleGraph.build(["dogs"], [], [], []),
    RoleGraph.build("a white dog barks".split(), [[3]], [("ARG0", [0, 1, 2])], [(0, 0)]),
]


@pytest.fixture(scope="module")
def folder(write_bert: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip")
    tokenizer = transformers.AutoTokenizer.from_pretrained(write_bert(hidden=8, layers=2, positions=32))
    sizes = {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2}
    end = tokenizer.sep_token_id
    config = transformers.CLIPConfig(
        text_config={**sizes, "vocab_size": len(tokenizer), "max_position_embeddings": 16, "eos_token_id": end},
        vision_config={**sizes, "image_size": 8, "patch_size": 4},
        projection_dim=6,
    )
    torch.manual_seed(0)
    transformers.CLIPModel(config).save_pretrained(path)
    tokenizer.save_pretrained(path)
    return path


def own(folder: Path, text: str) -> torch.Tensor:
    """The vector of a phrase by transformers alone."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.CLIPModel.from_pretrained(folder).eval()
    with torch.no_grad():
        found = model.get_text_features(
            **{k: v for k, v in tokenizer(text, return_tensors="pt").items() if k != "token_type_ids"}
        )
    return normalize(getattr(found, "pooler_output", found), dim=1)[0]


def clip(frames: int, regions: bool = False) -> VideoGraph:
    extra = {"region_x": torch.randn(2, 6), "region_frame": torch.tensor([0, frames - 1])} if regions else {}
    return VideoGraph.build(torch.randn(frames, 6), **extra)


def test_phrases_are_the_models_own_vectors(folder: Path) -> None:
    model = ZeroShot(folder)
    text = model.encode_text(GraphStore.from_graphs(CAPTIONS).mapped(model.transform_text).batch([0, 1, 2]))
    texts = {
        "event": ["a dog chases a cat", "dogs", "a white dog barks"],
        "action": ["chases", "barks"],
        "entity": ["a dog", "a cat", "a white dog"],
    }
    for level, phrases in texts.items():
        expected = torch.stack([own(folder, phrase) for phrase in phrases])
        torch.testing.assert_close(text[level].x, expected, atol=1e-5, rtol=1e-4)
    assert text["entity"].ptr is not None
    assert text["entity"].ptr.tolist() == [0, 2, 2, 3]


@pytest.mark.parametrize("regions", [False, True])
def test_without_phrases_it_is_the_models_cosine_and_a_batch_is_its_items(folder: Path, regions: bool) -> None:
    torch.manual_seed(0)
    clips = [clip(3, regions), clip(2, regions)]
    batch = GraphStore.from_graphs(clips).batch([0, 1])
    plain = GraphVTR.zero_shot(folder, phrase_weight=0.0)
    text = plain.encode_text(GraphStore.from_graphs(CAPTIONS).mapped(plain.transform_text).batch([0, 1, 2]))
    mean = torch.stack([normalize(one["frame"].x, dim=1).mean(0) for one in clips])
    expected = normalize(mean, dim=1) @ text["event"].x.T
    torch.testing.assert_close(plain.similarity(plain.encode_video(batch), text), expected)
    model = ZeroShot(folder)
    found = model.similarity(model.encode_video(batch), text)
    single = [
        [model.similarity(model.encode_video(v), model.encode_text(model.transform_text(t))) for t in CAPTIONS]
        for v in clips
    ]
    torch.testing.assert_close(found, torch.cat([torch.cat(row, 1) for row in single]), atol=1e-5, rtol=1e-4)
    assert not torch.allclose(found, expected, atol=1e-3)


def test_what_does_not_fit_is_told(folder: Path, write_bert: Callable[..., Path]) -> None:
    model = ZeroShot(folder)
    with pytest.raises(DataError, match="transform_text"):
        model.encode_text(CAPTIONS[0])
    with pytest.raises(DataError, match="wide"):
        model.encode_video(VideoGraph.build(torch.randn(2, 5)))
    with pytest.raises(DataError, match="nothing to train"):
        model.loss(model.encode_video(clip(2)), model.encode_text(model.transform_text(CAPTIONS[0])), torch.tensor([0]))
    with pytest.raises(DataError, match="no text side"):
        ZeroShot(write_bert(hidden=8, layers=1, positions=16))
    with pytest.raises(DataError, match="0 or more"):
        ZeroShot(folder, phrase_weight=-1.0)
