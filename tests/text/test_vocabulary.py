"""Vocabulary: ids, encoding of graphs and stores, files, and every error."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphvtr.errors import DataError
from graphvtr.graphs import GraphStore, RoleGraph
from graphvtr.text import BOS, EOS, UNK, Vocabulary

CAPTIONS = [["a", "dog", "chases", "a", "Cat"], ["the", "cat", "sleeps"], ["a", "bird"]]


def test_ids_follow_frequency_then_the_alphabet() -> None:
    vocabulary = Vocabulary.from_captions(CAPTIONS)
    assert vocabulary.words[3:] == ("a", "cat", "bird", "chases", "dog", "sleeps", "the")
    assert (BOS, EOS, UNK) == (0, 1, 2)
    assert len(vocabulary) == 10


def test_min_count_drops_rare_words() -> None:
    vocabulary = Vocabulary.from_captions(CAPTIONS, min_count=2)
    assert vocabulary.words[3:] == ("a", "cat")
    assert vocabulary.ids(["a", "dog", "CAT"]) == [3, UNK, 4]


def test_case_is_kept_when_asked() -> None:
    vocabulary = Vocabulary.from_captions(CAPTIONS, lower=False)
    assert "Cat" in vocabulary
    assert "CAT" not in vocabulary
    assert vocabulary.ids(["Cat"]) != vocabulary.ids(["cat"])


def test_special_words_in_captions_get_no_second_id() -> None:
    vocabulary = Vocabulary.from_captions([["<unk>", "dog"]])
    assert vocabulary.words[3:] == ("dog",)
    assert vocabulary.ids(["<unk>", "<bos>"]) == [UNK, BOS]


def test_encode_sets_word_ids() -> None:
    vocabulary = Vocabulary.from_captions(CAPTIONS)
    graph = RoleGraph.build(["a", "dog", "howls"], [[2]], [("ARG0", [0, 1])], [(0, 0)])
    assert vocabulary.encode(graph) is graph
    assert graph["word"].id.tolist() == [3, 7, UNK]


def test_encode_store_equals_encoding_each_graph() -> None:
    vocabulary = Vocabulary.from_captions(CAPTIONS)
    graphs = [RoleGraph.build(words, [], [], []) for words in (["a", "cat"], ["zebra"], ["the", "dog", "sleeps"])]
    store = vocabulary.encode_store(GraphStore.from_graphs(graphs))
    for index, graph in enumerate(graphs):
        assert store[index]["word"].id.tolist() == vocabulary.encode(graph)["word"].id.tolist()
    assert store.batch([2, 0])["word"].id.tolist() == vocabulary.ids(["the", "dog", "sleeps", "a", "cat"])


@given(st.lists(st.lists(st.text(min_size=1), max_size=5), max_size=5), st.booleans())
def test_every_word_of_the_captions_is_known_and_files_round_trip(
    tmp_path_factory: pytest.TempPathFactory, captions: list[list[str]], lower: bool
) -> None:
    vocabulary = Vocabulary.from_captions(captions, lower=lower)
    for caption in captions:
        assert all(word in vocabulary for word in caption)
        assert [vocabulary.words[index] for index in vocabulary.ids(caption)] == [
            word.lower() if lower else word for word in caption
        ]
    path = tmp_path_factory.mktemp("vocabulary") / "vocabulary.json"
    vocabulary.save(path)
    assert Vocabulary.load(path) == vocabulary
    assert hash(Vocabulary.from_dict(vocabulary.to_dict())) == hash(vocabulary)


def test_word2int_keeps_its_ids(tmp_path: Path) -> None:
    released = {"<BOS>": 0, "<EOS>": 1, "<UNK>": 2, "dog": 4, "a": 3}
    vocabulary = Vocabulary.from_word2int(released)
    assert vocabulary.words == ("<BOS>", "<EOS>", "<UNK>", "a", "dog")
    assert vocabulary.ids(["a", "dog", "cat"]) == [3, 4, UNK]
    path = tmp_path / "word2int.json"
    path.write_text(json.dumps(released))
    assert Vocabulary.load(path) == vocabulary


def test_word2int_without_the_special_words() -> None:
    assert Vocabulary.from_word2int({"a": 3}).words == ("<bos>", "<eos>", "<unk>", "a")


def test_a_difference_is_a_difference() -> None:
    assert Vocabulary(["a"]) != Vocabulary(["b"])
    assert Vocabulary(["a"]) != Vocabulary(["a"], lower=False)
    assert repr(Vocabulary(["a"])) == "Vocabulary(4 words)"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Vocabulary(["dog", "dog"]), "'dog': is given twice"),
        (lambda: Vocabulary(["<unk>"]), "'<unk>': is given twice"),
        (lambda: Vocabulary(["Dog"]), "'Dog': is not in lower case"),
        (lambda: Vocabulary.from_captions([], min_count=0), "min_count: is 0"),
        (lambda: Vocabulary.from_captions(["a dog"]), "'a dog': is a string"),
        (lambda: Vocabulary().ids("a dog"), "'a dog': is a string"),
        (lambda: Vocabulary.from_word2int({"a": 5}), "no word with id 3"),
        (lambda: Vocabulary.from_word2int({"a": 3, "b": 3}), "'b'.*has the id 3 of 'a'"),
        (lambda: Vocabulary.from_word2int({"a": "3"}), "'a'.*is '3'"),
        (lambda: Vocabulary.from_word2int({"a": True}), "'a'.*is True"),
        (lambda: Vocabulary.from_word2int({"a": -1}), "'a'.*is -1"),
        (lambda: Vocabulary.from_dict({}), "is not a graphvtr.Vocabulary/1 object"),
        (lambda: Vocabulary.from_dict({"format": "graphvtr.Vocabulary/1"}), "words: is not a list"),
        (
            lambda: Vocabulary.from_dict({"format": "graphvtr.Vocabulary/1", "words": ["a", "b", "c"]}),
            "lower: is None",
        ),
    ],
)
def test_errors_name_the_item(make: object, message: str) -> None:
    with pytest.raises(DataError, match=message):
        make()  # type: ignore[operator]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no such file"),
        ("{", "is not json"),
        ("[1]", "is not a"),
        ('{"a": 9}', "no word with id 3"),
        ("{}", "is not a"),
    ],
)
def test_file_errors_name_the_file(tmp_path: Path, content: str | None, message: str) -> None:
    path = tmp_path / "words.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(DataError, match=rf"words\.json.*{message}"):
        Vocabulary.load(path)
