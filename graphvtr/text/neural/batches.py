"""Sentences as lists of numbers, and padded batches of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from graphvtr.text.neural.features import PAIR_COLUMNS, WORD_COLUMNS
from graphvtr.text.neural.model import PredicateBatch, SentenceBatch


class Example(NamedTuple):
    """One sentence: its pieces, each word's first piece, and the words' rows."""

    pieces: list[int]
    first: list[int]
    rows: list[list[int]]


def sentence_batch(examples: Sequence[Example]) -> SentenceBatch:
    """Sentences, padded to the longest."""
    pieces, piece_mask = _padded([example.pieces for example in examples])
    first, word_mask = _padded([example.first for example in examples])
    rows = torch.zeros(*first.shape, WORD_COLUMNS, dtype=torch.long)
    for index, example in enumerate(examples):
        rows[index, : len(example.rows)] = torch.tensor(example.rows)
    return SentenceBatch(pieces, piece_mask, first, word_mask, rows)


def predicate_batch(predicates: Sequence[tuple[int, int, list[list[int]]]], words: int) -> PredicateBatch:
    """Predicates ``(sentence, position, pair rows)`` of a batch of sentences; ``words`` is the batch's L."""
    rows = torch.zeros(len(predicates), words, PAIR_COLUMNS, dtype=torch.long)
    for number, (_, _, pair_rows) in enumerate(predicates):
        rows[number, : len(pair_rows)] = torch.as_tensor(pair_rows)
    sentence = torch.tensor([sentence for sentence, _, _ in predicates], dtype=torch.long)
    position = torch.tensor([position for _, position, _ in predicates], dtype=torch.long)
    return PredicateBatch(sentence, position, rows)


def _padded(lists: Sequence[list[int]]) -> tuple[Tensor, Tensor]:
    width = max(map(len, lists))
    table = torch.zeros(len(lists), width, dtype=torch.long)
    mask = torch.zeros(len(lists), width, dtype=torch.bool)
    for row, values in enumerate(lists):
        table[row, : len(values)] = torch.tensor(values)
        mask[row, : len(values)] = True
    return table, mask
