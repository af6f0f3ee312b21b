"""Words as a frozen pretrained language model reads them, in place of an embedding that is learned."""

from __future__ import annotations

import copy
import itertools
from pathlib import Path

import torch
from torch import Tensor, nn

from graphvtr.errors import DataError
from graphvtr.graphs import RoleGraph, node_ptr
from graphvtr.nn.encoders.bert import BertEncoder
from graphvtr.ops import segment_reduce


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
        flat, word_ptr = list(graph["word"].text), node_ptr(graph, "word").tolist()
        captions = [flat[begin:end] for begin, end in itertools.pairwise(word_ptr)]
        encoded = self.encoder.tokenizer(
            captions, is_split_into_words=True, truncation=True, max_length=self.encoder.max_pieces
        )
        ids: list[list[int]] = encoded["input_ids"]
        owner = [
            begin + word
            for caption, begin in enumerate(word_ptr[:-1])
            for word in encoded.word_ids(caption)
            if word is not None
        ]
        graph = copy.copy(graph)
        graph["piece"].id = torch.tensor([piece for caption in ids for piece in caption])
        graph["piece"].num_nodes = sum(map(len, ids))
        graph["word"].pieces = torch.bincount(torch.tensor(owner, dtype=torch.long), minlength=len(flat))
        if "ptr" in graph["word"]:
            graph["piece"].ptr = torch.tensor([0, *itertools.accumulate(map(len, ids))])
            graph["piece"].batch = torch.repeat_interleave(graph["piece"].ptr.diff())
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
        caption = torch.repeat_interleave(word_ptr.diff(), output_size=len(words))
        first = before[:-1] - before[word_ptr[:-1]][caption] + begin[caption]
        return _means(pieces, first, words), segment_reduce(pieces, ptr, "mean")


def _means(rows: Tensor, first: Tensor, count: Tensor) -> Tensor:
    """Means of runs of rows, [runs, D]; 0 for an empty one."""
    total = int(count.sum())
    run = torch.repeat_interleave(count, output_size=total)
    ptr = torch.cat([count.new_zeros(1), count.cumsum(0)])
    index = torch.arange(total, device=rows.device) - ptr[:-1][run] + first[run]
    return segment_reduce(rows[index], ptr, "mean")
