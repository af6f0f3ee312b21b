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
    def queries(self, embeddings: LevelEmbeddings, side: Side, sample: Sample | None = None) -> Tensor:
        """Keys of queries, [Q, d], float32.

        Args:
            embeddings: of Q captions or videos.
            side: which of the two; items are of the other.
            sample: some items of :meth:`sample`, for keys that only follow the score; without them no fit is made.
        """
        blocks = [
            math.copysign(abs(self.weights[level]) ** 0.5, self.weights[level]) * block
            for level in self.levels
            for block in self._match(level).query_keys(embeddings[level], side)
        ]
        keys = torch.cat([block.float() for block in blocks], dim=1)
        if self.exact or sample is None:
            return keys
        if side == "text":
            return sample.fit(keys, self.model.similarity(sample.embeddings, embeddings).T)
        return sample.fit(keys, self.model.similarity(embeddings, sample.embeddings))

    def sample(self, embeddings: LevelEmbeddings, side: Side) -> Sample:
        """Items that queries are fitted to, two or more.

        Args:
            embeddings: of the items.
            side: which side they are.
        """
        return Sample(embeddings, self.items(embeddings, side))


class Sample:
    r"""Some items, with what the fit of every query needs of them.

    The matrix :math:`K K^\top + \lambda W^{-1}` differs between queries in the weights of the good items alone: it is
    inverted once for low weights, and each query solves for as many unknowns as it has good items (Woodbury).

    Args:
        embeddings: of S items.
        keys: theirs, [S, d].
    """

    def __init__(self, embeddings: LevelEmbeddings, keys: Tensor) -> None:
        self.embeddings = embeddings
        self.x = keys.double() - keys.double().mean(0)
        gram = self.x @ self.x.T
        self.scale = gram.diagonal().mean().clamp(min=1e-12)
        gram = gram + FREE * self.scale  # the constant
        noise = RIDGE / LOW * self.scale
        self.inverse = torch.linalg.inv(gram + noise * torch.eye(len(gram), dtype=gram.dtype))
        self._less = 1 / (noise - RIDGE * self.scale)

    def fit(self, queries: Tensor, scores: Tensor) -> Tensor:
        """Queries [Q, d] moved so that their inner products with the items follow scores [Q, S] up to a constant."""
        left = scores.double() - queries.double() @ self.x.T
        good = scores >= scores.quantile(0.75, dim=1, keepdim=True)
        solved = left @ self.inverse
        for row, best in zip(solved, good, strict=True):
            places = best.nonzero().flatten()
            columns = self.inverse[:, places]
            inner = self._less * torch.eye(len(places), dtype=row.dtype) - columns[places]
            row += columns @ torch.linalg.solve(inner, row[places])
        return (queries + solved @ self.x).float()
