"""Words as a frozen pretrained language model reads them, in place of an embedding that is learned."""

from __future__ import annotations

import copy
import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from graphvtr.errors import DataError
from graphvtr.graphs import RoleGraph, node_ptr
from graphvtr.nn.encoders.bert import BertEncoder, compiled_tokenizer
from graphvtr.ops import segment_reduce
from graphvtr.ops.csr import counts_to_ptr


class PretrainedWords(nn.Module):
    """One vector for each word of a caption's role graph: the mean of the word's pieces in the last hidden states.

    It lets models differ in their graphs and not in their reading: each takes it by its option ``text``. The language
    model is frozen, so it is no part of a checkpoint, and with a cache every caption passes through it once
    (:class:`BertEncoder`). The caption is cut into pieces word by word, so that pieces belong to nodes: ``tokenize``
    hangs ``piece.id`` and, on the words, ``word.pieces`` (their number) onto the graph.

    Args:
        model: ``"minilm"``, a Hugging Face directory (BERT-like, or CLIP-like, whose text tower is taken), or a name
            on the Hub.
        cache: folder of the features; True for the default one, False for none.

    Shapes:
        - **input:** a role graph or a packed batch of N captions, tokenised
        - **output:** ``[W, out_channels]``; 0 for a word of which nothing is left (of no letters, or cut off)

    Raises:
        DataError: files that are missing or do not go together, captions that were not tokenised.
        MissingExtraError: ``transformers`` is not installed.

    Example:
        >>> words = PretrainedWords("minilm", cache=False)
        >>> caption = words.tokenize(RoleGraph.build(["dogs", "skateboarding"], [[1]], [("ARG0", [0])], [(0, 0)]))
        >>> caption["word"].pieces.tolist()
        [1, 2]
        >>> words(caption).shape
        torch.Size([2, 384])
    """

    def __init__(self, model: str, cache: bool | str | Path = True) -> None:
        super().__init__()
        self.encoder = BertEncoder(model, layers=1, cache=cache)
        self.out_channels = self.encoder.out_channels

    def tokenize(self, graph: RoleGraph) -> RoleGraph:
        """A caption, or a packed batch with its strings, with its pieces; the graph given is left as it is."""
        words, word_ptr = list(graph["word"].text), node_ptr(graph, "word").cpu()
        table = WordPieces.of(self.encoder.tokenizer, words, word_ptr)
        ids, ptr, pieces = table.packed(word_ptr, self.encoder.max_pieces)
        graph = copy.copy(graph)
        graph["piece"].id, graph["piece"].num_nodes, graph["word"].pieces = ids, len(ids), pieces
        if "ptr" in graph["word"]:
            graph["piece"].ptr = ptr
            graph["piece"].batch = torch.repeat_interleave(ptr.diff())
        return graph

    def forward(self, graph: RoleGraph) -> Tensor:
        """Features of all words, [W, out_channels]."""
        return self.read(graph)[0]

    def read(self, graph: RoleGraph) -> tuple[Tensor, Tensor]:
        """Features of all words [W, out_channels], and of the captions as Sentence-BERT has them, [N, out_channels]:
        the mean of all pieces."""
        if "pieces" not in graph["word"]:
            raise DataError("word.pieces", "missing", "pass captions through the model's transform_text first")
        pieces, ptr = self.encoder(graph)
        words: Tensor = graph["word"].pieces
        begin = ptr[:-1] + 1  # after the special piece at the front
        ends = words.cumsum(0)
        word_ptr = node_ptr(graph, "word").to(ends.device)
        before = torch.cat([ends.new_zeros(1), ends])  # pieces of all words before each word
        caption = torch.repeat_interleave(word_ptr.diff(), output_size=words.size(0))
        first = before[:-1] - before[word_ptr[:-1]][caption] + begin[caption]
        return _means(pieces, first, first + words), segment_reduce(pieces, ptr, "mean")


@dataclass(frozen=True)
class WordPieces:
    """The pieces of the words of captions, each distinct word cut once.

    Args:
        pieces: [P], of all distinct words.
        ptr: [D + 1], where each distinct word's begin.
        word: [W], the distinct word that each word is.
        front, back: the special pieces around a caption.
    """

    pieces: Tensor
    ptr: Tensor
    word: Tensor
    front: Tensor
    back: Tensor

    @classmethod
    def of(cls, tokenizer: Any, words: list[str], word_ptr: Tensor) -> WordPieces:
        """Cut words; where a tokenizer cuts the words of a caption in another way than one alone, every place counts as
        a word of its own."""
        compiled = compiled_tokenizer(tokenizer)
        compiled.no_truncation()
        compiled.no_padding()
        both, single = compiled.encode_batch([["a", "a"], ["a"]], is_pretokenized=True)
        special = [word is None for word in single.word_ids]
        begin, end = special.index(False), len(special) - special[::-1].index(False)
        one, two = single.ids, both.ids
        around = torch.tensor(one[:begin]), torch.tensor(one[end:])
        if two == [*one[:end], *one[begin:end], *one[end:]]:
            number = {word: place for place, word in enumerate(dict.fromkeys(words))}
            texts = [[word] for word in number]
            found = compiled.encode_batch_fast(texts, is_pretokenized=True, add_special_tokens=False)
            own = [part.ids for part in found]
            word = torch.tensor([number[text] for text in words], dtype=torch.long)
        else:
            own = [[] for _ in words]
            captions = [words[begin:end] for begin, end in itertools.pairwise(word_ptr.tolist())]
            encoded = compiled.encode_batch(captions, is_pretokenized=True)
            for caption, first in zip(encoded, word_ptr[:-1].tolist(), strict=True):
                for piece, place in zip(caption.ids, caption.word_ids, strict=True):
                    if place is not None:
                        own[first + place].append(piece)
            word = torch.arange(len(words))
        flat = torch.tensor([piece for part in own for piece in part], dtype=torch.long)
        return cls(flat, torch.tensor([0, *itertools.accumulate(map(len, own))]), word, *around)

    def packed(self, word_ptr: Tensor, most: int) -> tuple[Tensor, Tensor, Tensor]:
        """Pieces of all captions end to end, special ones included, at most ``most`` of each; where each caption's
        begin [N + 1]; and how many each word has [W]."""
        count = self.ptr.diff()[self.word]
        caption = torch.repeat_interleave(word_ptr.diff(), output_size=len(count))
        ends = counts_to_ptr(count)
        before = ends[:-1] - ends[word_ptr[:-1]][caption]  # pieces of the caption's words before
        kept = (most - len(self.front) - len(self.back) - before).clamp(min=0).minimum(count)
        sums = counts_to_ptr(kept)
        total = sums[word_ptr[1:]] - sums[word_ptr[:-1]]
        ptr = counts_to_ptr(total + len(self.front) + len(self.back))
        ids = torch.empty(int(ptr[-1]), dtype=torch.long)
        inner = torch.ones(len(ids), dtype=torch.bool)
        for special, place in ((self.front, ptr[:-1]), (self.back, ptr[1:] - len(self.back))):
            places = place[:, None] + torch.arange(len(special))
            ids[places], inner[places] = special.long(), False
        rank = torch.arange(int(sums[-1])) - torch.repeat_interleave(sums[:-1], kept)
        ids[inner] = self.pieces[torch.repeat_interleave(self.ptr[self.word], kept) + rank]
        return ids, ptr, kept


def _means(rows: Tensor, first: Tensor, end: Tensor) -> Tensor:
    """Means of runs of rows, one after the other, [runs, D]; 0 for an empty one. What lies between two runs is a
    segment too, so that nobody has to know how many rows they have together."""
    ends = torch.stack([first, end], 1).flatten()
    ptr = torch.cat([ends.new_zeros(1), ends, ends.new_full((1,), rows.size(0))])
    return segment_reduce(rows, ptr, "mean")[1::2]
