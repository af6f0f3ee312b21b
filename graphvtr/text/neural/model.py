"""The network: MiniLM's lower layers once a sentence, its upper layers once a predicate, scores of BIO tags."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from graphvtr.text.neural.features import Columns
from graphvtr.text.neural.tags import IMPOSSIBLE


@dataclass(frozen=True)
class Sizes:
    """Sizes of the network; the defaults are MiniLM-L6's."""

    width: int = 384
    heads: int = 12
    hidden: int = 1536
    shared_layers: int = 4
    predicate_layers: int = 2
    dropout: float = 0.1
    positions: int = 512


class SentenceBatch(NamedTuple):
    """Sentences, padded.

    ``pieces [S, P]`` word piece ids, ``piece_mask [S, P]`` (true: a piece), ``first [S, L]`` where each word's first
    piece stands, ``word_mask [S, L]``, ``rows [S, L, 3]`` of :meth:`TreeFeatures.word_rows`.
    """

    pieces: Tensor
    piece_mask: Tensor
    first: Tensor
    word_mask: Tensor
    rows: Tensor


class PredicateBatch(NamedTuple):
    """Predicates of a :class:`SentenceBatch`: ``sentence [N]``, ``position [N]`` (a word), ``rows [N, L, 8]``."""

    sentence: Tensor
    position: Tensor
    rows: Tensor


class SharedDropout(nn.Dropout):
    """Dropout of ``[N, L, D]`` with one mask for all positions of a sequence (Gal and Ghahramani, 2016).

    Drawing a mask for every number takes a fifth of a training step on a CPU; this one takes nothing.
    """

    def forward(self, states: Tensor) -> Tensor:
        """The states, whole channels of a sequence dropped in training."""
        if not self.training or not self.p:
            return states
        return states * super().forward(torch.ones_like(states[:, :1]))


class RoleTagger(nn.Module):
    """Scores of predicates and, given predicates, of the BIO tags of their arguments.

    The lower layers read a sentence once. What the dependency tree says of a word and a predicate
    (:class:`~graphvtr.text.neural.features.TreeFeatures`) and a mark on the predicate are then added to the words'
    first pieces, and the upper layers run once a predicate.

    Args:
        columns: vocabularies of the features and tags.
        embeddings: MiniLM's embedding tensors (:func:`~graphvtr.text.neural.pieces.load_embeddings`); they stay as
            they are, and are no part of the saved weights.
        sizes: sizes of the network.
    """

    def __init__(self, columns: Columns, embeddings: dict[str, Tensor], sizes: Sizes | None = None) -> None:
        super().__init__()
        self.columns, self.sizes = columns, sizes or Sizes()
        width, tags = self.sizes.width, len(columns.rule_tags)
        self._embeddings = embeddings
        self.shared = nn.ModuleList(self._layer() for _ in range(self.sizes.shared_layers))
        self.upper = nn.ModuleList(self._layer() for _ in range(self.sizes.predicate_layers))
        self.mark = nn.Parameter(torch.zeros(width))
        self.word_table = nn.EmbeddingBag(sum(columns.word_sizes), width, mode="sum")
        self.pair_table = nn.EmbeddingBag(sum(columns.pair_sizes), width, mode="sum")
        self.pair_scores = nn.EmbeddingBag(sum(columns.pair_sizes), tags, mode="sum")
        self.dropout = SharedDropout(self.sizes.dropout)
        self.found = nn.Sequential(nn.Linear(width, 128), nn.GELU(), nn.Linear(128, 1))
        self.join = nn.Sequential(nn.Linear(2 * width, width), nn.GELU())
        self.scores = nn.Linear(width, tags)
        self.transition_scores = nn.Parameter(torch.zeros(tags, tags))
        self.reset_parameters()

    def _layer(self) -> nn.TransformerEncoderLayer:
        sizes = self.sizes
        layer = nn.TransformerEncoderLayer(
            sizes.width, sizes.heads, sizes.hidden, 0.0, "gelu", layer_norm_eps=1e-12, batch_first=True
        )
        layer.dropout1, layer.dropout2 = SharedDropout(sizes.dropout), SharedDropout(sizes.dropout)
        return layer

    def reset_parameters(self) -> None:
        """Small feature tables, so that MiniLM's layers begin with what they know."""
        nn.init.normal_(self.mark, std=0.2)
        for table in (self.word_table, self.pair_table):
            nn.init.normal_(table.weight, std=0.02)
        nn.init.zeros_(self.pair_scores.weight)
        nn.init.zeros_(self.transition_scores)

    def load_minilm(self, layers: list[dict[str, Tensor]]) -> None:
        """Begin with MiniLM's layers (:func:`~graphvtr.text.neural.pieces.load_layers`)."""
        for own, weights in zip([*self.shared, *self.upper], layers, strict=True):
            own.load_state_dict(weights)

    def read(self, batch: SentenceBatch) -> tuple[Tensor, Tensor]:
        """Hidden states of the pieces ``[S, P, D]``, and the score of each word as a predicate ``[S, L]``."""
        hidden = self._embed(batch.pieces)
        for layer in self.shared:
            hidden = layer(hidden, src_key_padding_mask=~batch.piece_mask)
        words = _gather(hidden, batch.first).float()
        words = words + self.word_table(batch.rows.flatten(0, 1)).view_as(words)
        return hidden, self.found(self.dropout(words))[..., 0]

    def label(self, hidden: Tensor, batch: SentenceBatch, predicates: PredicateBatch) -> Tensor:
        """Scores of the tags of each predicate's words, ``[N, L, T]``; a predicate's own word is outside."""
        chosen = predicates.sentence
        first, mask = batch.first[chosen], batch.word_mask[chosen]
        added = self.pair_table(predicates.rows.flatten(0, 1)).view(*predicates.rows.shape[:2], self.sizes.width)
        count = torch.arange(len(chosen), device=hidden.device)
        own = torch.zeros_like(mask, dtype=added.dtype)
        own[count, predicates.position] = 1
        added = (self.dropout(added) + own[..., None] * self.mark) * mask[..., None]  # [N, L, D]
        states = hidden[chosen].float()
        states = states.scatter_add(1, first[..., None].expand_as(added), added)
        for layer in self.upper:
            states = layer(states, src_key_padding_mask=~batch.piece_mask[chosen])
        words = _gather(states, first)
        whole = torch.cat([words, words[count, predicates.position][:, None].expand_as(words)], dim=-1)
        scores = self.scores(self.dropout(self.join(whole))).float()
        scores = scores + self.pair_scores(predicates.rows.flatten(0, 1)).view_as(scores)
        outside = torch.full_like(scores[:, 0], IMPOSSIBLE)
        outside[:, self.columns.rule_tags.outside] = 0
        scores = scores.clone()
        scores[count, predicates.position] = outside
        return self.columns.rule_tags.starts(scores)

    def transitions(self) -> Tensor:
        """Score of each step from a tag to another, ``[T, T]``."""
        return self.columns.rule_tags.transitions(self.transition_scores)

    def _embed(self, pieces: Tensor) -> Tensor:
        table = self._embeddings
        hidden = table["words"][pieces] + table["positions"][: pieces.size(1)] + table["types"][0]
        hidden = nn.functional.layer_norm(hidden, hidden.shape[-1:], table["scale"], table["shift"], 1e-12)
        return self.dropout(hidden)


def _gather(states: Tensor, first: Tensor) -> Tensor:
    return states.gather(1, first[..., None].expand(-1, -1, states.size(-1)))
