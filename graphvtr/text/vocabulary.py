"""Words and their ids."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from graphvtr.errors import DataError
from graphvtr.graphs import GraphStore, RoleGraph
from graphvtr.text.json_file import read_json, write_json

BOS, EOS, UNK = 0, 1, 2
SPECIAL_WORDS = ("<bos>", "<eos>", "<unk>")
FORMAT = "graphvtr.Vocabulary/1"


class Vocabulary:
    """A two-way table of words and ids.

    Ids 0, 1 and 2 are the begin, end and unknown word (the numbers of HGR's released files); the other words
    follow by falling frequency, words of equal frequency in alphabetical order, so that the same captions give
    the same ids.

    Args:
        words: the words from id 3 on, without repeats.
        lower: look words up in lower case (the words themselves are then lower case too).

    Raises:
        DataError: a word is repeated, is one of the three special words, or is not lower case with ``lower``.

    Example:
        >>> vocabulary = Vocabulary.from_captions([["a", "dog", "barks"], ["a", "cat"]])
        >>> vocabulary.words
        ('<bos>', '<eos>', '<unk>', 'a', 'barks', 'cat', 'dog')
        >>> vocabulary.ids(["A", "dog", "purrs"])
        [3, 6, 2]
    """

    def __init__(self, words: Iterable[str] = (), *, lower: bool = True) -> None:
        self._set_words((*SPECIAL_WORDS, *words), lower)

    def _set_words(self, words: tuple[str, ...], lower: bool) -> None:
        self.words, self.lower = words, lower
        self._ids = {word: index for index, word in enumerate(words)}
        if len(self._ids) != len(words):
            repeated = next(word for word, count in Counter(words).items() if count > 1)
            raise DataError(f"vocabulary word '{repeated}'", "is given twice", "give every word once")
        if lower:
            for word in words[len(SPECIAL_WORDS) :]:
                if word != word.lower():
                    raise DataError(f"vocabulary word '{word}'", "is not in lower case", "lower it, or use lower=False")

    @classmethod
    def from_captions(cls, captions: Iterable[Sequence[str]], min_count: int = 1, *, lower: bool = True) -> Vocabulary:
        """The words that ``captions`` (lists of words, for instance ``graph.words``) use ``min_count`` times or more.

        Raises:
            DataError: ``min_count`` is below 1, or a caption is a plain string instead of a list of words.
        """
        if min_count < 1:
            raise DataError("min_count", f"is {min_count}", "give 1 or more")
        counts: Counter[str] = Counter()
        for caption in captions:
            if isinstance(caption, str):
                raise DataError(f"caption '{caption[:60]}'", "is a string, not a list of words", "split it into words")
            counts.update(word.lower() for word in caption) if lower else counts.update(caption)
        kept = [word for word, count in counts.items() if count >= min_count and word not in SPECIAL_WORDS]
        return cls(sorted(kept, key=lambda word: (-counts[word], word)), lower=lower)

    @classmethod
    def from_word2int(cls, word2int: Mapping[str, int], *, lower: bool = True) -> Vocabulary:
        """The vocabulary of a released ``word2int.json``: its ids are kept as they are, whatever names it gives
        to the ids 0, 1 and 2; if it leaves those out, the three special words take them.

        Raises:
            DataError: an id is no whole number, is used twice, or is missing from 0..n-1.
        """
        names = dict(enumerate(SPECIAL_WORDS)) | _invert(word2int)
        missing = next((index for index in range(len(names)) if index not in names), None)
        if missing is not None:
            raise DataError("word2int", f"has no word with id {missing}", "ids must be 0..n-1 without gaps")
        vocabulary = cls.__new__(cls)
        vocabulary._set_words(tuple(names[index] for index in range(len(names))), lower)
        return vocabulary

    def __len__(self) -> int:
        return len(self.words)

    def __contains__(self, word: str) -> bool:
        return (word.lower() if self.lower else word) in self._ids

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Vocabulary) and (self.words, self.lower) == (other.words, other.lower)

    def __hash__(self) -> int:
        return hash((self.words, self.lower))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self)} words)"

    def ids(self, words: Iterable[str]) -> list[int]:
        """The id of each word, :data:`UNK` for words that are not in the vocabulary."""
        if isinstance(words, str):
            raise DataError(f"words '{words[:60]}'", "is a string, not a list of words", "split it into words")
        find = self._ids.get
        if self.lower:
            return [find(word.lower(), UNK) for word in words]
        return [find(word, UNK) for word in words]

    def encode(self, graph: RoleGraph) -> RoleGraph:
        """Set ``graph['word'].id`` [W] from its words; returns the same graph."""
        graph["word"].id = torch.tensor(self.ids(graph["word"].text), dtype=torch.long)
        return graph

    def encode_store(self, store: GraphStore[RoleGraph]) -> GraphStore[RoleGraph]:
        """Set ``word.id`` of all graphs of a store at once; returns the same store."""
        words = store.nodes["word"]
        words.tensors["id"] = torch.tensor(self.ids(words.strings["text"]), dtype=torch.long)
        return store

    def to_dict(self) -> dict[str, Any]:
        """A dict of plain values, for json; :meth:`from_dict` is its inverse."""
        return {"format": FORMAT, "lower": self.lower, "words": list(self.words)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], source: str = "vocabulary") -> Vocabulary:
        """What :meth:`to_dict` gave; ``source`` names it in errors.

        Raises:
            DataError: it is not a vocabulary, or its words are not unique strings.
        """
        if not isinstance(values, Mapping) or values.get("format") != FORMAT:
            raise DataError(source, f"is not a {FORMAT} object", "write it with Vocabulary.save")
        words, lower = values.get("words"), values.get("lower")
        if not isinstance(words, list) or len(words) < len(SPECIAL_WORDS) or not all(isinstance(w, str) for w in words):
            raise DataError(f"{source}: words", "is not a list of at least three strings", "write the file again")
        if not isinstance(lower, bool):
            raise DataError(f"{source}: lower", f"is {lower!r}", "give true or false")
        vocabulary = cls.__new__(cls)
        vocabulary._set_words(tuple(words), lower)
        return vocabulary

    def save(self, path: str | Path) -> None:
        """Write the vocabulary as json; the file appears only once it is whole."""
        write_json(path, self.to_dict())

    @classmethod
    def load(cls, path: str | Path) -> Vocabulary:
        """Read a vocabulary: a file of :meth:`save`, or a released ``word2int.json``.

        Raises:
            DataError: the file is missing, is not json, or holds something else.
        """
        values = read_json(path, "Vocabulary.save")
        if isinstance(values, dict) and "format" not in values and values:
            try:
                return cls.from_word2int(values)
            except DataError as error:
                raise DataError(f"{path}: {error.item}", error.problem, error.fix) from error
        return cls.from_dict(values, source=str(path))


def _invert(word2int: Mapping[str, int]) -> dict[int, str]:
    names: dict[int, str] = {}
    for word, index in word2int.items():
        if not isinstance(index, int) or isinstance(index, bool) or index < 0:
            raise DataError(f"word2int['{word}']", f"is {index!r}", "give a whole number from 0 on")
        if index in names:
            raise DataError(f"word2int['{word}']", f"has the id {index} of '{names[index]}'", "give every word its id")
        names[index] = word
    return names
