"""Retrieval metrics of a score matrix: recall at K, median rank, mean rank, their sum and what chance gives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypedDict

import numpy as np
import torch
from torch import Tensor

from graphvtr.errors import DataError, check_choice
from graphvtr.metrics.positives import Positives, Relevant
from graphvtr.metrics.ranks import RankCounter, Ranks, Ties
from graphvtr.values import positions

Median = Literal["plain", "floor"]
MeanRank = Literal["best", "all"]
Duplicates = Literal["many", "one"]
Metrics = dict[str, float]
KS = (1, 5, 10)
BLOCK = 1 << 24  # scores looked at in one go


class Directions(TypedDict):
    """Metrics of both directions and ``rsum``, the sum of all their recalls in percent."""

    t2v: Metrics
    v2t: Metrics
    rsum: float


def retrieval_metrics(
    scores: Tensor | np.ndarray,
    relevant: Relevant,
    *,
    ks: Sequence[int] = KS,
    ties: Ties = "pessimistic",
    median: Median = "plain",
    mean_rank: MeanRank = "best",
    captions: Sequence[str] | None = None,
    duplicates: Duplicates = "many",
) -> Metrics:
    """Recall at K in percent (``'R@K'``), median rank (``'MedR'``) and mean rank (``'MnR'``) of queries.

    The rank of a query is the rank of its best relevant item, from 1 on. Published code differs in the rest:

    ==================  ==========================================================================================
    ``ties``            items with the score of a relevant one stand before it (``'pessimistic'``), behind it
                        (``'optimistic'``), or in a random order, of which the expected rank is taken (``'average'``)
    ``median``          ``'plain'``: of an even number of queries the mean of the middle two (HGR's released code:
                        the median of ranks from 0 on, plus 1, which is the same); ``'floor'``: rounded down (VSE++)
    ``mean_rank``       over the best relevant item of each query, or over ``'all'`` relevant items of all queries
    ``duplicates``      queries with equal ``captions``: ``'many'`` queries, or ``'one'`` with the relevant items of
                        all of them (the scores are the first one's)
    ==================  ==========================================================================================

    Args:
        scores: [Nq, Ni], the higher the better.
        relevant: a bool mask [Nq, Ni], one item a query [Nq], or a list of items (or a mask [Ni]) for each query;
            of torch, NumPy or plain lists.
        ks: the K of the recalls.
        ties: see above.
        median: see above.
        mean_rank: see above.
        captions: Nq texts of the queries, needed for ``duplicates='one'``.
        duplicates: see above.

    Raises:
        DataError: shapes that do not fit, a NaN score, a query without a relevant item, an unknown option.

    Example:
        >>> scores = torch.tensor([[0.9, 0.1, 0.3], [0.2, 0.4, 0.8]])
        >>> retrieval_metrics(scores, [[0], [1]], ks=(1, 2))
        {'R@1': 50.0, 'R@2': 100.0, 'MedR': 1.5, 'MnR': 1.5}
    """
    check_choice("duplicates", duplicates, Duplicates)
    scores = as_matrix(scores)
    positives = Positives.build(relevant, *scores.shape)
    if duplicates == "one":
        first, positives = positives.merged(need_captions(captions))
        scores = scores[first.to(scores.device)]
    return summarise(rank(scores, positives, ties, mean_rank), ks=ks, median=median)


def both_directions(
    scores: Tensor | np.ndarray,
    video_of_text: Tensor | np.ndarray | Sequence[int],
    *,
    ks: Sequence[int] = KS,
    ties: Ties = "pessimistic",
    median: Median = "plain",
    mean_rank: MeanRank = "best",
    captions: Sequence[str] | None = None,
    duplicates: Duplicates = "many",
) -> Directions:
    """:func:`retrieval_metrics` of text to video and of video to text, and the sum of their recalls.

    Args:
        scores: [Nv, Nt].
        video_of_text: [Nt], the video of each caption; every video needs a caption.
        ks: as in :func:`retrieval_metrics`, and so are the other options.
        ties: ditto.
        median: ditto.
        mean_rank: ditto.
        captions: Nt texts, needed for ``duplicates='one'``: equal texts are then one query, and one item.
        duplicates: ditto.

    Raises:
        DataError: as :func:`retrieval_metrics`, or a video without a caption.

    Example:
        >>> result = both_directions(torch.eye(3), [0, 1, 2])
        >>> result["t2v"]["R@1"], result["rsum"]
        (100.0, 600.0)
    """
    check_choice("duplicates", duplicates, Duplicates)
    scores = as_matrix(scores)
    num_videos, num_texts = scores.shape
    owner = positions(video_of_text, num_videos, "video_of_text", negative=False, mask=False)
    texts = Positives.build(owner, num_texts, num_videos)
    if duplicates == "one":
        first, texts = texts.merged(need_captions(captions))
        scores = scores[:, first.to(scores.device)]
    t2v = summarise(rank(scores.T, texts, ties, mean_rank), ks=ks, median=median)
    v2t = summarise(rank(scores, texts.transposed(), ties, mean_rank), ks=ks, median=median)
    return {"t2v": t2v, "v2t": v2t, "rsum": rsum(t2v, v2t)}


def rank(scores: Tensor, positives: Positives, ties: Ties = "pessimistic", mean_rank: MeanRank = "best") -> Ranks:
    """Ranks of the relevant items in a whole matrix [Nq, Ni], taken in blocks of rows."""
    check_choice("mean_rank", mean_rank, MeanRank)
    if tuple(scores.shape) != (positives.num_queries, positives.num_items):
        raise DataError(
            "scores", f"has shape {list(scores.shape)}", f"give [{positives.num_queries}, {positives.num_items}]"
        )
    counter = RankCounter(positives, ties, every=mean_rank == "all")
    rows = max(1, BLOCK // max(1, scores.size(1)))
    for begin in range(0, len(scores), rows):
        block = scores[begin : begin + rows]
        counter.see_positives(block, begin)
        counter.count(block, begin)
    return counter.ranks()


def summarise(ranks: Ranks, *, ks: Sequence[int] = KS, median: Median = "plain") -> Metrics:
    """The metrics of ranks; the mean rank is over all relevant items where ``ranks.every`` is given."""
    check_choice("median", median, Median)
    if not ks or min(ks) < 1:
        raise DataError("ks", f"are {tuple(ks)}", "give ranks from 1 on")
    best = ranks.best
    middle = float(np.median(best.numpy()))
    return {
        **{f"R@{k}": 100 * float((best <= k).double().mean()) for k in ks},
        "MedR": float(np.floor(middle)) if median == "floor" else middle,
        "MnR": float((best if ranks.every is None else ranks.every).mean()),
    }


def rsum(t2v: Metrics, v2t: Metrics) -> float:
    """Sum of all recalls of both directions, in percent."""
    return sum(value for metrics in (t2v, v2t) for name, value in metrics.items() if name.startswith("R@"))


def chance_level(positives: Positives, *, ks: Sequence[int] = KS, mean_rank: MeanRank = "best") -> Metrics:
    """What a random ranking is expected to reach.

    With p relevant items of n, all of the first r items are wrong with probability
    ``C(n - p, r) / C(n, r)``; the expected best rank is ``(n + 1) / (p + 1)``. ``MedR`` is the smallest rank
    that half of the queries are expected to reach.

    Args:
        positives: which items are relevant for which query.
        ks: the K of the recalls.
        mean_rank: as in :func:`retrieval_metrics`.

    Example:
        >>> one_of_35 = Positives.build(torch.zeros(1, dtype=torch.long), 1, 35)
        >>> chance = chance_level(one_of_35)
        >>> [round(chance[name], 1) for name in ("R@1", "R@5", "MedR", "MnR")]
        [2.9, 14.3, 18.0, 18.0]
    """
    check_choice("mean_rank", mean_rank, MeanRank)
    n = positives.num_items
    p, queries = (values.double() for values in positives.count.unique(return_counts=True))
    share = queries / queries.sum()
    step = torch.arange(n, dtype=torch.float64)
    # [kinds of p, n + 1]: probability that the first r items are all wrong, r = 0..n
    miss = torch.ones(len(p), n + 1, dtype=torch.float64)
    miss[:, 1:] = ((n - p[:, None] - step).clamp(min=0) / (n - step)).cumprod(1)
    found = 1 - (share[:, None] * miss).sum(0)  # [n + 1]
    best = (share * (n + 1) / (p + 1)).sum()
    return {
        **{f"R@{k}": 100 * float(found[min(k, n)]) for k in ks},
        "MedR": float((found >= 0.5 - 1e-12).nonzero()[0]),
        "MnR": float(best) if mean_rank == "best" else (n + 1) / 2,
    }


def as_matrix(scores: Tensor | np.ndarray) -> Tensor:
    """Scores as a tensor [Nq, Ni]; a DataError when they are no matrix."""
    matrix = torch.as_tensor(scores)
    if matrix.dim() != 2:
        raise DataError("scores", f"has shape {list(matrix.shape)}", "give a matrix [queries, items]")
    return matrix


def need_captions(captions: Sequence[str] | None) -> Sequence[str]:
    """The captions, or an error that says what they are for."""
    if captions is None:
        raise DataError("captions", "are missing", "duplicates='one' needs the text of every query")
    return captions
