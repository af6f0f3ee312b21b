"""Keys whose inner product orders items as a model's score does: what an approximate nearest neighbour index holds."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from graphvtr.errors import DataError
from graphvtr.nn import LevelEmbeddings, RetrievalModel
from graphvtr.nn.match.indexed import IndexedMatch, Side

RIDGE, FREE = 0.3, 100.0
"""Strength of the ridge, and variance of the constant, as shares of the sample keys' mean square."""
LOW = 0.2
"""Weight in the fit of what scores below the best quarter."""


class Projection:
    r"""One key an item, made of all levels, so that an inner product stands for the fused score.

    A model's score is :math:`\sum_l w_l s_l`, and each level's matcher says which keys are or follow its score
    (:class:`graphvtr.nn.match.IndexedMatch`). Every block of keys is scaled by :math:`\sqrt{|w_l|}` on both sides.
    Cosines are then exact. What only follows a score (sets of vectors by their mean, a sigmoid, a Jaccard similarity)
    is fitted anew for every query q to the model's own scores s of some items with keys K, by ridge regression that
    begins at the query's own key:

    .. math:: q' = q + K^\top (K K^\top + \lambda W^{-1})^{-1} (s - K q)

    with K and s centred, and W the items' weights: good ones count most. It costs as much as scoring those items, and
    an approximate index takes q' as any key (`Yadav et al. 2022 <https://arxiv.org/abs/2210.12579>`_ approximate
    cross-encoders so, from items scored once).

    Args:
        model: its levels, matchers and :meth:`~graphvtr.nn.RetrievalModel.fuse`.

    Attributes:
        exact: whether the inner product is the score, so that candidates need no second look.
        levels: those that have keys.

    Raises:
        DataError: no level of the model has keys.
    """

    def __init__(self, model: RetrievalModel) -> None:
        self.model = model
        with torch.no_grad():
            weights = model.fuse(torch.eye(len(model.levels))).flatten().tolist()
        self.weights = {level: weight for level, weight in zip(model.levels, weights, strict=True) if weight}
        self.levels = [level for level in self.weights if isinstance(model.matchers[level], IndexedMatch)]
        if not self.levels:
            name = type(model).__name__
            raise DataError(f"model {name}", "has no level that can be indexed", "give a matcher item_keys, query_keys")
        self.exact = len(self.levels) == len(self.weights) and all(self._match(one).exact_keys for one in self.levels)

    def _match(self, level: str) -> IndexedMatch:
        return self.model.matchers[level]  # type: ignore[return-value]

    @torch.no_grad()
    def items(self, embeddings: LevelEmbeddings, side: Side) -> Tensor:
        """Keys of items, [N, d], float32.

        Args:
            embeddings: of N videos or captions.
            side: which of the two.
        """
        blocks = [
            abs(self.weights[level]) ** 0.5 * block
            for level in self.levels
            for block in self._match(level).item_keys(embeddings[level], side)
        ]
        return torch.cat([block.float() for block in blocks], dim=1)

    @torch.no_grad()
    def queries(self, embeddings: LevelEmbeddings, side: Side, sample: LevelEmbeddings | None = None) -> Tensor:
        """Keys of queries, [Q, d], float32.

        Args:
            embeddings: of Q captions or videos.
            side: which of the two; items are of the other.
            sample: some items, for keys that only follow the score; without them no fit is made.
        """
        blocks = [
            math.copysign(abs(self.weights[level]) ** 0.5, self.weights[level]) * block
            for level in self.levels
            for block in self._match(level).query_keys(embeddings[level], side)
        ]
        keys = torch.cat([block.float() for block in blocks], dim=1)
        if self.exact or sample is None or sample.num_items < 2:
            return keys
        if side == "text":
            return _fit(keys, self.items(sample, "video"), self.model.similarity(sample, embeddings).T)
        return _fit(keys, self.items(sample, "text"), self.model.similarity(embeddings, sample))


def _fit(queries: Tensor, items: Tensor, scores: Tensor) -> Tensor:
    """Queries [Q, d] moved so that their inner products with items [S, d] follow scores [Q, S] up to a constant."""
    x = items.double() - items.double().mean(0)
    gram = x @ x.T
    scale = gram.diagonal().mean().clamp(min=1e-12)
    gram = gram + FREE * scale  # the constant
    left = scores.double() - queries.double() @ x.T
    good = scores >= scores.quantile(0.75, dim=1, keepdim=True)
    moves = []
    for wanted, best in zip(left, good, strict=True):
        noise = torch.where(best, RIDGE * scale, RIDGE / LOW * scale)
        moves.append(torch.linalg.solve(gram + noise.diag(), wanted) @ x)
    return (queries + torch.stack(moves)).float()
