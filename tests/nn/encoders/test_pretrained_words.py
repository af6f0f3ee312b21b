"""PretrainedWords against Hugging Face one caption at a time, and every model that takes ``text``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from graphvtr.errors import DataError
from graphvtr.graphs import GraphStore, RoleGraph, VideoGraph
from graphvtr.nn import MODELS, PretrainedWords, RetrievalModel

transformers = pytest.importorskip("transformers")
CAPTIONS = ["a dog barks", "dogs", "a white dog chases the cat , barks and barks"]
SMALL: dict[str, dict[str, Any]] = {
    "vse": {"video_dim": 4},
    "vse++": {"video_dim": 4},
    "dual_encoding": {"video_dim": 4, "video_rnn": 3, "text_rnn": 3, "filters": 2},
    "visern": {"region_dim": 5, "video_rnn": 3, "text_rnn": 3, "filters": 2},
    "hgr": {"video_dim": 4},
    "hanet": {"video_dim": 4},
    "mcsan": {"video_dim": 4, "sentence": None},
}


@pytest.fixture(scope="module")
def folder(write_bert: Callable[..., Path]) -> Path:
    return write_bert(hidden=8, layers=2, positions=32)


def caption(text: str) -> RoleGraph:
    words = text.split()
    graph = RoleGraph.build(words, [[len(words) - 1]], [("ARG0", [0])], [(0, 0)], caption=text)
    graph["word"].id = torch.zeros(len(words), dtype=torch.long)
    return graph


def pack(tokenize: Callable[[RoleGraph], RoleGraph], texts: list[str] = CAPTIONS) -> RoleGraph:
    return GraphStore.from_graphs(tokenize(caption(text)) for text in texts).batch(range(len(texts)))


def test_words_are_the_means_of_their_pieces(folder: Path) -> None:
    words = PretrainedWords(str(folder), cache=False)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModel.from_pretrained(folder).eval()
    found, sentences = words.read(pack(words.tokenize))
    expected, whole = [], []
    for text in CAPTIONS:
        encoded = tokenizer(text.split(), is_split_into_words=True, return_tensors="pt")
        with torch.no_grad():
            states = model(**encoded).last_hidden_state[0]
        owner = encoded.word_ids()
        expected += [
            states[[place for place, word in enumerate(owner) if word == position]].mean(0)
            for position in range(len(text.split()))
        ]
        whole.append(states.mean(0))
    torch.testing.assert_close(found, torch.stack(expected), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(sentences, torch.stack(whole), atol=1e-5, rtol=1e-4)


class CutsByWhatIsBefore:
    """A tokenizer that answers the question whether words are cut alike, alone and together, with no."""

    def __init__(self, compiled: Any) -> None:
        self.compiled = compiled

    def __getattr__(self, name: str) -> Any:
        return getattr(self.compiled, name)

    def encode_batch(self, texts: list[list[str]], **options: Any) -> Any:
        found = self.compiled.encode_batch(texts, **options)
        if texts == [["a", "a"], ["a"]]:
            found[0] = SimpleNamespace(ids=found[0].ids * 2)
        return found


@pytest.mark.parametrize("most", [32, 5])
@pytest.mark.parametrize("together", [False, True])
def test_pieces_are_those_of_the_tokenizer(folder: Path, most: int, together: bool) -> None:
    words = PretrainedWords(str(folder), cache=False)
    words.encoder.max_pieces = most
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    encoded = tokenizer([text.split() for text in CAPTIONS], is_split_into_words=True, truncation=True, max_length=most)
    if together:  # as one that cuts a word by what stands before it
        words.encoder._tokenizer = CutsByWhatIsBefore(words.encoder.tokenizer)
    found = pack(words.tokenize)
    assert found["piece"].id.tolist() == [piece for ids in encoded["input_ids"] for piece in ids]
    counts = [
        encoded.word_ids(caption).count(word)
        for caption, text in enumerate(CAPTIONS)
        for word in range(len(text.split()))
    ]
    assert found["word"].pieces.tolist() == counts


def test_a_packed_batch_is_cut_as_its_captions(folder: Path) -> None:
    words = PretrainedWords(str(folder), cache=False)
    store = GraphStore.from_graphs(map(caption, CAPTIONS))
    single, packed = pack(words.tokenize), words.tokenize(store.batch(range(len(CAPTIONS)), strings=True))
    for field in ("id", "ptr", "batch"):
        assert torch.equal(single["piece"][field], packed["piece"][field])
    assert torch.equal(single["word"].pieces, packed["word"].pieces)
    mapped = store.mapped(words.tokenize).batch([2, 0])
    torch.testing.assert_close(words(mapped), words(pack(words.tokenize, [CAPTIONS[2], CAPTIONS[0]])))


def test_a_cut_word_is_zero(folder: Path) -> None:
    words = PretrainedWords(str(folder), cache=False)
    words.encoder.max_pieces = 4
    graph = words.tokenize(caption(CAPTIONS[2]))
    assert graph["word"].pieces.tolist()[2:] == [0] * 8
    found = words(graph)
    assert found[2:].abs().max() == 0
    assert found[:2].abs().sum(1).min() > 0


def test_captions_that_were_not_tokenised_are_refused(folder: Path) -> None:
    with pytest.raises(DataError, match="transform_text"):
        PretrainedWords(str(folder), cache=False)(caption("a dog"))


@pytest.mark.parametrize("name", SMALL)
def test_every_model_reads_with_it(name: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAPHVTR_CACHE", str(tmp_path))
    torch.manual_seed(0)
    model: RetrievalModel = MODELS[name](vocab_size=5, hidden=6, text=str(folder), **SMALL[name])
    assert model.pretrained_words is not None
    assert model.word_embedding is None
    assert not [key for key, value in model.named_parameters() if "pretrained" in key]
    text = pack(model.transform_text)
    video = VideoGraph.build(torch.randn(3, 4), region_x=torch.randn(3, 5), region_frame=torch.arange(3))
    videos = GraphStore.from_graphs([video, video, video]).batch([0, 1, 2])
    losses = model.loss(model.encode_video(videos), model.encode_text(text), torch.arange(3))
    losses["loss"].backward()
    again = MODELS[name](**model.config)
    again.load_state_dict(model.state_dict())
    scores = [one.eval().similarity(one.encode_video(videos), one.encode_text(text)) for one in (model, again)]
    torch.testing.assert_close(*scores)
    single = torch.cat([model.encode_text(pack(model.transform_text, [one]))[model.levels[0]].x for one in CAPTIONS])
    torch.testing.assert_close(model.encode_text(text)[model.levels[0]].x, single, atol=1e-5, rtol=1e-4)


def test_two_language_models_in_mcsan_are_refused(folder: Path) -> None:
    with pytest.raises(DataError, match="one language model"):
        MODELS["mcsan"](vocab_size=5, video_dim=4, hidden=6, text=str(folder))


def test_the_text_tower_of_a_clip(tmp_path: Path, folder: Path) -> None:
    sizes = {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2}
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    config = transformers.CLIPConfig(
        text_config={**sizes, "vocab_size": len(tokenizer), "max_position_embeddings": 16, "eos_token_id": 2},
        vision_config={**sizes, "image_size": 8, "patch_size": 4},
        projection_dim=8,
    )
    transformers.CLIPModel(config).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    words = PretrainedWords(str(tmp_path), cache=False)
    assert words.encoder.max_pieces == 16
    assert words(pack(words.tokenize)).shape == (14, 8)
