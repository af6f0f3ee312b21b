"""Ranks of all pairs of a split, in blocks: what an evaluation and every epoch of a training ask for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from tqdm import tqdm

from graphvtr.errors import DataError, check_choice
from graphvtr.metrics import Directions, Metrics, RetrievalRanks, chance_level, rsum
from graphvtr.metrics.positives import Relevant
from graphvtr.metrics.ranks import Ties
from graphvtr.metrics.retrieval import KS, Duplicates, MeanRank, Median
from graphvtr.nn.levels import LevelEmbeddings
from graphvtr.nn.models import RetrievalModel
from graphvtr.nn.shared_batch import ranks as process_ranks
from graphvtr.nn.shared_batch import sum_over_ranks
from graphvtr.tasks.score_file import ScoreFile
from graphvtr.values import plain_fields

IntervalUnit = Literal["query", "video"]
Protocol = Literal["both", "partially_relevant"]
PARTIAL_KS = (1, 5, 10, 100)
#: Bytes of the first pass's blocks that wait for the second.
KEPT_BYTES = 128 << 20


@dataclass(frozen=True)
class EvalOptions:
    """How to evaluate; the conventions are those of :func:`graphvtr.metrics.retrieval_metrics`.

    Args:
        batch_size: videos or captions embedded at a time.
        block: videos and captions scored at a time.
        levels: also rank by each level alone.
        ks: the K of the recalls.
        ties: equal scores.
        median: median rank plain or rounded down.
        mean_rank: over the best or all relevant items.
        duplicates: equal captions are many queries or one.
        samples: resamples of the bootstrap.
        seed: of the bootstrap.
        interval_unit: ``'query'`` draws captions (text to video) and videos (video to text); ``'video'`` draws videos
            with all their captions in both directions, as captions of one video are not independent.
        protocol: ``'both'`` directions, or ``'partially_relevant'``: sentences that tell of a moment search whole
            untrimmed videos, one direction only; recalls at 1, 5, 10 and 100 (unless ``ks`` are given), and ``rsum`` is
            SumR, the sum of these.
    """

    batch_size: int = 128
    block: tuple[int, int] = (256, 1024)
    levels: bool = False
    ks: tuple[int, ...] = KS
    ties: Ties = "pessimistic"
    median: Median = "plain"
    mean_rank: MeanRank = "best"
    duplicates: Duplicates = "many"
    samples: int = 1000
    seed: int = 0
    interval_unit: IntervalUnit = "query"
    protocol: Protocol = "both"

    def __post_init__(self) -> None:
        check_choice("protocol", self.protocol, Protocol)
        if self.protocol == "partially_relevant" and self.ks == KS:
            object.__setattr__(self, "ks", PARTIAL_KS)
        plain_fields(self)
        check_choice("duplicates", self.duplicates, Duplicates)
        check_choice("interval_unit", self.interval_unit, IntervalUnit)
        for name, value in (("batch_size", self.batch_size), ("block", min(self.block))):
            if value < 1:
                raise DataError(name, f"is {value}", "give 1 or more")


def rank_all(
    model: RetrievalModel,
    video: LevelEmbeddings,
    text: LevelEmbeddings,
    video_of_text: Relevant,
    options: EvalOptions = EvalOptions(),
    saved: ScoreFile | None = None,
    progress: bool = False,
) -> list[RetrievalRanks]:
    """Ranks by the fused score and, with ``options.levels``, by each level alone; scores go to ``saved`` too.

    The processes of a distributed run take every so manieth block each, and all get the ranks, the same as one would.
    Blocks of the first pass wait for the second as far as :data:`KEPT_BYTES` go: a split of a few hundred videos is
    scored once, not twice.
    """
    rank, total = process_ranks()
    sides = (video.num_items, text.num_items)
    count = 1 + (len(model.levels) if options.levels else 0)
    ranks = [
        RetrievalRanks(video_of_text, *sides, ties=options.ties, mean_rank=options.mean_rank) for _ in range(count)
    ]
    blocks = list(ranks[0].blocks(options.block))
    first = [block for block in blocks if ranks[0].has_positives(*block)][rank::total]
    blocks = blocks[rank::total]
    kept: dict[tuple[int, int], Tensor] = {}
    room = KEPT_BYTES
    with tqdm(total=len(first) + len(blocks), desc="scores", disable=not progress, leave=False) as bar:
        for videos, texts in first:
            block = _score(model, video, text, videos, texts)
            for one, scores in zip(ranks, block, strict=False):
                one.add_positives(scores, videos.start, texts.start)
            if block.nbytes <= room:
                room -= block.nbytes
                kept[videos.start, texts.start] = block
            bar.update()
        if total > 1:
            for one in ranks:
                one.reduce_positives(_summed(video))
        for videos, texts in blocks:
            seen = kept.pop((videos.start, texts.start), None)
            block = _score(model, video, text, videos, texts) if seen is None else seen
            for one, scores in zip(ranks, block, strict=False):
                one.add(scores, videos.start, texts.start)
            if saved is not None:
                saved.add(block[0], block[1:], videos, texts)
            bar.update()
    if total > 1:
        for one in ranks:
            one.reduce_counts(_summed(video))
    return ranks


def chance(ranks: RetrievalRanks, options: EvalOptions = EvalOptions()) -> Directions:
    """What random rankings are expected to reach on the same queries and items."""
    t2v, v2t = (
        chance_level(positives, ks=options.ks, mean_rank=options.mean_rank) for positives in (ranks.texts, ranks.videos)
    )
    return by_protocol({"t2v": t2v, "v2t": v2t, "rsum": rsum(t2v, v2t)}, options)


def by_protocol(metrics: Directions, options: EvalOptions) -> Directions:
    """The metrics with the sum of recalls that the protocol counts: ``partially_relevant``, of text to video alone."""
    if options.protocol == "both":
        return metrics
    return {**metrics, "rsum": rsum(metrics["t2v"], {})}


def flat_metrics(metrics: Directions) -> Metrics:
    """``{'t2v_R@1': ..., ..., 'rsum': ...}``, for loggers."""
    flat = {f"t2v_{name}": value for name, value in metrics["t2v"].items()}
    flat |= {f"v2t_{name}": value for name, value in metrics["v2t"].items()}
    return {**flat, "rsum": metrics["rsum"]}


def _summed(video: LevelEmbeddings) -> Callable[[Tensor], Tensor]:
    """Sums over the processes, on the device of the embeddings."""
    device = next(iter(video.values())).x.device
    return lambda counted: sum_over_ranks(counted.to(device)).to(counted.device)


def _score(model: RetrievalModel, video: LevelEmbeddings, text: LevelEmbeddings, videos: range, texts: range) -> Tensor:
    """Fused score and scores of the levels of a block, [1 + levels, v, t]."""
    device = video[model.levels[0]].x.device
    rows = video.select(torch.arange(videos.start, videos.stop, device=device))
    columns = text.select(torch.arange(texts.start, texts.stop, device=device))
    level_scores = model.level_scores(rows, columns)
    return torch.cat([model.fuse(level_scores)[None], level_scores])
