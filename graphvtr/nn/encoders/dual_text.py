"""Words to one vector a caption: the text side of Dual Encoding."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from graphvtr.errors import DataError
from graphvtr.graphs import RoleGraph, node_ptr
from graphvtr.nn.encoders.dual_levels import CommonSpace, SequenceLevels
from graphvtr.nn.encoders.dual_words import WordTable, caption_words
from graphvtr.nn.encoders.pretrained_words import PretrainedWords
from graphvtr.nn.node_features import check_ids

SPECIAL_WORDS = 3
"""Begin, end and unknown word: the ids below are no words of a bag (graphvtr.text.Vocabulary)."""


class DualTextEncoder(nn.Module):
    r"""The text encoder of `"Dual Encoding for Zero-Example Video Retrieval" <https://arxiv.org/abs/1809.06181>`_.

    Three levels side by side, mapped into the common space: the bag of words, the mean of a bidirectional GRU over
    word embeddings, and convolutions over its outputs (:class:`SequenceLevels`, :class:`CommonSpace`).

    The bag counts the words of the caption by id. It is never built: its product with the mapping's weight is the sum
    of a few of that weight's columns.

    Args:
        vocab_size: number of words.
        word_dim: width of the word embedding; with ``text`` that of the language model counts instead.
        hidden: D, width of the common space.
        rnn: width of each direction of the GRU.
        kernels: widths of the convolutions.
        filters: of each convolution.
        first_level: False leaves out the bag of words.
        bow_size: number of words of the bag: the last ones of the vocabulary, all but its three special words when
            None.
        boundaries: put a begin and an end word around every caption, as the released code does; the bag does not
            count them.
        begin_id: id of the begin word.
        end_id: id of the end word.
        dropout: of the GRU's and the convolutions' level and after the mapping.
        packed: False lets the convolutions see the zeros that fill short captions up, as the released code does. The
            GRU never does, there neither.
        text: ``"minilm"`` or the directory of a BERT- or CLIP-like language model: its frozen features of the words in
            their caption take the place of the learned embedding, the mean over all pieces that of the bag, see
            :class:`PretrainedWords`; None learns both.

    Shapes:
        - **input:** a role graph or a packed batch of N, ``word.id`` set
        - **output:** ``[N, hidden]`` of length 1

    Raises:
        DataError: ``word.id`` is missing or outside the vocabulary, or sizes that do not go together.

    Example:
        >>> caption = RoleGraph.build(["dogs", "bark"], [[1]], [("ARG0", [0])], [(0, 0)])
        >>> caption["word"].id = torch.tensor([3, 4])
        >>> DualTextEncoder(10, 5, 8, rnn=4, filters=3).eval()(caption).shape
        torch.Size([1, 8])
    """

    def __init__(
        self,
        vocab_size: int,
        word_dim: int = 500,
        hidden: int = 2048,
        *,
        rnn: int = 512,
        kernels: Sequence[int] = (2, 3, 4),
        filters: int = 512,
        first_level: bool = True,
        bow_size: int | None = None,
        boundaries: bool = False,
        begin_id: int = 0,
        end_id: int = 1,
        dropout: float = 0.2,
        packed: bool = True,
        text: str | None = None,
    ) -> None:
        super().__init__()
        if text is not None and boundaries:
            raise DataError("boundaries", "cannot be had with text", "a language model has begin and end of its own")
        self.pretrained = None if text is None else PretrainedWords(text)
        bow_size = vocab_size - SPECIAL_WORDS if bow_size is None else bow_size
        bow_size = bow_size if first_level else 0
        if first_level and not 0 < bow_size <= vocab_size:
            raise DataError("bow_size", f"is {bow_size} for {vocab_size} words", f"give 1 to {vocab_size}")
        for name, value in (("begin_id", begin_id), ("end_id", end_id)):
            if not 0 <= value < vocab_size:
                raise DataError(name, f"is {value} for {vocab_size} words", f"give 0 to {vocab_size - 1}")
        self.first_bag_word, self.boundaries, self.packed = vocab_size - bow_size, boundaries, packed
        self.begin_id, self.end_id = begin_id, end_id
        self.words = WordTable(vocab_size, word_dim) if self.pretrained is None else None
        word_dim = word_dim if self.pretrained is None else self.pretrained.out_channels
        self.levels = SequenceLevels(word_dim, rnn, kernels, filters, dropout)
        wide, bag = (0, bow_size) if self.pretrained is None else (word_dim, 0)
        self.mapping = CommonSpace(wide + self.levels.out_channels, hidden, bag=bag, dropout=dropout)

    def forward(self, graph: RoleGraph) -> Tensor:
        """Encode the words of a role graph or a packed batch."""
        if self.pretrained is not None:
            return self._pretrained(graph, self.pretrained)
        ids, ptr = caption_words(graph)
        assert self.words is not None
        check_ids(ids, self.words.num_embeddings)
        sequence, sequence_ptr = self._bound(ids, ptr) if self.boundaries else (ids, ptr)
        levels = self.levels(self.words(sequence), sequence_ptr, padded_windows=not self.packed)
        return self.mapping(levels, *self._bag(ids, ptr))  # type: ignore[no-any-return]

    def _pretrained(self, graph: RoleGraph, pretrained: PretrainedWords) -> Tensor:
        """The mean of all word pieces stands for the bag."""
        words, sentences = (x.to(self.mapping.linear.weight.dtype) for x in pretrained.read(graph))
        levels = self.levels(words, node_ptr(graph, "word").to(words.device), padded_windows=not self.packed)
        return self.mapping(torch.cat([sentences, levels], 1))  # type: ignore[no-any-return]

    def _bag(self, ids: Tensor, ptr: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The words from 0 on, where each caption's begin, and 1 or 0: whether the bag counts a word. Leaving words out
        would have to wait for the device."""
        words = ids - self.first_bag_word
        return words.clamp(min=0), ptr, (words >= 0).to(self.mapping.linear.weight.dtype)

    def _bound(self, ids: Tensor, ptr: Tensor) -> tuple[Tensor, Tensor]:
        """Words and pointer with a begin and an end word around every caption."""
        caption = torch.arange(ptr.numel() - 1, device=ptr.device)
        new_ptr = ptr + 2 * torch.arange(ptr.numel(), device=ptr.device)
        bound = ids.new_empty(ids.numel() + 2 * caption.numel())
        bound[new_ptr[:-1]], bound[new_ptr[1:] - 1] = self.begin_id, self.end_id
        owner = torch.repeat_interleave(caption, ptr.diff(), output_size=ids.numel())
        bound[torch.arange(ids.numel(), device=ptr.device) + 2 * owner + 1] = ids
        return bound, new_ptr
