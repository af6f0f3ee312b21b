"""Keys whose inner product orders items as a model's score does: what an approximate nearest neighbour index holds."""

from __future__ import annotations

import torch
from torch import Tensor

from graphvtr.errors import DataError
from graphvtr.nn import LevelEmbeddings, RetrievalModel
from graphvtr.nn.match.indexed import IndexedMatch, Side

LOW = 0.2  # weight in the fit of what scores below the best quarter
RIDGE = 1e-6


class Projection:
    r"""One key an item, made of all levels, so that an inner product stands for the fused score.

    A model's score is :math:`\sum_l w_l s_l`, and each level's matcher says which keys follow its score
    (:class:`graphvtr.nn.match.IndexedMatch`). Every block of keys is scaled by :math:`\sqrt{w_l}` on both sides.
    Cosines are then exact. What only follows a score (sets of vectors by their mean, a sigmoid, a Jaccard similarity)
    is fitted anew for every query to the matcher's own scores of some items, by least squares in which good items
    count most.

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
        self.weights = dict(zip(model.levels, weights, strict=True))
        self.levels = [
            level for level in model.levels
            if self.weights[level] > 0 and isinstance(model.matchers[level], IndexedMatch)
        ]  # fmt: skip
        if not self.levels:
            name = type(model).__name__
            raise DataError(f"model {name}", "has no level that can be indexed", "give a matcher item_keys, query_keys")
        self.fitted = [level for level in self.levels if not self._match(level).exact_keys]
        self.exact = not self.fitted and len(self.levels) == len(model.levels)

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
            self.weights[level] ** 0.5 * block
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
            sample: some items, for levels whose keys only follow the score; without them no fit is made.
        """
        scores = None
        if sample is not None and self.fitted and sample.num_items > 8:
            pair = (sample, embeddings) if side == "text" else (embeddings, sample)
            found = self.model.level_scores(*pair).float()  # [levels, Nv, Nt]
            scores = found if side == "text" else found.mT  # [levels, S, Q]
        out: list[Tensor] = []
        for level in self.levels:
            match = self._match(level)
            blocks = [block.float() for block in match.query_keys(embeddings[level], side)]
            if scores is not None and sample is not None and level in self.fitted:
                other: Side = "video" if side == "text" else "text"
                items = [block.float() for block in match.item_keys(sample[level], other)]
                # [Q, S, blocks]: what each block gives for every item
                follows = torch.stack([(i @ q.T).T for i, q in zip(items, blocks, strict=True)], dim=-1)
                wanted = scores[self.model.levels.index(level)].T  # [Q, S]
                factors = _fit(follows, wanted, self.model.fuse(scores).T)
                blocks = [block * factor[:, None] for block, factor in zip(blocks, factors.unbind(1), strict=True)]
            out += [self.weights[level] ** 0.5 * block for block in blocks]
        return torch.cat(out, dim=1)


def _fit(follows: Tensor, wanted: Tensor, fused: Tensor) -> Tensor:
    """Least squares of ``wanted`` [Q, S] on ``follows`` [Q, S, B] and a constant: factors [Q, B], the first over 0."""
    best = fused >= fused.quantile(0.75, dim=1, keepdim=True)
    weight = torch.where(best, 1.0, LOW)[..., None].double()
    x = follows.double()
    x = x - (weight * x).sum(1, keepdim=True) / weight.sum(1, keepdim=True)
    y = wanted.double()[..., None]
    y = y - (weight * y).sum(1, keepdim=True) / weight.sum(1, keepdim=True)
    gram = (weight * x).mT @ x  # [Q, B, B]
    scale = gram.diagonal(dim1=1, dim2=2).mean(1)[:, None, None].clamp(min=1e-12)
    gram = gram + RIDGE * scale * torch.eye(x.size(2), dtype=x.dtype)
    factors = torch.linalg.solve(gram, (weight * x).mT @ y).squeeze(2)
    factors[:, 0] = factors[:, 0].clamp(min=1e-3)
    return torch.nan_to_num(factors, nan=1.0).float()
