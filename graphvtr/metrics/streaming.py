"""Ranks of both directions from a stream of score blocks: the score matrix is never held."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from graphvtr.errors import check_choice
from graphvtr.metrics.positives import Positives, Relevant
from graphvtr.metrics.ranks import RankCounter, Ranks, Ties
from graphvtr.metrics.retrieval import KS, Directions, MeanRank, Median, rsum, summarise
from graphvtr.values import as_integers

ScoreBlock = Callable[[range, range], Tensor]


class RetrievalRanks:
    """Exact ranks of text to video and video to text from blocks [videos, texts] of the score matrix.

    A caption's rank among the videos needs the score of its own video first, and a video's rank needs the best
    score of its captions, which lie scattered over many blocks. So blocks come twice: first those that hold a
    positive pair (:meth:`has_positives`; with captions sorted by video these lie along the diagonal, so the first
    pass is short) to :meth:`add_positives`, then all of them to :meth:`add`. Only the Nt positive scores and one
    counter for each query stay in memory. Both passes must cut the same blocks: a matrix product may round
    differently in another shape.

    Args:
        videos_of_text: the video of each text [Nt], or a list of videos for each.
        num_videos: Nv; every video needs a text.
        num_texts: Nt.
        ties: as in :func:`graphvtr.metrics.retrieval_metrics`.
        mean_rank: ditto.

    Raises:
        DataError: a text or a video without a partner, an index out of range.

    Example:
        >>> scores = torch.tensor([[0.9, 0.8, 0.1], [0.2, 0.3, 0.7]])
        >>> ranks = RetrievalRanks(torch.tensor([0, 0, 1]), num_videos=2, num_texts=3)
        >>> ranks.consume(lambda videos, texts: scores[videos.start:videos.stop, texts.start:texts.stop], (1, 2))
        >>> ranks.metrics()["rsum"]
        600.0
    """

    def __init__(
        self,
        videos_of_text: Relevant,
        num_videos: int,
        num_texts: int,
        *,
        ties: Ties = "pessimistic",
        mean_rank: MeanRank = "best",
    ) -> None:
        check_choice("mean_rank", mean_rank, MeanRank)
        self.texts = Positives.build(videos_of_text, num_texts, num_videos)
        self.videos = self.texts.transposed()
        self._t2v = RankCounter(self.texts, ties, every=mean_rank == "all")
        self._v2t = RankCounter(self.videos, ties, every=mean_rank == "all")

    def has_positives(self, videos: range, texts: range) -> bool:
        """Whether a block has a positive pair, so that :meth:`add_positives` needs it."""
        return len(self.texts.inside(texts, videos)) > 0

    def add_positives(self, scores: Tensor, video_begin: int = 0, text_begin: int = 0) -> None:
        """First pass: remember the scores of the positive pairs of a block [videos, texts]."""
        self._t2v.see_positives(scores.T, text_begin, video_begin)
        self._v2t.see_positives(scores, video_begin, text_begin)

    def add(self, scores: Tensor, video_begin: int = 0, text_begin: int = 0) -> None:
        """Second pass: count a block [videos, texts].

        Raises:
            DataError: a NaN score, or positives of the block's texts or videos that the first pass did not bring.
        """
        self._t2v.count(scores.T, text_begin, video_begin)
        self._v2t.count(scores, video_begin, text_begin)

    def reduce_positives(self, total: Callable[[Tensor], Tensor]) -> None:
        """Between the passes, where several processes take a share of the blocks: ``total`` sums a tensor over them."""
        for counter in (self._t2v, self._v2t):
            counter.reduce_positives(total)

    def reduce_counts(self, total: Callable[[Tensor], Tensor]) -> None:
        """After the second pass, as :meth:`reduce_positives`."""
        for counter in (self._t2v, self._v2t):
            counter.reduce_counts(total)

    def consume(self, score: ScoreBlock, block: tuple[int, int]) -> None:
        """Both passes over ``score(videos, texts) -> [videos, texts]`` in blocks of that many videos and texts."""
        for videos, texts in self.blocks(block):
            if self.has_positives(videos, texts):
                self.add_positives(score(videos, texts), videos.start, texts.start)
        for videos, texts in self.blocks(block):
            self.add(score(videos, texts), videos.start, texts.start)

    def blocks(self, block: tuple[int, int]) -> Iterator[tuple[range, range]]:
        """The blocks of the matrix, row of blocks by row of blocks."""
        num_videos, num_texts = self.videos.num_queries, self.texts.num_queries
        for video in range(0, num_videos, block[0]):
            for text in range(0, num_texts, block[1]):
                yield (
                    range(video, min(video + block[0], num_videos)),
                    range(text, min(text + block[1], num_texts)),
                )

    def ranks(self) -> tuple[Ranks, Ranks]:
        """Ranks of text to video and of video to text.

        Raises:
            DataError: blocks are missing or were added twice.
        """
        return self._t2v.ranks(), self._v2t.ranks()

    def metrics(self, *, ks: Sequence[int] = KS, median: Median = "plain") -> Directions:
        """The metrics of both directions, as :func:`graphvtr.metrics.both_directions` gives them."""
        t2v, v2t = (summarise(ranks, ks=ks, median=median) for ranks in self.ranks())
        return {"t2v": t2v, "v2t": v2t, "rsum": rsum(t2v, v2t)}


def first_of_each(captions: Sequence[str], video_of_text: Tensor | Sequence[int]) -> tuple[Tensor, list[list[int]]]:
    """Equal captions as one text (``duplicates='one'``) before anything is encoded.

    Returns:
        The positions of the texts to keep [Nu], and the videos of each.

    Example:
        >>> first_of_each(["a dog", "a cat", "a dog"], torch.tensor([0, 1, 2]))
        (tensor([0, 1]), [[0, 2], [1]])
    """
    owner = as_integers(video_of_text, "video_of_text")
    positives = Positives.build(owner, len(captions), int(owner.max()) + 1 if len(owner) else 0)
    first, merged = positives.merged(captions)
    return first, [items.tolist() for items in torch.split(merged.item, merged.count.tolist())]
